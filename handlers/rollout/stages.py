"""In which situation a canary is found: the first question of every step."""

from collections.abc import Mapping

from handlers.rollout import commands, facts, hearing
from handlers.rollout.advancing import iterating, weighted
from handlers.rollout.commands import UNDECIDED
from handlers.rollout.snapshot import CauseKind, Snapshot
from handlers.rollout.spec.canary import FINALIZER
from handlers.rollout.stage import Stage
from handlers.rollout.state import Intent, Phase, State
from handlers.rollout.timing import drained, due
from handlers.rollout.weights import FULL

HOLD = "hold: "
"""What `State.waiting` begins with while something holds the canary."""

ADVANCING = frozenset({Phase.PROGRESSING, Phase.WAITING_PROMOTION})
ACTIVE = ADVANCING | {Phase.PROMOTING, Phase.FINALISING}


def stage_of(s: Snapshot) -> Stage:
    """Which situation this is. Total: every snapshot is in exactly one."""
    if s.canary.deleting:
        return _deleted(s)
    if s.cause.kind is CauseKind.ALERT:
        return _alert(s)
    if (aborting := _abort(s)) is not None:
        return aborting
    stage = _free(s)
    if stage in (Stage.APPROVED, Stage.PROMOTE_NOW):
        return (Stage.HELD if s.known.weight else Stage.HELD_EARLY) if s.frozen else stage
    # a start raises nothing: an alert holds what comes after it, where a user can promote it all the same
    hold = s.stopped if stage in (Stage.NEW_REVISION, Stage.WAITING) else s.hold
    return _held(s, stage) if stage in _HOLDS and hold else stage


def _deleted(s: Snapshot) -> Stage:
    """Our finalizer, or one that Flagger has left behind, holds it back until we have let it go."""
    if FINALIZER not in s.canary.finalizers:
        return Stage.DELETED
    return Stage.BUSY if facts.live(s) else Stage.TERMINATING


def _free(s: Snapshot) -> Stage:
    """Which situation this is as long as nobody holds it."""
    state = s.state
    if state and state.claim:
        if facts.live(s):
            return Stage.BUSY
        if state.claim.intent is Intent.ROLLBACK:
            return Stage.ROLLING_BACK
    if s.canary.suspend:
        return Stage.SUSPENDED
    if state is None and s.inherited:
        return Stage.TAKEN_OVER
    if begun := _begun(s):
        return begun
    if s.destination and (moving := _moving(s)):
        return moving
    if s.target is None:
        return Stage.TARGET_MISSING
    if state is None:
        return _unless_missing(s, Stage.BOOTSTRAP)
    return _by_phase(s, state)


def _moving(s: Snapshot) -> Stage | None:
    """What comes of a spec that names another target or Service; a run that is all but over ends by itself, and a
    target that stands in for its primary gets one, if there is no way back.
    """
    state, stays = s.known, bool(s.hold) and may_be_held(s.state)
    if state.phase is Phase.INITIALIZING:
        return None if facts.stands_in(s) and not s.returns else Stage.MOVING
    held = state.phase in (Phase.PROMOTING, Phase.FINALISING) or (state.phase is Phase.FAILED and state.weight)
    if held and s.target is not None:
        return None
    serves = s.primary_can_serve or (s.target is not None and s.target.pods > 0)
    if serves and (state.phase in ACTIVE | UNDECIDED or s.reached):
        return None if stays else Stage.MOVING_ON
    return Stage.ON_HOLD if stays else Stage.MOVING


def _begun(s: Snapshot) -> Stage | None:
    """How far a promotion came whose claim still stands."""
    claim = s.known.claim
    if claim and claim.intent is Intent.PROMOTE and claim.revision == s.promoted:
        return Stage.COPIED
    if facts.copying(s):
        return Stage.COPYING
    return Stage.ASTRAY if s.astray and s.state else None


def _alert(s: Snapshot) -> Stage:
    """Firing, in an active phase, begun since this rollout began, and not seen before (design: events in)."""
    state = s.known
    if s.cause.alert_ended:
        return Stage.ALERT_ENDED
    if state.claim and state.claim.intent is Intent.ROLLBACK:
        if not facts.live(s):
            return Stage.ROLLING_BACK
        return Stage.BUSY if hearing.known(s) else Stage.ALERT_PASSED_OVER
    if state.phase not in ACTIVE or not hearing.about_this_run(s):
        return Stage.ALERT_PASSED_OVER
    if state.phase in (Phase.PROMOTING, Phase.FINALISING) or s.promoted == state.revision or facts.copying(s):
        return Stage.TOO_LATE
    return Stage.ALERTED


