"""A Canary that cannot be stepped as it stands: why, and how it is remembered that this was told."""

from collections.abc import Callable, Mapping

from handlers.rollout.objects import DEPLOYMENT, Object, spec
from handlers.rollout.objects.ownership import keeper_of, owner_of
from handlers.rollout.spec.canary import Canary

REFUSED = "serinus.dev/refused"
"""Annotation of a Canary: why it is refused, once that was told; it goes when the reason does."""
_LONGEST = 1024


def shown(why: str) -> str:
    """As much of a reason as is written on a Canary."""
    return why[:_LONGEST]


def rival(canary: Canary, primary: Object | None, find: Callable[[str], Object | None]) -> str:
    """Why it may not have its target, empty when it may: two Canaries on one would undo each other's steps.

    The first has made the primary. One that was there before belongs to the Canary that it is marked with, as long as
    that is there and names this target. `find` gives another Canary of the namespace.
    """
    if primary is None:
        return ""
    other = owner_of(primary, but=canary.name)
    if not other and (keeper := keeper_of(primary)) not in ("", canary.name) and _targets(find(keeper), canary):
        other = keeper
    if not other:
        return ""
    return (
        f"spec.targetRef: {canary.target} belongs to Canary {other} already, whose primary {canary.primary.name} is; "
        f"Canary {canary.name} has to name another target, or one of the two has to go"
    )


def _targets(other: Object | None, canary: Canary) -> bool:
    target = spec(other or {}).get("targetRef")
    if not isinstance(target, Mapping):
        return False
    return (target.get("kind") or DEPLOYMENT.name, target.get("name")) == (canary.target_kind.name, canary.target_name)
