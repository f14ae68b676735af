"""The ports of the three Services: the one of the spec, and the discovered ones. Rules from Flagger's
router/kubernetes_default.go and canary/util.go, `getPorts`; discovered ports keep names and protocols, and a Service
leads to ports on which the pods of its own side listen.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from handlers.rollout.objects import Object, spec
from handlers.rollout.spec.canary import CanaryService

_SIDECARS = ("istio-proxy", "envoy")
_PORT_FIELDS = ("name", "protocol", "port", "targetPort", "appProtocol")
_LONGEST = 63
"""Characters of the name of a port (apimachinery, IsDNS1123Label)."""
TCP = "TCP"

Port = dict[str, Any]


def ports_of(
    service: CanaryService, target: Object, side: Object | None, existing: Iterable[Object] = ()
) -> list[Port]:
    """The ports of a Service that leads to the pods of `side`: the target, or its primary, or None, not made yet.

    The discovered ones are those of the target and those that its primary still has.
    """
    first: Port = {
        "name": service.port_name,
        "protocol": TCP,
        "port": service.port,
        "targetPort": target_port(service, target, side, existing),
    }
    if service.app_protocol:
        first["appProtocol"] = service.app_protocol
    found = [first]
    if service.port_discovery:
        for workload in (target, side):
            for port in _discovered(service, workload or {}):
                _add(found, port)
    return found


def target_port(service: CanaryService, target: Object, side: Object | None, existing: Iterable[Object]) -> int | str:
    """Where requests go on the pods of a side.

    A primary that does not declare the port that the spec names, while the target does, still listens where it did. A
    name that nobody declares leads nowhere, so the Service stays as it is; a number may be listened on all the same.
    """
    wanted = service.target_port or service.port
    if side is None or _declares(side, wanted):
        return wanted
    declared = _declares(target, wanted)
    if not isinstance(wanted, str) and (side is target or not declared):
        return wanted
    same = (
        port
        for key, value in (("name", service.port_name), ("port", service.port))
        for port in existing
        if port.get(key) == value
    )
    before: int | str | None = next((port.get("targetPort") for port in same), None)
    if before is not None and _declares(side, before):
        return before
    return (_counterpart(target, side, wanted) if declared else 0) or wanted


def missing_name(service: CanaryService, target: Object) -> str:
    """Why no pod of a target would ever be found: the name of a port that none of its containers has; else empty."""
    if not isinstance(service.target_port, str) or _declares(target, service.target_port):
        return ""
    names = {str(port.get("name", "")) for box in _containers(target) for port in box.get("ports") or ()}
    known = ", ".join(sorted(names - {""})) or "none"
    return (
        f"spec.service.targetPort: {service.target_port!r}, but no container of the target has a port of this name "
        f"(names that they have: {known}); name one of them, or a number"
    )


def moves(service: CanaryService, target: Object, primary: Object) -> bool:
    """Whether a Service cannot lead to pods of a primary before and after a promotion: they listen on other ports."""
    return target_port(service, target, primary, ()) != target_port(service, target, target, ())


def _containers(workload: Object) -> Iterable[Object]:
    found: Iterable[Object] = spec(spec(workload).get("template") or {}).get("containers") or ()
    return found


def _declares(workload: Object, wanted: int | str) -> bool:
    key = "name" if isinstance(wanted, str) else "containerPort"
    return any(bool(port.get(key) == wanted) for box in _containers(workload) for port in box.get("ports") or ())


def _counterpart(target: Object, primary: Object, wanted: int | str) -> int:
    """The port of the primary that stands where the target declares this one; 0 when there is none."""
    key = "name" if isinstance(wanted, str) else "containerPort"
    boxes = {box.get("name"): box.get("ports") or () for box in _containers(primary)}
    name, index, port = next(
        (box.get("name"), index, port)
        for box in _containers(target)
        for index, port in enumerate(box.get("ports") or ())
        if port.get(key) == wanted
    )
    theirs = boxes.get(name, ())
    named = [other for other in theirs if other.get("name") and other.get("name") == port.get("name")]
    return int((named or [*theirs[index : index + 1], {}])[0].get("containerPort", 0))


def _discovered(service: CanaryService, workload: Object) -> Iterator[Port]:
    """The other ports of the containers; a port without a name is called after its container."""
    for container in _containers(workload):
        if container.get("name") in _SIDECARS:
            continue
        for index, port in enumerate(container.get("ports") or ()):
            wanted = service.target_port or service.port
            if wanted != (port.get("name") if isinstance(wanted, str) else port["containerPort"]):
                number = port["containerPort"]
                name = port.get("name") or f"tcp-{container.get('name', '')}-{index}"
                protocol = port.get("protocol") or TCP
                yield {"name": name, "protocol": protocol, "port": number, "targetPort": number}


def place(port: Object) -> tuple[int, str]:
    """The number and protocol, which no two ports of a Service share."""
    return int(port["port"]), str(port.get("protocol") or TCP)


def _add(found: list[Port], port: Port) -> None:
    """Number and protocol are taken once, as the API server wants it; to a name that is taken the number is added."""
    if any(place(one) == place(port) for one in found):
        return
    if any(one["name"] == port["name"] for one in found):
        ending = f"-{port['port']}" + ("" if port["protocol"] == TCP else f"-{port['protocol'].lower()}")
        port = {**port, "name": f"{port['name'][: _LONGEST - len(ending)].rstrip('-')}{ending}"}
        if any(one["name"] == port["name"] for one in found):
            return
    found.append(port)


def kept_ports(ports: list[Port], existing: list[Object]) -> list[Object]:
    """Our ports with what the existing ones of the same names have besides, such as node ports; order says nothing."""
    named = {port.get("name"): port for port in existing}
    new: list[Object] = []
    for port in ports:
        old = named.get(port["name"]) or {}
        new.append({key: item for key, item in old.items() if key not in _PORT_FIELDS} | port)
    return same_order(new, existing)


def same_order(new: list[Object], existing: list[Object]) -> list[Object]:
    """The new ports, in the order of the existing ones where they are the same."""
    same = len(new) == len(existing) and all(port in existing for port in new)
    return existing if same else new