def _abort(s: Snapshot) -> Stage | None:
    """Like an alert it does not wait for a step under way; only a start does nothing yet that would be in its way."""
    state = s.known
    if not commands.abort(s.canary.annotations, state):
        return None
    if facts.live(s) and (state.phase is Phase.WAITING or (state.claim and state.claim.intent is Intent.ROLLBACK)):
        return Stage.BUSY
    if state.claim and state.claim.intent is Intent.ROLLBACK:
        return Stage.ROLLING_BACK
    copied = state.phase in (Phase.PROMOTING, Phase.FINALISING) or s.promoted == state.revision or facts.copying(s)
    return Stage.ABORTED_TOO_LATE if copied and state.phase is not Phase.WAITING else Stage.ABORTED


_HOLDS: Mapping[Stage, Stage] = {
    Stage.NEW_REVISION: Stage.ON_HOLD,
    Stage.WAITING: Stage.HELD_EARLY,
    Stage.FIRST_STEP: Stage.HELD_EARLY,
    Stage.SKIP_ANALYSIS: Stage.HELD_EARLY,
    Stage.FIRST_ITERATION: Stage.HELD_EARLY,
    Stage.MIRRORED: Stage.HELD,
    Stage.NEXT_STEP: Stage.HELD,
    Stage.UNEARNED: Stage.HELD,
    Stage.NEXT_ITERATION: Stage.HELD,
    Stage.SWITCH: Stage.HELD,
    Stage.LAST_ITERATION: Stage.HELD,
    Stage.LAST_STEP: Stage.HELD,
    Stage.WAITING_PROMOTION: Stage.HELD,
}
"""What becomes of a situation while the user holds the canary: what goes on would start, advance or promote."""


_OPEN = frozenset(
    {Phase.INITIALIZED, Phase.SUCCEEDED, Phase.FAILED, Phase.WAITING, Phase.PROGRESSING, Phase.WAITING_PROMOTION}
)


def may_be_held(state: State | None) -> bool:
    """Whether something could be next that a freeze or a pause holds; if not, nobody needs to know of one."""
    rolling_back = state and state.claim and state.claim.intent is Intent.ROLLBACK
    return state is not None and state.phase in _OPEN and not rolling_back


def _held(s: Snapshot, stage: Stage) -> Stage:
    if stage is Stage.NEW_REVISION and facts.promotion_failed(s, s.known):
        return Stage.HOLDING
    if stage is Stage.NEW_REVISION and facts.adrift(s):
        return Stage.ADRIFT
    if stage is Stage.NEW_REVISION and not drained(s.known, s.now, s.canary.analysis.interval):
        return Stage.AT_REST
    return _HOLDS[stage]


def _by_phase(s: Snapshot, state: State) -> Stage:
    match state.phase:
        case Phase.INITIALIZING | Phase.TERMINATING:  # one that is not deleted any more came out of a backup
            return _unless_missing(s, Stage.STANDING_IN if s.alike else Stage.BOOTSTRAP)
        case Phase.INITIALIZED | Phase.SUCCEEDED | Phase.FAILED:
            return _at_rest(s, state)
        case Phase.WAITING:
            return _waiting(s, state)
        case Phase.PROGRESSING | Phase.WAITING_PROMOTION:
            stage = _progressing(s, state)
            asked = commands.promote(s.canary.annotations, state) and stage not in _UNPROMOTABLE
            return Stage.PROMOTE_NOW if asked else stage
        case Phase.PROMOTING | Phase.FINALISING:  # pragma: no branch  # there are no other phases
            return _promoting(s, state)


_UNPROMOTABLE = frozenset(
    {
        Stage.REVERTED,
        Stage.PUSHED,
        Stage.SCALED_DOWN,
        Stage.CANARY_NOT_READY,
        Stage.STARTING,
        Stage.GIVEN_BACK,
        Stage.PRIMARY_LOST,
        Stage.THRESHOLD,
        Stage.UNMATCHED,
        Stage.MIXED,
    }
)


