"""The three Services: canary and primary, and the apex that clients call. Rules from Flagger's
router/kubernetes_default.go, `reconcileService`.

Each function gives the whole Service as it must be.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handlers.rollout.objects import Object, annotations, labels, spec
from handlers.rollout.objects.adopted import adopted_ports
from handlers.rollout.objects.ownership import (
    FLUX_OPT_OUT,
    KEEPER,
    declare,
    generated,
    kept_by,
    last_applied,
    owned_by,
    with_metadata,
)
from handlers.rollout.objects.ports import kept_ports, ports_of
from handlers.rollout.objects.sides import Sides, pod_labels, selects
from handlers.rollout.spec.canary import Canary, CanaryService, CustomMetadata


@dataclass(frozen=True, slots=True, kw_only=True)
class Backends:
    """The workloads behind the Services. `settled`: all pods of the primary are of its newest template. `at_target`:
    clients of the apex Service get the target's pods.
    """

    target: Object
    primary: Object | None
    sides: Sides
    settled: bool = True
    at_target: bool = False


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the three Services: its name, what the spec declares for it, its pods' labels and their workload."""

    name: str
    declared: CustomMetadata
    selector: Mapping[str, str]
    workload: Object | None


def canary_service(canary: Canary, behind: Backends, existing: Object | None) -> dict[str, Any]:
    """The Service of the target's pods."""
    service = canary.service
    side = _Side(service.canary, service.canary_metadata, behind.sides.target, behind.target)
    return _service(canary, behind, side, existing)


def primary_service(canary: Canary, behind: Backends, existing: Object | None) -> dict[str, Any]:
    """The Service of the primary's pods."""
    return _of_primary(canary, behind, canary.service.primary, canary.service.primary_metadata, existing)


def apex_service(canary: Canary, behind: Backends, existing: Object | None, name: str = "") -> dict[str, Any]:
    """The Service that clients call, or one of another name that they called before. Where no mesh splits the traffic
    it leads to the primary's pods, or to the target's.
    """
    name, declared = name or canary.service.apex, canary.service.apex_metadata
    if behind.at_target:
        return _service(canary, behind, _Side(name, declared, behind.sides.target, behind.target), existing)
    return _of_primary(canary, behind, name, declared, existing)


def _of_primary(
    canary: Canary, behind: Backends, name: str, declared: CustomMetadata, existing: Object | None
) -> dict[str, Any]:
    selector = behind.sides.primary
    before = spec(existing or {}).get("selector") or {}
    leads_there = any(before.get(name) == value for name, value in behind.sides.own.items())
    if not behind.settled and behind.primary and leads_there:
        # pods that are about to go may not have all the labels of those that come
        selector = before if selects(before, pod_labels(behind.primary)) else selector
    return _service(canary, behind, _Side(name, declared, selector, behind.primary), existing)


def restored_service(canary: Canary, behind: Backends, existing: Object) -> dict[str, Any]:
    """The apex Service with its first selector, or else one that leads to the target's pods (its `Finalize`): the first
    may be about a target of before.
    """
    first = spec(last_applied(existing)).get("selector") or {}
    selector = first if selects(first, pod_labels(behind.target)) else dict(behind.sides.target)
    new = {**existing, "spec": {**spec(existing), "selector": selector}}
    if owned_by(existing, canary):
        return new
    kept = {key: value for key, value in declare(new, "annotations", {}).items() if key != KEEPER}
    return with_metadata(new, labels=labels(new), annotations=kept)


def _service(canary: Canary, behind: Backends, side: _Side, existing: Object | None) -> dict[str, Any]:
    new = generated(canary.service_ref(side.name), canary, existing)
    body = _created(canary.service) if existing is None else spec(existing)
    there = body.get("ports") or []
    ports = ports_of(canary.service, behind.target, side.workload, there)
    if not owned_by(new, canary):
        # an adopted Service stays its owner's but for selector and the Canary's ports, and Flux would undo those
        new["spec"] = {**body, "selector": dict(side.selector), "ports": adopted_ports(ports, there)}
        marks = {**annotations(new), **FLUX_OPT_OUT, **kept_by(new, canary)}
        return with_metadata(new, labels=labels(new), annotations=marks)
    new["spec"] = {**body, "selector": dict(side.selector), "ports": kept_ports(ports, there)}
    own_labels = declare(new, "labels", {**side.declared.labels, behind.sides.label: side.name})
    own_annotations = declare(new, "annotations", {**side.declared.annotations, **FLUX_OPT_OUT})
    return with_metadata(
        new,
        labels=own_labels | _unmanaged(labels(new), canary.service.unmanaged_labels),
        annotations=own_annotations | _unmanaged(annotations(new), canary.service.unmanaged_annotations),
    )


def _unmanaged(current: Mapping[str, str], keys: tuple[str, ...]) -> dict[str, str]:
    """What `spec.service.unmanagedMetadata` leaves to others, with the value that it has now."""
    return {key: current[key] for key in keys if key in current}


def _created(service: CanaryService) -> dict[str, Any]:
    """What is said once, when a Service is made; Flagger never changes it later."""
    body: dict[str, Any] = {"type": "ClusterIP"}
    if service.headless:
        body["clusterIP"] = "None"
    if service.traffic_distribution:
        body["trafficDistribution"] = service.traffic_distribution
    return body
