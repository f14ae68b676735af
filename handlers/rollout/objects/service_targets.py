"""A Service as a target: what it points at is rolled out by copies of it, and there are no pods of ours at all.

Rules from Flagger's canary/service_controller.go: NAME-canary follows the target, NAME-primary is what was promoted.
"""

from typing import Any

from handlers.rollout.objects import Object, Ref, annotations, labels, spec
from handlers.rollout.objects.ownership import (
    copied_annotations,
    copied_labels,
    declare,
    generated,
    kept_by,
    with_metadata,
)
from handlers.rollout.objects.ports import kept_ports
from handlers.rollout.objects.workloads import PROMOTED
from handlers.rollout.spec.canary import Canary

_ALLOCATED = ("clusterIP", "clusterIPs", "healthCheckNodePort")
"""What the API server gives to each Service; no two can have the same."""


def service_copy(
    canary: Canary, ref: Ref, target: Object, existing: Object | None, promoted: str = ""
) -> dict[str, Any]:
    """The Service at `ref` as a copy of the target; with `promoted`, marked with that revision."""
    new = generated(ref, canary, existing)
    marks = {PROMOTED: promoted, **kept_by(new, canary)} if promoted else {}
    new = with_metadata(
        new,
        labels=declare(new, "labels", copied_labels(labels(target), ("*",))),
        annotations=declare(new, "annotations", copied_annotations(annotations(target)) | marks),
    )
    kept = {key: value for key, value in spec(new).items() if key in _ALLOCATED}
    return {**new, "spec": kept | _copied(canary, target, spec(new))}


def _copied(canary: Canary, target: Object, existing: Object) -> dict[str, Any]:
    said = {key: value for key, value in spec(target).items() if key not in _ALLOCATED}
    if spec(target).get("clusterIP") == "None" and not existing:
        said["clusterIP"] = "None"
    if canary.service.traffic_distribution:
        said["trafficDistribution"] = canary.service.traffic_distribution
    ports = [{key: value for key, value in port.items() if key != "nodePort"} for port in said.get("ports") or ()]
    return said | {"ports": kept_ports(ports, existing.get("ports") or [])}
