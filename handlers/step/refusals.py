"""Canaries that cannot be stepped as they stand: told once, and then known from what a tick lists, at no cost."""

import logging
from dataclasses import dataclass, replace
from functools import partial

from handlers.errors import BadCanary, SerinusError
from handlers.rollout import state
from handlers.rollout.objects import CANARY, Object, Ref, annotations, generation, resource_version
from handlers.rollout.refusal import REFUSED, rival, shown
from handlers.rollout.spec.canary import Canary
from handlers.rollout.state import State
from handlers.step.gather import goes_back
from handlers.step.lists import Lists
from handlers.step.ports import World
from handlers.step.tell import warn
from handlers.step.wanted import declared, standing

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Listed:
    """A Canary of a list as a step would take it; `why`: the step would refuse it, in the words of `gather`.

    `back`: the step would go back, or finish that.
    """

    ref: Ref
    raw: Object
    known: State | None = None
    canary: Canary | None = None
    why: str = ""
    back: bool = False

    @property
    def untold(self) -> bool:
        """Whether what is written on it about that is not so."""
        return bool(self.why) and annotations(self.raw).get(REFUSED, "") != shown(self.why)


def judged(world: World, lists: Lists, ref: Ref) -> Listed:
    """A listed Canary, with the reason if it is refused."""
    raw, config, known = lists.canaries[ref], world.config, None
    try:
        known = state.load(annotations(raw))
        back = goes_back(raw, known)
        canary = declared(raw, known, config, back=back)
    except BadCanary as error:
        return Listed(ref, raw, known, why=str(error))
    others = partial(Ref, CANARY, ref.namespace)
    standing_one, moving = standing(canary, known)
    # where it wants to move to is for its step to see
    why = "" if moving else rival(standing_one, lists.others, lambda name: lists.canaries.get(others(name)))
    return Listed(ref, raw, known, canary, "" if canary.deleting else why, back)


def refused(ref: Ref, raw: Object, why: str) -> Listed:
    """A Canary that a step has refused."""
    try:
        known = state.load(annotations(raw))
    except BadCanary:
        known = None
    return Listed(ref, raw, known, why=why)


def remember(world: World, listed: Listed) -> Listed:
    """Tell why a Canary is refused, and write that down on it; the step that finds nothing wrong takes it away.

    A step under way needs the version that it has read, and is waited for.
    """
    if not listed.untold:
        return listed
    claim = listed.known.claim if listed.known else None
    if claim and world.now() < claim.until:
        return listed
    log.warning("%s: %s", listed.ref, listed.why)
    tell_refused(world, listed.ref, listed.raw, listed.why)
    patch = {"metadata": {"annotations": {REFUSED: shown(listed.why)}}}
    try:
        return replace(listed, raw=world.cluster.patch(listed.ref, patch, resource_version(listed.raw)))
    except SerinusError as error:
        log.info("%s: the next tick tells again: %s", listed.ref, error)
        return listed


def tell_refused(world: World, ref: Ref, raw: Object, why: str) -> None:
    """An Event on the Canary, one for each version of it."""
    warn(world, ref, raw, why, id=f"invalid.{generation(raw)}")
