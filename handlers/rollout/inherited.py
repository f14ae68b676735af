"""Where a rollout is that was begun before anything was written down of it: the state, from `.status` and the routes.

What was under way in Flagger goes on from there, if it is sure what was analysed; else the target's revision is new.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from handlers.rollout.commands import RETRY, marks
from handlers.rollout.objects import Object
from handlers.rollout.spec.canary import Canary
from handlers.rollout.state import Phase, State
from handlers.rollout.weights import FULL, Cookies, Weights, highest
from handlers.rollout.written import time_or_none

ADOPTED = "adopted"
"""Stands for the revision of a primary that runs nobody knows what."""
_OURS = re.compile(r"\d+-[0-9a-f]{16}")
_COOKIE = re.compile(r"[0-9A-Za-z]{1,100}")
_AT_REST = frozenset({Phase.INITIALIZED, Phase.SUCCEEDED})
_ANALYSED = frozenset({Phase.PROGRESSING, Phase.WAITING_PROMOTION})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the cluster shows beside `.status`. `revision`: the target's.

    `same`: the primary runs what the target shows. `touched`: the target may not be what was analysed.
    """

    revision: str
    same: bool
    touched: bool
    routes: Weights | None
    cookies: Cookies


def inherited(canary: Canary, status: Object, found: Found) -> State | None:
    """The state of a canary that has none; None when there is nothing to go on from, and it begins as a new one.

    The weight is what the routes say: Flagger shows 0 in WaitingPromotion and while it counts iterations.
    """
    phase = _phase(status)
    if phase is None:
        return None
    state = _with_cookies(canary, status, found.cookies, replace(_common(canary, status, found), phase=phase))
    match phase:
        case Phase.PROGRESSING | Phase.WAITING_PROMOTION:
            return _analysed(canary, state, found, touched=_touched(status, found))
        case Phase.PROMOTING | Phase.FINALISING:
            return replace(state, mirrored=False, revision=found.revision if found.same else "")
        case Phase.FAILED:
            return _failed(state, found, touched=_touched(status, found))
        case _:
            rest = phase if phase in _AT_REST else Phase.INITIALIZED
            return replace(_without_traffic(state), revision=state.promoted, rest=rest)


def _phase(status: Object) -> Phase | None:
    try:
        phase = Phase(status.get("phase"))
    except ValueError:
        return None
    return None if phase in (Phase.INITIALIZING, Phase.TERMINATING) else phase


def _touched(status: Object, found: Found) -> bool:
    """A revision of ours says it exactly: the annotations were lost, and we had written `.status`."""
    analysed = status.get("lastAppliedSpec")
    if isinstance(analysed, str) and _OURS.fullmatch(analysed):
        return analysed != found.revision
    return found.touched


def _common(canary: Canary, status: Object, found: Found) -> State:
    weights = found.routes or Weights(FULL, 0)
    return State(
        weight=min(FULL, max(0, weights.canary)),
        mirrored=weights.mirrored and not weights.canary,
        matched=weights.matched and weights.canary > 0,
        iterations=_count(status.get("iterations")) if canary.analysis.iterations else 0,
        failed=_count(status.get("failedChecks")),
        promoted=found.revision if found.same else ADOPTED,
        # commands from before are not about what we do
        retried=canary.annotations.get(RETRY, ""),
        seen=marks(canary.annotations),
        started=_started(status),
    )


def _count(value: Any) -> int:
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else 0


def _started(status: Object) -> datetime | None:
    """Since when the condition is neither true nor false, which is the whole of a run (MakeStatusConditions)."""
    conditions = (item for item in status.get("conditions") or () if item.get("type") == "Promoted")
    times = [*(item.get("lastTransitionTime") for item in conditions), status.get("lastTransitionTime")]
    return next((moment for value in times if (moment := time_or_none(value))), None)


def _with_cookies(canary: Canary, status: Object, routed: Cookies, state: State) -> State:
    """The routes decide who is pinned; `.status` is written after them."""
    affinity = canary.analysis.affinity
    if affinity is None:
        return state
    return replace(
        state,
        cookie=_cookie(affinity.name, routed.canary, status.get("sessionAffinityCookie")),
        primary_cookie=_cookie(affinity.primary_name, routed.primary, status.get("primarySessionAffinityCookie")),
        previous_cookie=_cookie(affinity.name, routed.previous, status.get("previousSessionAffinityCookie")),
    )


def _cookie(name: str, *pairs: Any) -> str:
    """The first that is one of this name, and that can be put into a regular expression."""
    values = (pair.removeprefix(f"{name}=") for pair in pairs if isinstance(pair, str) and pair.startswith(f"{name}="))
    return next((f"{name}={value}" for value in values if name and _COOKIE.fullmatch(value)), "")


def _analysed(canary: Canary, state: State, found: Found, *, touched: bool) -> State:
    """The analysis goes on where it is. A primary that has the same template was copied to, and only not written down.

    Before the canary has got anything there is nothing that could have been analysed.
    """
    if found.same:
        copied = replace(state, phase=Phase.PROMOTING, mirrored=False, revision=found.revision)
        return replace(state, revision="") if touched else copied
    begun = state.weight or state.mirrored or state.iterations
    state = replace(state, revision="" if touched and begun else found.revision)
    return _at_the_gate(canary, state) if state.phase is Phase.WAITING_PROMOTION else state


def _at_the_gate(canary: Canary, state: State) -> State:
    """WaitingPromotion shows an iteration less than have passed (canary/status.go, setStatusPhase)."""
    analysis = canary.analysis
    if analysis.iterations:
        switched = state.weight == FULL and not state.matched
        return replace(state, iterations=analysis.iterations + int(switched))
    # less than the last weight has not earned a promotion, whatever the phase says
    return state if state.weight >= highest(analysis) else replace(state, phase=Phase.PROGRESSING)


def _failed(state: State, found: Found, *, touched: bool) -> State:
    """A promotion that failed has left the canary serving what the primary runs (handleFailedPromotion)."""
    state = replace(state, failed=0, iterations=0, mirrored=False)
    if found.same and state.weight:
        return replace(state, revision=found.revision, waiting="primary")
    return replace(_without_traffic(state), revision="" if touched and not found.same else found.revision)


def _without_traffic(state: State) -> State:
    return replace(state, weight=0, mirrored=False, matched=False, iterations=0)
