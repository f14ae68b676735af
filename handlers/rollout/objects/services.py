"""The three Services: canary and primary, and the apex that clients call. Rules from Flagger's
router/kubernetes_default.go, `reconcileService`, and canary/util.go, `getPorts`.

Each function gives the whole Service as it must be. `label` and `value` are those of `workloads.selector_label`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handlers.rollout.objects import Object, annotations, labels, spec
from handlers.rollout.objects.ownership import FLUX_OPT_OUT, declare, generated, last_applied, owned_by, with_metadata
from handlers.rollout.spec.canary import Canary, CanaryService, CustomMetadata

_SIDECARS = ("istio-proxy", "envoy")
_PORT_FIELDS = ("name", "protocol", "port", "targetPort", "appProtocol")


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the three Services: its name, what the spec declares for it, and the pods that it leads to."""

    name: str
    declared: CustomMetadata
    label: str
    value: str


def canary_service(canary: Canary, target: Object, label: str, value: str, existing: Object | None) -> dict[str, Any]:
    """The Service of the target's pods."""
    side = _Side(canary.service.canary, canary.service.canary_metadata, label, value)
    return _service(canary, side, target, existing)


def primary_service(canary: Canary, target: Object, label: str, value: str, existing: Object | None) -> dict[str, Any]:
    """The Service of the primary's pods."""
    side = _Side(canary.service.primary, canary.service.primary_metadata, label, f"{value}-primary")
    return _service(canary, side, target, existing)


def apex_service(canary: Canary, target: Object, label: str, value: str, existing: Object | None) -> dict[str, Any]:
    """The Service that clients call. Where no mesh splits the traffic it leads to the primary's pods."""
    side = _Side(canary.service.apex, canary.service.apex_metadata, label, f"{value}-primary")
    return _service(canary, side, target, existing)


def restored_service(canary: Canary, label: str, value: str, existing: Object) -> dict[str, Any]:
    """The apex Service with its first selector, or else one that leads to the target's pods (its `Finalize`)."""
    first = spec(last_applied(existing)).get("selector")
    new = {**existing, "spec": {**spec(existing), "selector": first or {label: value}}}
    if owned_by(existing, canary):
        return new
    return with_metadata(new, labels=labels(new), annotations=declare(new, "annotations", {}))


def _service(canary: Canary, side: _Side, target: Object, existing: Object | None) -> dict[str, Any]:
    new = generated(canary.service_ref(side.name), canary, existing)
    body = _created(canary.service) if existing is None else spec(existing)
    ports = kept_ports(_ports(canary.service, target), body.get("ports") or [])
    new["spec"] = {**body, "selector": {side.label: side.value}, "ports": ports}
    if not owned_by(new, canary):
        # an adopted Service stays its owner's but for selector and ports, and Flux would undo those
        return with_metadata(new, labels=labels(new), annotations={**annotations(new), **FLUX_OPT_OUT})
    own_labels = declare(new, "labels", {**side.declared.labels, side.label: side.name})
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


def _ports(service: CanaryService, target: Object) -> list[dict[str, Any]]:
    """The port of the spec, and the discovered ones."""
    first: dict[str, Any] = {
        "name": service.port_name,
        "protocol": "TCP",
        "port": service.port,
        "targetPort": service.target_port or service.port,
    }
    if service.app_protocol:
        first["appProtocol"] = service.app_protocol
    found = _discovered(service, target) if service.port_discovery else {}
    return [
        first,
        *({"name": name, "protocol": "TCP", "port": port, "targetPort": port} for name, port in found.items()),
    ]


def _discovered(service: CanaryService, target: Object) -> dict[str, int]:
    """The other ports of the target's containers by name; a port without a name is called after its container."""
    ports: dict[str, int] = {}
    for container in spec(spec(target).get("template") or {}).get("containers") or ():
        if container.get("name") in _SIDECARS:
            continue
        for index, port in enumerate(container.get("ports") or ()):
            wanted = service.target_port or service.port
            if wanted != (port.get("name") if isinstance(wanted, str) else port["containerPort"]):
                ports[port.get("name") or f"tcp-{container.get('name', '')}-{index}"] = port["containerPort"]
    return ports


def kept_ports(ports: list[dict[str, Any]], existing: list[Object]) -> list[Object]:
    """Our ports with what the existing ones of the same names have besides, such as node ports; order says nothing."""
    named = {port.get("name"): port for port in existing}
    new: list[Object] = []
    for port in ports:
        old = named.get(port["name"]) or {}
        new.append({key: item for key, item in old.items() if key not in _PORT_FIELDS} | port)
    same = len(new) == len(existing) and all(port in existing for port in new)
    return existing if same else new
