"""Another target, another Service: what serves goes on serving until the new one can, and then what was before goes.

A step at a time: the run that is under way ends; the new one is bootstrapped; traffic moves; former routes go; former
Services and workloads go, once every mesh has heard that no route leads to them.
"""

from dataclasses import replace

from handlers.rollout import facts
from handlers.rollout.actions import (
    Action,
    ApexService,
    RemoveFormer,
    RemoveRoutes,
    Route,
    RouteTargets,
    ScaleToZero,
    ScaleUp,
    WorkloadServices,
)
from handlers.rollout.checks import Findings
from handlers.rollout.commands import ABORTABLE
from handlers.rollout.decision import Decision, normal, nothing, put_back, settle, stepped, waiting
from handlers.rollout.facts import leftover
from handlers.rollout.identity import Identity
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.state import Intent, Phase
from handlers.rollout.timing import DRAIN, drained
from handlers.rollout.weights import FULL


def moving_on(s: Snapshot, _: Findings) -> Decision:
    """In the middle of a run: it ends first, and the primary serves."""
    if s.carried and not s.primary_can_serve:
        return waiting(s, "primary", s.primary_trouble, told=s.primary_trouble, timed=False)
    text = f"Rollout cancelled, {_names(s)}"
    return Decision(
        told=f"cancel: {_names(s)}",
        intent=Intent.CANCEL,
        actions=(Route(0),),
        state=stepped(
            s,
            phase=s.known.rest if s.known.phase in ABORTABLE else s.known.phase,
            weight=0,
            mirrored=False,
            iterations=0,
            failed=0,
            revision=s.promoted,
            promoted=s.promoted,
            waiting=DRAIN,
        ),
        messages=(normal(s.known.phase, text),),
    )


def _names(s: Snapshot) -> str:
    assert s.destination  # noqa: S101  the stage says so
    there = s.destination
    return f"the Canary names {there.target} and Service {there.service.apex} by now"


def moving(s: Snapshot, _: Findings) -> Decision:
    """At rest: the pods that the last run has left go, and the new one begins."""
    if not drained(s.known, s.now, s.canary.analysis.interval):
        return nothing(s, "wait until every mesh has heard that no request goes to the canary")
    assert s.destination  # noqa: S101  the stage says so
    text = f"Moving {s.name}: {_names(s)}; what serves goes on serving until the new primary is ready"
    before, apex = Identity.of(s.canary), s.canary.service.apex
    called = tuple(name for name in s.known.apexes if name != s.destination.service.apex)
    state = stepped(
        s,
        phase=Phase.INITIALIZING,
        rest=Phase.INITIALIZED,
        mirrored=False,
        iterations=0,
        failed=0,
        revision="",
        promoted="",
        identity=str(Identity.of(s.destination)),
        former=_without(s, (*s.known.former, str(before))),
        apexes=called if apex == s.destination.service.apex else tuple(dict.fromkeys((*called, apex))),
    )
    actions = (ScaleToZero(),) if leftover(s) and not s.reached else ()
    said = (normal(state.phase, text),)
    return Decision(told=text, intent=Intent.CANCEL, actions=actions, state=state, messages=said)


def _without(s: Snapshot, former: tuple[str, ...]) -> tuple[str, ...]:
    """Those before, without the one that it is going to be."""
    assert s.destination  # noqa: S101  the stage says so
    now = str(Identity.of(s.destination))
    return tuple(dict.fromkeys(one for one in former if one != now))


AT_TARGET: tuple[Action, ...] = (WorkloadServices(), ApexService(at_target=True), RouteTargets())
"""What is made for a Canary whose new target stands in for its primary."""


def kept_up(s: Snapshot) -> Decision | None:
    """Edits reach the Services of a target that serves alone, as in every phase; None when there are none."""
    if not facts.target_alone(s) or not s.drift:
        return None
    said = put_back(s, s.known.phase)
    told = "bring what the Canary declares up to date, for the target that serves"
    return Decision(told=told, actions=AT_TARGET, state=settle(s), messages=said)


def standing_in(s: Snapshot, _: Findings) -> Decision:
    """The former primary goes before the new one is made, whose pods no Service could tell from its own; in between
    the pods of the target serve.
    """
    assert s.target  # noqa: S101  the stage says so
    if kept := kept_up(s):
        return kept
    if not s.target.ready:
        text = f"{s.target_text} not ready: {s.target.why}"
        held = waiting(s, "target", text, told=text, timed=False)
        return held if s.target.replicas else replace(held, actions=(ScaleUp(),))
    routed = s.routes is not None and s.routes.canary == FULL
    if not (routed and s.target.called and s.known.weight == FULL):
        why = "its pods have the labels of the former primary's, which goes first"
        text = f"All traffic to {s.target_text} until {s.primary_text} is ready: {why}"
        actions = (*AT_TARGET, Route(FULL))
        state = stepped(s, weight=FULL, waiting=DRAIN)
        said = () if s.known.weight else (normal(s.known.phase, text),)
        return Decision(told=text, intent=Intent.BOOTSTRAP, actions=actions, state=state, messages=said)
    if not drained(s.known, s.now, s.canary.analysis.interval):
        return nothing(s, "wait until every mesh has heard that the target serves")
    return _routes_gone(s) if s.left else _former_gone(s, s.known.former)


def moved(s: Snapshot, _: Findings) -> Decision:
    """Traffic has moved: former routes go first, and what they led to with the next event."""
    return _routes_gone(s) if s.left else _former_gone(s, ())


def _routes_gone(s: Snapshot) -> Decision:
    told = "take away the routes of before the move"
    return Decision(told=told, intent=Intent.REMOVE, actions=(RemoveRoutes(),), state=stepped(s, waiting=DRAIN))


def _former_gone(s: Snapshot, kept: tuple[str, ...]) -> Decision:
    """`kept`: what is still to be remembered of before the move."""
    state = replace(settle(s, former=kept, waiting=""), stepped=s.known.stepped)
    told = "take away what was made before the move, for nothing leads to it"
    return Decision(told=told, intent=Intent.REMOVE, actions=(RemoveFormer(),), state=state)
