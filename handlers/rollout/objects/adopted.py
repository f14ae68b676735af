"""A Service of the apex's name that was there before its Canary: it goes on serving what it has served.

Flagger gives it the Canary's ports and no others (kubernetes_default.go, reconcileService). Here its other ports stay,
and where it contradicts the Canary it is not adopted.
"""

from collections.abc import Iterator, Mapping

from handlers.errors import BadCanary
from handlers.rollout.objects import SERVICE, Object, Ref, annotations, spec
from handlers.rollout.objects.ownership import KEEPER, owned_by
from handlers.rollout.objects.ports import Port, place, ports_of, same_order
from handlers.rollout.objects.sides import pod_labels, selects, sides_of
from handlers.rollout.spec.canary import Canary


def adopted_ports(ports: list[Port], existing: list[Object]) -> list[Object]:
    """The Canary's ports, each with what the existing port of its number has besides, and the other existing ones.

    The first is the one of the spec, which may change its number. A port without a name gets one, for the API server
    wants names where there are several.
    """
    new: list[Object] = []
    for index, port in enumerate(ports):
        same = [one for one in existing if place(one) == place(port)]
        named = [one for one in existing if one.get("name") == port["name"] and place(one) != place(port)]
        if index == 0:
            new.append({**[*same, *named, {}][0], **port})
        else:
            name = f"{port['name']}-{port['port']}" if named else port["name"]
            new.append({**(same[0] if same else {}), **port, "name": name})
    places, names = {place(port) for port in new}, {port["name"] for port in new}
    foreign = (one for one in existing if place(one) not in places and one.get("name") not in names)
    new += [one if one.get("name") else {**one, "name": f"port-{one['port']}"} for one in foreign]
    return same_order(new, existing)


def check_services(canary: Canary, objects: Mapping[Ref, Object | None], accepted: tuple[str, ...]) -> None:
    """Raise BadCanary when a target's pods cannot be told from its primary's, or Services of the Canary's names are
    there that cannot be made its own without an outage. `accepted`: `SERINUS_SELECTOR_LABELS`.
    """
    target, primary = objects.get(canary.target), objects.get(canary.primary)
    if target is None or canary.target_kind is SERVICE:
        return
    sides_of(target, primary, accepted)
    if why := "; ".join(_all(canary, objects, target, primary)):
        raise BadCanary(why)


def _all(canary: Canary, objects: Mapping[Ref, Object | None], target: Object, primary: Object | None) -> Iterator[str]:
    service = canary.service
    for name in (service.apex, service.primary, service.canary):
        ref = canary.service_ref(name)
        existing = objects.get(ref)
        if existing is not None and not owned_by(existing, canary) and KEEPER not in annotations(existing):
            yield from contradictions(canary, target, primary, ref, existing)


def contradictions(canary: Canary, target: Object, primary: Object | None, ref: Ref, existing: Object) -> Iterator[str]:
    """Why a Service cannot be adopted, each with the field of the Canary, and what is to be done."""
    there = f"{ref}, which is there already,"
    selector = spec(existing).get("selector") or {}
    if not any(selects(selector, pod_labels(workload)) for workload in (target, primary or {})):
        yield (
            f"spec.service.name: {canary.service.apex!r}, but {there} selects {dict(selector) or 'no pods'}, and not "
            f"the pods of {canary.target}; give one of the two another name, or the Service the target's labels"
        )
    first, *others = ports_of(canary.service, target, target)
    for old in spec(existing).get("ports") or ():
        for port in (first, *others):
            if place(old) == place(port):
                yield from _differences(canary, target, port, old, there)
        if old.get("name") == first["name"] and place(old) != place(first):
            yield (
                f"spec.service.port: {first['port']}, but {there} has port {old['port']} of the name "
                f"{first['name']!r}; make them equal, or set spec.service.portName"
            )


def _differences(canary: Canary, target: Object, port: Object, old: Object, there: str) -> Iterator[str]:
    before = old.get("targetPort") or old["port"]
    if _number(target, before) != _number(target, port["targetPort"]):
        field = "targetPort" if canary.service.target_port else "targetPort (not set, so the port)"
        yield (
            f"spec.service.{field}: {port['targetPort']!r}, but {there} leads from port {old['port']} to {before!r}; "
            "make them equal"
        )
    said, wanted = old.get("appProtocol"), port.get("appProtocol")
    if said and wanted and said != wanted:
        yield f"spec.service.appProtocol: {wanted!r}, but {there} says {said!r}; make them equal, or leave one out"


def _number(target: Object, port: int | str) -> int | str:
    """The number of a port, if a container of the target says it."""
    containers = spec(spec(target).get("template") or {}).get("containers") or ()
    named = (one for box in containers for one in box.get("ports") or () if one.get("name") == port)
    return next((int(one["containerPort"]) for one in named), port)
