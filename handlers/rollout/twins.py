"""Two Canaries about one target, Service or route, told from their manifests: before either has made anything."""

from collections.abc import Iterable, Iterator, Mapping

from handlers.rollout.objects import DEPLOYMENT, Object, metadata, spec
from handlers.rollout.spec.canary import Canary


def twins(canary: Canary, others: Iterable[Object]) -> Iterator[str]:
    """Sentences, one for each other Canary of the namespace that names what this one names or would make.

    Of the others only these names are looked at, for they need not be valid.
    """
    for other in others:
        name, (kind, target) = metadata(other).get("name", ""), _target(other)
        said = _one_target(canary, name, target) if kind == canary.target_kind.name else ""
        if said := said or _one_service(canary, name, _apex(other, target)):
            yield said


def _one_target(canary: Canary, name: str, target: str) -> str:
    if target == canary.target_name:
        return (
            f"spec.targetRef: {canary.target} is the target of Canary {name} as well; name another target, or let one "
            "of the two Canaries go"
        )
    if canary.target_name == f"{target}-primary":
        return (
            f"spec.targetRef: {canary.target} is what Canary {name} makes of its target {target}; name the workload "
            "that it is made from"
        )
    if canary.primary.name == target:
        return (
            f"spec.targetRef: {canary.target}, whose primary is {canary.primary}, and that is the target of Canary "
            f"{name}; give one of the two targets another name"
        )
    return ""


def _one_service(canary: Canary, name: str, apex: str) -> str:
    mine, theirs = ((one, f"{one}-primary", f"{one}-canary") for one in (canary.service.apex, apex))
    shared = next((canary.service_ref(one) for one in mine if one in theirs), None)
    if shared is None:
        return ""
    return (
        f"spec.service.name: {canary.service.apex!r}, but {shared} is one of the Services of Canary {name}; name "
        "another Service, or let one of the two Canaries go"
    )


def _target(other: Object) -> tuple[str, str]:
    said = _mapping(spec(other).get("targetRef"))
    return str(said.get("kind") or DEPLOYMENT.name), str(said.get("name") or "")


def _apex(other: Object, target: str) -> str:
    return str(_mapping(spec(other).get("service")).get("name") or target)


def _mapping(value: object) -> Object:
    return value if isinstance(value, Mapping) else {}
