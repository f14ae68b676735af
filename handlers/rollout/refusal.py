"""A Canary that cannot be stepped as it stands: why, and how it is remembered that this was told."""

from collections.abc import Callable, Mapping
from functools import partial

from handlers.rollout.objects import DEPLOYMENT, Object, Ref, spec
from handlers.rollout.objects.ownership import keeper_of, owner_of
from handlers.rollout.spec.canary import Canary

REFUSED = "serinus.dev/refused"
"""Annotation of a Canary: why it is refused, once that was told; it goes when the reason does."""
_LONGEST = 1024


def shown(why: str) -> str:
    """As much of a reason as is written on a Canary."""
    return why[:_LONGEST]


def rival(canary: Canary, objects: Mapping[Ref, Object | None], find: Callable[[str], Object | None]) -> str:
    """Why it may not have what it names, empty when it may: two Canaries on one target, or on one Service or route,
    would undo each other's steps.

    The first has made the primary and the others. One that was there before belongs to the Canary that it is marked
    with, as long as that is there and names it. `objects` are as they were read, or their metadata; `find` gives
    another Canary of the namespace.
    """
    target = objects.get(canary.target)
    if target and (other := owner_of(target, but="")):
        return f"spec.targetRef: {canary.target} was made for Canary {other}; name the workload that it was made from"
    if other := _holder(canary, objects.get(canary.primary), find, lambda said: _targets(said, canary)):
        return (
            f"spec.targetRef: {canary.target} belongs to Canary {other} already, whose primary {canary.primary.name} "
            f"is; Canary {canary.name} has to name another target, or one of the two has to go"
        )
    service = canary.service
    names = (service.apex, service.primary, service.canary)
    for ref in (*map(canary.service_ref, names), canary.route_ref):
        if other := _holder(canary, objects.get(ref), find, partial(_leads_by, ref.name)):
            return (
                f"spec.service.name: {ref.kind.name}s of {service.apex!r} belong to Canary {other} already; Canary "
                f"{canary.name} has to name another Service, or one of the two has to go"
            )
    return ""


def _holder(
    canary: Canary, obj: Object | None, find: Callable[[str], Object | None], names: Callable[[Object], bool]
) -> str:
    """The name of another Canary that has an object; empty when none has."""
    if obj is None:
        return ""
    if other := owner_of(obj, but=canary.name):
        return other
    keeper = keeper_of(obj)
    if keeper in ("", canary.name):
        return ""
    said = find(keeper)
    return keeper if said is not None and names(said) else ""


def _targets(other: Object, canary: Canary) -> bool:
    target = spec(other).get("targetRef")
    if not isinstance(target, Mapping):
        return False
    return (target.get("kind") or DEPLOYMENT.name, target.get("name")) == (canary.target_kind.name, canary.target_name)


def _leads_by(name: str, other: Object) -> bool:
    """Whether a Canary is about a Service, or route, of this name."""
    service, target = spec(other).get("service"), spec(other).get("targetRef")
    named = service.get("name") if isinstance(service, Mapping) else ""
    apex = named or (target.get("name") if isinstance(target, Mapping) else "")
    return name in (apex, f"{apex}-primary", f"{apex}-canary")
