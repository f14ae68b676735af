"""While a target stands in, and after a move: edits, deletions and scalers of before."""

import pytest

from handlers.rollout.objects import DEPLOYMENT, SCALED_OBJECT, SERVICE
from tests.lab import Lab, a_canary, at, new_lab
from tests.protocol.clients import Clients
from tests.protocol.harness import state_of
from tests.protocol.situations import deleted, scaled
from tests.scenarios.neighbours import CANARY, answering, labelled, look, refused, replicas, told
from tests.scenarios.test_moves_alike import SAME, begun, renamed, version, wrong

SCALER = "keda.sh/v1alpha1/scaledobjects/app"
PAUSED = "autoscaling.keda.sh/paused-replicas"


def standing() -> tuple[Lab, Clients]:
    """A renamed target that has all the traffic, before the former primary goes."""
    lab, clients = begun()
    lab.delete(DEPLOYMENT, "app")
    lab.create(DEPLOYMENT, version("app2"))
    renamed(lab)
    while lab.weights != (0, 100):
        assert wrong(lab, clients, 1) == []
    return lab, clients


def test_a_service_that_is_deleted_while_the_target_stands_in_is_made_again() -> None:
    """With the next tick, and not when the new primary is ready."""
    lab, clients = standing()
    lab.delete(SERVICE, "app-canary")
    look(lab)
    assert wrong(lab, clients, 1) == []
    assert lab.weights == (0, 100)


def test_another_name_of_the_service_while_the_target_stands_in() -> None:
    """The move that is under way ends first; no Service ever leads to two primaries, and pods go after both routes."""
    lab, clients = standing()
    lab.edit(CANARY, {"spec": {"service": {"name": "shop"}}})
    assert wrong(lab, clients, 20) == []
    assert (lab.phase, answering(lab, "shop"), answering(lab, "app")) == (
        "Initialized",
        ["app2-primary"],
        ["app2-primary"],
    )
    assert replicas(lab) == {"app2": 0, "app2-primary": 2}


def test_the_service_of_before_follows_the_primary_to_another_port() -> None:
    """A later version listens elsewhere: clients of the former name are led there as well."""
    lab, clients = begun()
    lab.edit(CANARY, {"spec": {"service": {"name": "shop"}}})
    look(lab, 8)
    lab.edit(CANARY, {"spec": {"service": {"targetPort": 9090}}})
    first = version("app")["spec"]["template"]["spec"]["containers"][0]
    lab.edit("apps/v1/deployments/app", {"spec": {"template": {"spec": {"containers": [first]}}}})
    look(lab, 12)
    clients.noticed()
    assert lab.phase == "Succeeded"
    assert [answer.why for answer in clients.answers().values()] == [(), ()]


def test_a_new_version_waits_until_the_former_objects_are_gone() -> None:
    """In a run nobody would keep them up to date."""
    lab, _ = begun()
    lab.edit(CANARY, {"spec": {"service": {"name": "shop"}}})
    lab.push("app:v2")
    look(lab, 12)
    assert lab.phase == "Succeeded"
    assert (lab.get("v1/services/app-primary"), state_of(lab).former) == (None, ())


@pytest.mark.parametrize("named", [None, {"name": "no"}], ids=["none", "another"])
def test_a_scaler_that_the_canary_names_no_more_is_let_go(named: dict[str, str] | None) -> None:
    """KEDA would hold the target at no pods for good, whoever it belongs to."""
    lab = scaled(SCALED_OBJECT)
    lab.edit(CANARY, {"spec": {"revertOnDeletion": True}})
    lab.until("Initialized")
    look(lab, 3)
    assert PAUSED in lab.get(SCALER)["metadata"]["annotations"]
    lab.edit(CANARY, {"spec": {"autoscalerRef": named}})
    deleted(lab)
    look(lab, 6)
    assert PAUSED not in (lab.get(SCALER)["metadata"].get("annotations") or {})
    assert replicas(lab)["app"] > 0


@pytest.mark.parametrize("target", ["app", "app2"], ids=["another Service", "another target as well"])
def test_an_adopted_service_of_before_a_move_is_given_back(target: str) -> None:
    """It leads to pods that there are."""
    lab = new_lab(a_canary(revertOnDeletion=True))
    body = {"selector": SAME, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    lab.create(SERVICE, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "app"}, "spec": body})
    lab.until("Initialized")
    look(lab, 2)
    if target != "app":
        other = version("app2", port=8080)
        other["spec"]["selector"]["matchLabels"] = other["spec"]["template"]["metadata"]["labels"] = {"app": "app2"}
        lab.create(DEPLOYMENT, other)
    lab.edit(CANARY, {"spec": {"service": {"name": "shop"}, "targetRef": {"name": target}}})
    look(lab, 12)
    deleted(lab)
    look(lab, 6)
    assert (lab.canary, answering(lab, "app")) == (None, [target])


def test_a_move_that_is_held_is_told() -> None:
    """By what, once."""
    lab, _ = begun()
    lab.edit(CANARY, {"metadata": {"annotations": {"serinus.dev/pause": "true"}}})
    lab.create(DEPLOYMENT, version("app2"))
    renamed(lab)
    look(lab, 4)
    assert told(lab, "Halt app.shop advancement paused by serinus.dev/pause") == 1


def test_a_run_does_not_end_at_a_primary_whose_service_leads_to_others() -> None:
    """The move is refused, and the other workload named; the canary keeps its share, with which fewest get there."""
    lab = at(new_lab(), "Progressing", 20)
    look(lab)
    before = lab.weights
    lab.create(DEPLOYMENT, labelled("worker", {"app": "app-primary", "role": "worker"}, "worker:1"))
    lab.create(DEPLOYMENT, labelled("app2", {"app": "app2"}, "app:v3"))
    lab.edit(CANARY, {"spec": {"targetRef": {"name": "app2"}, "service": {"name": "app"}}})
    look(lab, 4)
    assert lab.weights == before
    assert "would lead to pods of Deployment shop/worker as well" in refused(lab)
