"""Copies of a Service that is a target: all that the user wrote, and nothing that belongs to one Service alone."""

from typing import Any

import pytest

from handlers.rollout.objects import merge_patch
from handlers.rollout.objects.revision import of_target
from handlers.rollout.objects.service_targets import service_copy
from handlers.rollout.objects.workloads import PROMOTED
from tests.rollout.examples import a_canary

SERVED = {"targetRef": {"kind": "Service", "name": "podinfo"}}


def target(**spec: Any) -> dict[str, Any]:
    """The Service of the user."""
    ports = [{"name": "http", "port": 80, "nodePort": 30080}]
    body = {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "selector": {"v": "1"}, "ports": ports, **spec}
    return {"kind": "Service", "metadata": {"annotations": {"note": "1"}}, "spec": body}


def copied(promoted: str = "", existing: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """Its copy for the primary."""
    canary = a_canary(spec=SERVED)
    return service_copy(canary, canary.primary, target(**spec), existing, promoted)


def test_a_copy() -> None:
    """createService, buildService: address and node port are left to the API server."""
    made = copied("1-aa")
    assert made["spec"] == {"selector": {"v": "1"}, "ports": [{"name": "http", "port": 80}]}
    assert made["metadata"]["annotations"] == {"note": "1", PROMOTED: "1-aa"}
    assert (made["kind"], made["metadata"]["name"]) == ("Service", "podinfo-primary")


def test_a_copy_is_promoted() -> None:
    """Promote: the spec changes, what the API server gave to the copy stays."""
    made = copied("1-aa")
    ports = [{"name": "http", "port": 80, "nodePort": 31000}]
    live = {**made, "spec": made["spec"] | {"clusterIP": "10.0.0.9", "ports": ports}}
    new = copied("1-bb", live, selector={"v": "2"})
    wanted = {"metadata": {"annotations": {PROMOTED: "1-bb"}}, "spec": {"selector": {"v": "2"}}}
    assert merge_patch(live, new) == wanted


@pytest.mark.parametrize(("spec", "field", "value"), [({"clusterIP": "None"}, "clusterIP", "None")])
def test_headless_is_copied(spec: dict[str, Any], field: str, value: str) -> None:
    """When it is made; it cannot be changed later."""
    made = copied(**spec)
    assert made["spec"][field] == value
    assert copied(existing=made, **spec)["spec"] == made["spec"]


def test_traffic_distribution_is_said() -> None:
    """buildService: spec.service.trafficDistribution goes before the target's own."""
    canary = a_canary(spec={**SERVED, "service": {"port": 80, "trafficDistribution": "PreferClose"}})
    made = service_copy(canary, canary.primary, target(ports=None), None)
    assert (made["spec"]["trafficDistribution"], made["spec"]["ports"]) == ("PreferClose", [])
    assert PROMOTED not in made["metadata"]["annotations"]


def test_its_revision_is_its_spec() -> None:
    """service_controller: HasTargetChanged."""
    assert of_target(target()) == of_target({**target(), "metadata": {}})
    assert of_target(target()) != of_target(target(selector={"v": "2"}))
