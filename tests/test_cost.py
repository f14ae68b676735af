"""What an event costs, counted in requests to the API server. (Flagger 1.44: 11.9 per idle canary and interval, 19 a
step, 24 a rollback, 47 a bootstrap.)
"""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

import pytest

from handlers.events.call import Call
from handlers.gate import HANDLERS
from handlers.rollout.commands import ABORT
from handlers.rollout.objects import CANARY, HPA, SCALED_OBJECT, Kind
from handlers.rollout.snapshot import Cause
from handlers.step.sweep import sweep
from tests.lab import TICK, Lab, a_canary, a_deployment, an_alert, at, new_lab
from tests.protocol.situations import asked
from tests.scalers import a_scaled_object, an_hpa, scaled_by

NAMESPACE = "/api/v1/namespaces/shop"
PER_TICK = 5
"""One list of Canaries, and one of the metadata of each kind of object that they rest on."""


def many(number: int) -> Lab:
    """A cluster with idle canaries, all initialized."""
    lab = new_lab()
    for index in range(1, number):
        deployment, canary = a_deployment(), a_canary()
        name = f"app-{index}"
        deployment["metadata"]["name"] = canary["metadata"]["name"] = name
        canary["spec"]["targetRef"]["name"] = name
        labels = {"app": name}
        deployment["spec"]["selector"] = {"matchLabels": labels}
        deployment["spec"]["template"]["metadata"]["labels"] = labels
        lab.api.call("POST", "/apis/apps/v1/namespaces/shop/deployments", deployment)
        lab.api.call("POST", "/apis/flagger.app/v1beta1/namespaces/shop/canaries", canary)
    for _ in range(3):
        lab.kubelet.run()
        lab.clock.tick(10)
        sweep(lab.world, (), TICK)
    return lab


def spent(lab: Lab) -> int:
    """Requests since the last time, and begin anew."""
    number = len(lab.cluster.calls)
    lab.cluster.calls.clear()
    return number


@pytest.mark.parametrize("number", [1, 10, 100])
def test_an_idle_tick_costs_the_same_for_any_number_of_canaries(number: int) -> None:
    """A tick over idle canaries makes five requests, however many they are, and writes nothing."""
    lab = many(number)
    spent(lab)
    version = lab.canary["metadata"]["resourceVersion"]
    lab.clock.tick(10)
    sweep(lab.world, (), TICK)
    assert spent(lab) == PER_TICK
    assert lab.canary["metadata"]["resourceVersion"] == version


def test_a_step_costs_at_most_eleven_requests() -> None:
    """Each step of a healthy rollout, told by an event of its own, makes at most ten, and one to see a freeze of the
    namespace.
    """
    lab = at(new_lab(), "Progressing")
    costs = []
    while lab.phase != "Succeeded":
        spent(lab)
        lab.tick()
        costs.append(spent(lab))
    assert len(costs) == 6
    assert max(costs) <= 11, costs


def test_a_step_within_a_tick_saves_the_first_read() -> None:
    """In a tick over all, the list has read the Canary already, and its namespace is read once for all in it."""
    lab = at(new_lab(), "Progressing", 20)
    spent(lab)
    lab.clock.tick(10)
    sweep(lab.world, (), TICK)
    assert spent(lab) <= PER_TICK + 1 + 9


def test_a_command_by_http_hands_on_what_it_has_written() -> None:
    """The Canary that was answered to the command's own write is not read again before the step."""
    lab = at(new_lab(), "Progressing", 20)
    spent(lab)
    assert HANDLERS["/canary/pause"](lab.world, (), Call(namespace="shop", name="app")).status == HTTPStatus.OK
    reads = [path for verb, path in lab.cluster.calls if verb == "get" and path.endswith("/canaries/app")]
    assert len(reads) == 2  # before its write, and for its answer


@pytest.mark.parametrize("number", [1, 10])
def test_a_tick_reads_a_namespace_once_for_all_that_are_due_in_it(number: int) -> None:
    """However many canaries have something to do, and not for those that no freeze could hold."""
    lab = many(number)
    for index in range(number):
        path = f"apps/v1/deployments/app-{index}" if index else "apps/v1/deployments/app"
        lab.edit(path, {"spec": {"template": {"metadata": {"annotations": {"version": "2"}}}}})
    spent(lab)
    lab.clock.tick(10)
    sweep(lab.world, (), TICK)
    assert [call for call in lab.cluster.calls if call[1] == NAMESPACE] == [("get", NAMESPACE)]
    assert lab.phase == "Progressing"


