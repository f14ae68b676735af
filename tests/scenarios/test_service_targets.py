"""A Service as a target: copies of it are rolled out, and whatever is behind it is somebody else's."""

from typing import Any

import pytest

from handlers.rollout.objects import SERVICE
from handlers.step.sweep import sweep
from tests.lab import TICK, Lab, a_canary, an_alert, new_lab


def served(**spec: Any) -> Lab:
    """A lab whose target is a Service; the Deployment in it is nobody's."""
    lab = new_lab(a_canary(targetRef={"apiVersion": "v1", "kind": "Service", "name": "app"}))
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    meta = {"name": "app", "labels": {"team": "a"}, "annotations": {"note": "1"}}
    body = {"selector": {"version": "1"}, "ports": ports, **spec}
    lab.create(SERVICE, {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": body})
    return lab


def push(lab: Lab, version: str) -> None:
    """The user lets the Service select other pods."""
    lab.edit("v1/services/app", {"spec": {"selector": {"version": version}}})


def versions(lab: Lab) -> tuple[str, str]:
    """What primary and canary lead to."""
    primary, canary = (lab.get(f"v1/services/{name}") for name in ("app-primary", "app-canary"))
    return primary["spec"]["selector"]["version"], canary["spec"]["selector"]["version"]


def to(lab: Lab, weight: int) -> Lab:
    """A rollout of version 2 that has come to this weight."""
    lab.until("Initialized")
    push(lab, "2")
    for _ in range(10):
        if lab.canary["status"]["canaryWeight"] == weight:
            break
        lab.tick()
    assert lab.weights == (100 - weight, weight)
    return lab


def test_a_service_is_rolled_out() -> None:
    """service_controller: the canary's copy follows at once, the primary's when it is promoted; the target stays."""
    lab = served()
    lab.until("Initialized")
    before = lab.get("v1/services/app")
    assert (versions(lab), lab.weights) == (("1", "1"), (100, 0))
    push(lab, "2")
    lab.tick()
    assert (lab.phase, versions(lab)) == ("Progressing", ("1", "2"))
    lab.until("Succeeded")
    assert (versions(lab), lab.weights) == (("2", "2"), (100, 0))
    after = lab.get("v1/services/app")
    assert after["spec"] == before["spec"] | {"selector": {"version": "2"}}
    assert after["metadata"]["annotations"] == {"note": "1"}
    assert "app-primary" not in str(lab.get("apps/v1/deployments/app-primary"))


def test_copies_are_owned_and_have_addresses_of_their_own() -> None:
    """Labels and annotations come along; what the API server gives to one Service does not."""
    ports = [{"name": "http", "port": 80, "targetPort": 8080, "nodePort": 30080}]
    lab = served(type="NodePort", ports=ports)
    lab.until("Initialized")
    target, primary = lab.get("v1/services/app"), lab.get("v1/services/app-primary")
    assert primary["metadata"]["labels"] == {"team": "a"}
    assert primary["metadata"]["annotations"]["note"] == "1"
    assert primary["metadata"]["ownerReferences"][0]["kind"] == "Canary"
    assert primary["spec"]["clusterIP"] != target["spec"]["clusterIP"]
    assert primary["spec"]["ports"][0].get("nodePort") != target["spec"]["ports"][0]["nodePort"] == 30080


def test_a_headless_service_has_headless_copies() -> None:
    """`None` is no address that was given to it."""
    lab = served(clusterIP="None")
    lab.until("Initialized")
    assert lab.get("v1/services/app-primary")["spec"]["clusterIP"] == "None"


def test_a_service_is_rolled_back() -> None:
    """The routes go back; there are no pods of ours to take away, and the rest is quiet."""
    lab = to(served(), 20)
    lab.step(an_alert(lab.clock()))
    assert (lab.phase, lab.weights, versions(lab)) == ("Failed", (100, 0), ("1", "2"))
    lab.tick(2)
    lab.cluster.calls.clear()
    sweep(lab.world, (), TICK)
    assert [verb for verb, _ in lab.cluster.calls] == ["list"] * 5


@pytest.mark.parametrize(("version", "ends"), [("3", "Succeeded"), ("1", "Initialized")])
def test_a_push_in_the_middle(version: str, ends: str) -> None:
    """Another one is analysed anew, and the promoted one cancels the run."""
    lab = to(served(), 40)
    push(lab, version)
    lab.tick()
    assert (lab.weights, versions(lab)[0]) == ((100, 0), "1")
    lab.until(ends)
    assert versions(lab) == (version, version)


def test_a_copy_that_somebody_changes_is_put_back() -> None:
    """At rest the canary's copy is the target's."""
    lab = served()
    lab.until("Initialized")
    lab.edit("v1/services/app-canary", {"spec": {"selector": {"version": "9"}}})
    sweep(lab.world, (), TICK)
    assert versions(lab) == ("1", "1")