def _at_rest(s: Snapshot, state: State) -> Stage:
    revision = facts.revision(s)
    failed_again = (
        state.phase is Phase.FAILED and revision == state.revision and not commands.retry(s.canary.annotations, state)
    )
    if revision == s.promoted or failed_again:
        if s.primary is None:
            return Stage.PRIMARY_MISSING
        if facts.promotion_failed(s, state):
            return Stage.HOLDING
        return Stage.ADRIFT if facts.adrift(s) else _unless_missing(s, _resting(s, state))
    if state.former and s.primary_can_serve:  # what was before a move is not kept up to date in a run
        return Stage.MOVED if drained(state, s.now, s.canary.analysis.interval) else Stage.AT_REST
    return _unless_missing(s, Stage.NEW_REVISION)


def _resting(s: Snapshot, state: State) -> Stage:
    if state.former and drained(state, s.now, s.canary.analysis.interval):
        return Stage.MOVED
    return Stage.ASKED_FOR if facts.asked_for(s) else Stage.AT_REST


def _unless_missing(s: Snapshot, stage: Stage) -> Stage:
    """Nothing is begun without the scaler that the spec names; what is under way goes on without it."""
    return Stage.SCALER_MISSING if s.scaler_missing else stage


def _waiting(s: Snapshot, state: State) -> Stage:
    if facts.reverted(s):
        return Stage.REVERTED
    if commands.promote(s.canary.annotations, state):
        return Stage.APPROVED
    return Stage.WAITING if due(state, s.now, s.canary.analysis.interval) else Stage.NOT_DUE


def _progressing(s: Snapshot, state: State) -> Stage:
    if facts.revision(s) != state.revision:
        return Stage.REVERTED if facts.reverted(s) else Stage.PUSHED
    if s.target is None or s.target.replicas == 0:
        return Stage.SCALED_DOWN
    return _without_sides(s, state) or _analysed(s, state)


def _without_sides(s: Snapshot, state: State) -> Stage | None:
    """A side that cannot do what the weight asks of it; None where both can."""
    if s.target and s.target.strangers and s.reached and s.primary_can_serve:
        return Stage.MIXED
    if state.predecessors and s.primary and s.primary.ready:
        return Stage.GIVEN_BACK
    if s.target and not s.target.ready:
        return _unready(s, state)
    if s.primary is None and s.carried < FULL and not s.canary.skip_analysis:
        return Stage.PRIMARY_LOST
    return None


def _analysed(s: Snapshot, state: State) -> Stage:
    if state.failed >= s.canary.analysis.threshold:
        return Stage.THRESHOLD
    if state.matched and not s.canary.analysis.match:
        return Stage.UNMATCHED
    if not due(state, s.now, s.canary.analysis.interval):
        return Stage.NOT_DUE
    if s.canary.skip_analysis:
        return Stage.SKIP_ANALYSIS
    if facts.waits_for_primary(s, state):
        return Stage.PRIMARY_NOT_READY
    return iterating(s.canary, state) if s.canary.analysis.iterations else weighted(s.canary, state)


def _unready(s: Snapshot, state: State) -> Stage:
    """A canary that serves is judged by the pods that are ready, while others start; until its deadline."""
    judged = s.reached and s.target is not None and s.target.pods and not s.target.exceeded
    if not judged or (state.deadline is not None and s.now >= state.deadline):
        return Stage.CANARY_NOT_READY
    if state.failed >= s.canary.analysis.threshold:
        return Stage.THRESHOLD
    return Stage.STARTING if due(state, s.now, s.canary.analysis.interval) else Stage.CANARY_NOT_READY


def _promoting(s: Snapshot, state: State) -> Stage:
    if facts.revision(s) != state.revision or s.promoted != state.revision:
        return Stage.PUSHED
    if s.primary is None and (s.canary_has_all or not s.canary_ready):  # whoever can serve does
        return Stage.PRIMARY_MISSING
    if s.primary is None or not s.primary.ready:
        return Stage.PROMOTION_STUCK
    if not due(state, s.now, s.canary.analysis.interval):
        return Stage.NOT_DUE
    if state.phase is Phase.FINALISING and not state.weight:
        return Stage.FINALISING
    return Stage.CROWDED if facts.crowded(s) else Stage.PROMOTING