def in_terminating() -> Lab:
    """The Canary has been deleted and gives everything back."""
    lab = at(new_lab(a_canary(revertOnDeletion=True)), "Progressing", 20)
    lab.delete(CANARY, "app")
    return lab


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        pytest.param(lambda: at(new_lab(), "Progressing", 20), an_alert, id="an alert"),
        pytest.param(lambda: asked(at(new_lab(), "Progressing", 20), ABORT), None, id="an abort"),
        pytest.param(in_terminating, None, id="a deletion"),
        pytest.param(new_lab, None, id="a bootstrap"),
        pytest.param(lambda: at(new_lab(), "Promoting", 60), None, id="a promotion"),
    ],
)
@pytest.mark.parametrize("swept", [True, False])
def test_what_no_freeze_holds_reads_no_namespace(
    make: Callable[[], Lab], cause: Callable[[datetime], Cause] | None, swept: bool
) -> None:
    """Told by a tick over all, or by an event of its own."""
    lab = make()
    lab.clock.tick(10)
    spent(lab)
    if swept and not cause:
        sweep(lab.world, (), TICK)
    else:
        lab.step(cause(lab.clock.moment) if cause else TICK)
    assert NAMESPACE not in [path for _, path in lab.cluster.calls]
    assert lab.cluster.calls[-1][0] != "list"


@pytest.mark.parametrize(("kind", "scaler"), [(HPA, an_hpa), (SCALED_OBJECT, a_scaled_object)])
def test_a_scaler_adds_one_read_to_a_step(kind: Kind, scaler: Callable[[], dict[str, Any]]) -> None:
    """Each step of an analysis makes at most one more, and the two steps of the promotion at most two."""
    lab = new_lab(a_canary(**scaled_by(kind)))
    lab.create(kind, scaler())
    at(lab, "Progressing")
    costs: dict[str, int] = {}
    while lab.phase != "Succeeded":
        before = lab.phase
        spent(lab)
        lab.tick()
        costs[before] = max(costs.get(before, 0), spent(lab))
    assert costs["Progressing"] <= 12
    assert max(costs.values()) <= 13 + (kind is SCALED_OBJECT)  # the last one pauses it


def test_an_alert_rolls_back_in_fewer_requests_than_flagger() -> None:
    """A rollback by an alert makes at most twelve requests, the one that takes the traffic back among the first six."""
    lab = at(new_lab(), "Progressing", 20)
    spent(lab)
    lab.step(an_alert(lab.clock()))
    paths = [path for verb, path in lab.cluster.calls if verb == "patch"]
    assert len(lab.cluster.calls) <= 12
    assert (
        next(i for i, call in enumerate(lab.cluster.calls) if "virtualservices" in call[1] and call[0] == "patch") < 6
    )
    assert len(paths) == 3  # the pods go with the next event


def test_a_bootstrap_costs_less_than_flaggers() -> None:
    """From a Canary that nobody knows to Initialized: under 47 requests."""
    lab = new_lab()
    spent(lab)
    lab.step()
    lab.kubelet.run()
    lab.step()
    assert lab.phase == "Initialized"
    assert spent(lab) < 47


@pytest.mark.parametrize(
    ("canary", "more"),
    [
        pytest.param(a_canary(), 0, id="alone"),
        pytest.param(a_canary(**scaled_by(HPA)), 1, id="with an autoscaler"),
    ],
)
def test_a_bootstrap_that_waits_for_pods_reads_only_what_it_waits_for(canary: dict[str, Any], more: int) -> None:
    """The Canary, the target, the primary and the target's scaler; the first time it also says so."""
    lab = new_lab(canary)
    if more:
        lab.create(HPA, an_hpa())
    lab.step()
    spent(lab)
    lab.step()
    assert spent(lab) == 3 + more + len(["the state", "an Event"])
    lab.step()
    assert spent(lab) == 3 + more
