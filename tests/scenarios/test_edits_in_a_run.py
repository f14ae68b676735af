"""What a user edits, or somebody takes away, in the middle of a run is brought up to date at once, and not lost."""

from collections.abc import Callable
from typing import Any

import pytest

from handlers.rollout.objects import DESTINATION_RULE, SERVICE, VIRTUAL_SERVICE
from handlers.step.sweep import sweep
from tests.lab import TICK, Lab, a_canary, at, new_lab
from tests.protocol.situations import GATE, LOAD
from tests.scenarios.neighbours import CANARY, image, look, refused
from tests.test_cost import PER_TICK, spent

RULES = "networking.istio.io/v1beta1/destinationrules"
ROUTE = "networking.istio.io/v1beta1/virtualservices/app"
TLS = {"tls": {"mode": "ISTIO_MUTUAL"}}


def in_a_run(weight: int = 20) -> Lab:
    """A run that stands at a closed gate, so that it is long."""
    lab = at(new_lab(a_canary(analysis={"webhooks": [GATE]})), "Progressing", weight)
    lab.webhooks.answers[GATE["url"]] = [403]
    look(lab)
    return lab


def at_once(lab: Lab) -> None:
    """A tick that comes long before the next step is due."""
    lab.clock.tick(1)
    sweep(lab.world, (), TICK)


EDITS: list[tuple[str, dict[str, Any], str, Callable[[Any], Any], Any]] = [
    ("a traffic policy", {"trafficPolicy": TLS}, f"{RULES}/app-canary", lambda o: o["spec"].get("trafficPolicy"), TLS),
    ("of both sides", {"trafficPolicy": TLS}, f"{RULES}/app-primary", lambda o: o["spec"].get("trafficPolicy"), TLS),
    ("a port", {"port": 81}, "v1/services/app", lambda o: o["spec"]["ports"][0]["port"], 81),
    ("its name", {"portName": "grpc"}, "v1/services/app-canary", lambda o: o["spec"]["ports"][0]["name"], "grpc"),
    ("its protocol", {"appProtocol": "h2c"}, "v1/services/app", lambda o: o["spec"]["ports"][0]["appProtocol"], "h2c"),
    (
        "a label of the apex",
        {"apex": {"labels": {"team": "web"}}},
        "v1/services/app",
        lambda o: o["metadata"]["labels"].get("team"),
        "web",
    ),
    (
        "an annotation of the canary's",
        {"canary": {"annotations": {"note": "1"}}},
        "v1/services/app-canary",
        lambda o: o["metadata"]["annotations"].get("note"),
        "1",
    ),
    ("a host", {"hosts": ["shop.test"]}, ROUTE, lambda o: o["spec"]["hosts"], ["shop.test", "app"]),
    ("a time-out", {"timeout": "3s"}, ROUTE, lambda o: o["spec"]["http"][-1].get("timeout"), "3s"),
]


@pytest.mark.parametrize(("edit", "path", "said", "expected"), [pytest.param(*row, id=why) for why, *row in EDITS])
def test_an_edit_of_the_canary_reaches_its_objects_at_once(
    edit: dict[str, Any], path: str, said: Callable[[Any], Any], expected: Any
) -> None:
    """By the next event, due or not; the weight stays."""
    lab = in_a_run()
    lab.edit(CANARY, {"spec": {"service": edit}})
    at_once(lab)
    assert said(lab.get(path)) == expected
    assert (lab.phase, lab.weights) == ("Progressing", (80, 20))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(SERVICE, "app-primary", id="the primary's Service"),
        pytest.param(SERVICE, "app-canary", id="the canary's"),
        pytest.param(SERVICE, "app", id="the apex"),
        pytest.param(DESTINATION_RULE, "app-primary", id="a DestinationRule"),
        pytest.param(VIRTUAL_SERVICE, "app", id="the route"),
    ],
)
def test_an_object_that_somebody_takes_away_is_made_again(kind: Any, name: str) -> None:
    """By the next event, with the weight that it had."""
    lab = in_a_run()
    lab.delete(kind, name)
    at_once(lab)
    assert lab.get(f"{kind.api_version}/{kind.plural}/{name}")
    assert (lab.phase, lab.weights) == ("Progressing", (80, 20))


@pytest.mark.parametrize(
    ("path", "patch"),
    [
        pytest.param("v1/services/app-primary", {"spec": {"selector": {"app": "elsewhere"}}}, id="a selector"),
        pytest.param(f"{RULES}/app-canary", {"spec": {"host": "elsewhere"}}, id="a DestinationRule"),
        pytest.param(ROUTE, {"spec": {"http": [{"route": [{"destination": {"host": "elsewhere"}}]}]}}, id="the route"),
    ],
)
def test_an_object_that_somebody_edits_is_put_back(path: str, patch: dict[str, Any]) -> None:
    """By the next event."""
    lab = in_a_run()
    before = lab.get(path)["spec"]
    lab.edit(path, patch)
    at_once(lab)
    assert lab.get(path)["spec"] == before


def test_a_step_costs_no_more_while_nothing_changes() -> None:
    """What a tick's lists show as it was is not read."""
    lab = at(new_lab(a_canary(analysis={"webhooks": [LOAD]})), "Progressing", 20)
    look(lab)
    spent(lab)
    look(lab)
    assert spent(lab) <= PER_TICK + 1 + 9


def test_a_step_of_its_own_event_reads_all_when_no_step_is_due() -> None:
    """It has no lists that show what somebody has taken away; a step that is due reads as little as it can."""
    lab = in_a_run()
    lab.clock.tick(9.9)
    lab.step(TICK)
    lab.delete(SERVICE, "app-canary")
    lab.clock.tick(5)
    lab.step(TICK)
    assert lab.get("v1/services/app-canary")


def test_an_edit_is_not_seen_by_a_step_that_looks_at_no_service() -> None:
    """An alert that rolls back reads as little as it can: what came with it is found by the next tick."""
    lab = in_a_run()
    lab.edit(CANARY, {"spec": {"service": {"trafficPolicy": TLS}}})
    lab.push("app:v3")
    look(lab, 3)
    assert lab.get(f"{RULES}/app-canary")["spec"]["trafficPolicy"] == TLS


def moved_port(lab: Lab) -> Lab:
    """One sync brings an image that listens on another port, and the Canary with that targetPort."""
    lab.edit(CANARY, {"spec": {"service": {"targetPort": 9090}}})
    first = lab.target["spec"]["template"]["spec"]["containers"][0]
    new = {**first, "image": "app:v2", "ports": [{"containerPort": 9090}]}
    lab.edit("apps/v1/deployments/app", {"spec": {"template": {"spec": {"containers": [new]}}}})
    return lab


def ports(lab: Lab) -> dict[str, int]:
    """Where the three Services lead to."""
    names = ("app", "app-primary", "app-canary")
    return {name: lab.get(f"v1/services/{name}")["spec"]["ports"][0]["targetPort"] for name in names}


def listens(lab: Lab, workload: str) -> int:
    """The port of a workload's container."""
    found = lab.get(f"apps/v1/deployments/{workload}")["spec"]["template"]["spec"]["containers"][0]
    return int(found["ports"][0]["containerPort"])


def test_a_new_port_reaches_each_side_with_the_version_that_listens_on_it() -> None:
    """At no time does a Service with traffic lead to a port on which its pods do not listen.

    While the primary changes, which has pods of both kinds, the canary has all traffic.
    """
    lab = new_lab()
    lab.until("Initialized")
    look(lab, 2)
    moved_port(lab)
    while lab.phase != "Succeeded":
        look(lab)
        weights, found = lab.weights, ports(lab)
        assert weights
        if weights[0] and image(lab, "app-primary") == "app:v1":
            assert found["app-primary"] == listens(lab, "app-primary") == 8080
        if weights[1]:
            assert found["app-canary"] == listens(lab, "app") == 9090
        if lab.phase == "Promoting":
            assert weights == (0, 100)
    look(lab)
    assert ports(lab) == {"app": 9090, "app-primary": 9090, "app-canary": 9090}


def test_a_rollback_from_a_new_port_leads_to_the_old_one() -> None:
    """The primary has never changed."""
    lab = new_lab()
    lab.until("Initialized")
    moved_port(lab)
    look(lab, 3)
    lab.prometheus.values["requests_total"] = [50]
    look(lab, 6)
    assert (lab.phase, ports(lab)["app-primary"], ports(lab)["app"]) == ("Failed", 8080, 8080)


@pytest.mark.parametrize("name", ["app-primary", "app"])
def test_a_service_that_waits_for_the_next_copy_is_made_again_too(name: str) -> None:
    """A run with another port has failed; what leads to the primary differs from what it will be, and is watched."""
    lab = new_lab()
    lab.until("Initialized")
    moved_port(lab)
    look(lab, 3)
    lab.prometheus.values["requests_total"] = [50]
    look(lab, 6)
    assert lab.phase == "Failed"
    lab.delete(SERVICE, name)
    look(lab, 2)
    assert ports(lab)[name] == 8080


def test_a_push_while_the_canary_has_all_waits_for_the_primary_and_begins_at_nothing() -> None:
    """The primary is replaced by pods that listen elsewhere: the canary keeps the traffic until they are ready.
    It then gives the traffic back, for the new version has earned none of it.
    """
    lab = new_lab()
    lab.until("Initialized")
    lab.kubelet.run()
    moved_port(lab)
    while lab.phase != "Promoting":
        look(lab)
    where = "/apis/apps/v1/namespaces/shop/deployments/app-primary/status"
    generation = lab.primary["metadata"]["generation"]
    status = {"observedGeneration": generation, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 1}
    lab.api.call("PATCH", where, {"status": {**status, "readyReplicas": 1}})
    lab.push("app:v3")
    at_once(lab)
    assert (lab.phase, lab.weights) == ("Progressing", (0, 100))
    look(lab)
    assert lab.weights == (100, 0)
    look(lab)
    assert lab.weights == (80, 20)


def test_a_port_without_a_name_that_the_spec_knows_holds_the_version() -> None:
    """The Service would lead to none of its pods."""
    lab = new_lab()
    first = lab.target["spec"]["template"]["spec"]["containers"][0]

    def named(name: str, image: str) -> None:
        port = {"name": name, "containerPort": 8080}
        template = {"spec": {"containers": [{**first, "image": image, "ports": [port]}]}}
        lab.edit("apps/v1/deployments/app", {"spec": {"template": template}})

    named("web", "app:v1")
    lab.edit(CANARY, {"spec": {"service": {"targetPort": "web"}}})
    look(lab, 4)
    assert lab.phase == "Initialized"
    named("http", "app:v2")
    look(lab, 3)
    assert (lab.phase, lab.weights) == ("Initialized", (100, 0))
    assert "'web', but no container of the target has a port of this name (names that they have: http)" in refused(lab)
    named("web", "app:v3")
    look(lab, 8)
    assert (lab.phase, refused(lab)) == ("Succeeded", "")
