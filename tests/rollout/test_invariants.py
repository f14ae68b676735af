"""What holds for every decision: the invariants, on whatever snapshot and after whatever answers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.rollout.actions import (
    ApexService,
    CopyConfigs,
    CopyToPrimary,
    CreatePrimary,
    PauseScaler,
    RemoveFormer,
    RemoveRoutes,
    Route,
    ScalePrimary,
    ScaleToPrimary,
    ScaleToZero,
    ScaleUp,
)
from handlers.rollout.decision import Decision
from handlers.rollout.facts import live
from handlers.rollout.snapshot import Primary, Snapshot
from handlers.rollout.stage import Stage
from handlers.rollout.stages import ADVANCING, stage_of
from handlers.rollout.state import Intent, Phase
from handlers.rollout.table import TABLE, checks, decide
from handlers.rollout.weights import Weights, highest
from tests.protocol.sampling import examples
from tests.rollout.examples import TICK
from tests.rollout.strategies import answers, snapshots


def routes(decision: Decision) -> Sequence[int]:
    """The weights a decision routes, in order."""
    return [action.weight for action in decision.actions if isinstance(action, Route)]


@dataclass(frozen=True, slots=True)
class Case:
    """A snapshot, its stage, and what was decided after some answers."""

    s: Snapshot
    stage: Stage
    decision: Decision


def every_snapshot_has_a_decision(case: Case) -> None:
    """Total, and weights are percent."""
    assert case.decision.told
    assert all(0 <= weight <= 100 for weight in [*routes(case.decision), case.decision.state.weight])


def rollback_wins(case: Case) -> None:
    """Invariant 3: once a rollback is intended, or done, no action raises the canary's weight.

    Failed says that as well of a promotion that failed: there the canary is the good copy, and serves.
    """
    intended = case.s.known.claim is not None and case.s.known.claim.intent is Intent.ROLLBACK
    serves = bool(case.s.known.weight) or case.s.promoted == case.s.known.revision
    if (intended and live(case.s)) or (case.s.known.phase is Phase.FAILED and not serves):
        assert all(weight <= case.s.carried for weight in routes(case.decision))
    if case.decision.intent is Intent.ROLLBACK:
        assert set(routes(case.decision)) == {0}
        assert (case.decision.state.phase, case.decision.state.weight) == (Phase.FAILED, 0)


def an_intended_rollback_is_all_that_happens(case: Case) -> None:
    """An expired claim to roll back is rolled forward, or waits, or leaves all as it is; or the Canary goes."""
    claim = case.s.known.claim
    if claim and claim.intent is Intent.ROLLBACK and case.decision.actions and case.stage is not Stage.TERMINATING:
        assert case.decision.intent is Intent.ROLLBACK


def traffic_goes_only_to_a_primary_with_pods(case: Case) -> None:
    """Invariant 1: the canary's weight is lowered only when the primary has a ready pod."""
    if any(weight < case.s.carried for weight in routes(case.decision)):
        assert case.s.primary_can_serve


def traffic_goes_only_to_a_canary_with_pods(case: Case) -> None:
    """Invariant 1, the other side: a weight above the state's is routed only to a target that is ready."""
    if any(weight > case.s.carried for weight in routes(case.decision)):
        assert case.s.target is not None
        assert case.s.target.ready


def the_analysis_never_goes_above_the_highest(case: Case) -> None:
    """Invariant 1: while it is analysed, a canary's weight is raised to maxWeight at most; it takes all traffic only
    after that, when the primary could not serve while it is updated.
    """
    last = () if case.s.gap else (Stage.LAST_STEP, Stage.WAITING_PROMOTION)
    if case.stage in (Stage.FIRST_STEP, Stage.NEXT_STEP, Stage.UNEARNED, *last):
        assert case.decision.state.weight <= max(highest(case.s.canary.analysis), case.s.known.weight)


def pods_are_taken_away_after_the_routes(case: Case) -> None:
    """A target is scaled to zero only by a decision that finds all traffic on the primary, and leaves it there."""
    if ScaleToZero() in case.decision.actions:
        assert not case.s.reached
        assert set(routes(case.decision)) <= {0}
        assert not case.decision.state.weight


def the_state_says_what_is_routed(case: Case) -> None:
    """The weight lives in the state; the route is its projection, unless drift is kept because nobody else serves."""
    if routes(case.decision) and not (case.stage is Stage.ADRIFT and not case.s.primary_can_serve):
        assert case.decision.state.weight == routes(case.decision)[-1]
    elif not routes(case.decision):
        assert case.decision.state.weight in (case.s.known.weight, case.s.carried)


def only_what_was_analysed_is_promoted(case: Case) -> None:
    """Invariant 5: the copy is of the revision under analysis, and the target shows it (C2)."""
    for action in case.decision.actions:
        if isinstance(action, CopyToPrimary):
            assert case.s.target is not None
            assert action.revision == case.s.known.revision == case.s.target.revision
            assert (case.decision.state.phase, case.decision.state.promoted) == (Phase.PROMOTING, action.revision)


def a_claim_says_everything_that_the_step_may_write(case: Case) -> None:
    """Fences look at the intent: whoever writes the primary says so, also while it asks (protocol rule 4)."""
    claimed = {case.decision.intent, TABLE[case.stage].intent} if checks(case.s, case.stage) else {case.decision.intent}
    for action in case.decision.actions:
        if isinstance(action, CopyToPrimary):
            assert claimed == {Intent.PROMOTE}
        if isinstance(action, CreatePrimary):
            assert claimed == {Intent.BOOTSTRAP}
    # what is found with this intent later is taken for a rollback, or for a copy
    if Intent.ROLLBACK in claimed:
        assert case.decision.state.phase is Phase.FAILED or case.decision.refused
    if case.decision.intent is Intent.PROMOTE:
        assert case.decision.state.phase is Phase.PROMOTING


_WRITTEN_DOWN = (Stage.TOO_LATE, Stage.ABORTED_TOO_LATE, Stage.ALERT_PASSED_OVER, Stage.ALERT_ENDED)


def a_decision_holds_no_claim(case: Case) -> None:
    """It ends with the step, but for alerts that are only written down, for what leaves all as it is, and for a
    rollback that was begun and has to wait.
    """
    claim = case.s.known.claim
    waits = bool(case.decision.refused) and claim is not None and claim.intent is Intent.ROLLBACK
    if case.stage in _WRITTEN_DOWN or case.decision.untouched or waits:
        assert case.decision.state.claim == case.s.known.claim
    else:
        assert case.decision.state.claim is None


def what_is_held_goes_no_further(case: Case) -> None:
    """By an alert or by a user, but for a promotion begun or asked for, and for a primary that is gone:
    without the canary nobody would answer.
    """
    begun = (Stage.PROMOTE_NOW, Stage.COPYING, Stage.COPIED, Stage.PRIMARY_LOST)
    if case.s.hold and case.s.known.phase in ADVANCING and case.stage not in begun:
        after = case.decision.state
        assert after.phase not in (Phase.PROMOTING, Phase.FINALISING)
        assert not any(isinstance(action, CopyToPrimary) for action in case.decision.actions)
        assert after.weight <= case.s.carried
        assert after.iterations <= case.s.known.iterations
        assert after.mirrored <= case.s.known.mirrored


def what_is_untouched_changes_nothing(case: Case) -> None:
    """Nor does what is refused act."""
    if case.decision.untouched:
        assert (case.decision.actions, case.decision.messages, case.decision.state) == ((), (), case.s.known)
    if case.decision.refused:
        assert case.decision.actions == ()


def every_change_of_phase_is_told(case: Case) -> None:
    """Invariant 12; a bootstrap that begins has its own words only when it has metrics."""
    if case.decision.state.phase is not case.s.known.phase and case.stage is not Stage.BOOTSTRAP:
        assert case.decision.messages or case.decision.reasons


def at_rest_nothing_changed_means_nothing_to_do(case: Case) -> None:
    """Invariant 10: no action, no message but of what is wrong, and a state that is as it was after one look; a primary
    that somebody has scaled to zero has changed.
    """
    if case.stage is Stage.AT_REST and not (case.s.primary and case.s.primary.stopped):
        assert case.decision.actions == ()
        assert [message.text for message in case.decision.messages] == [case.s.mixed] * bool(case.s.mixed)
        again = replace(case.s, state=case.decision.state)
        assert stage_of(again) is Stage.AT_REST
        assert decide(again, Stage.AT_REST, ()).state == case.decision.state


INVARIANTS = (
    every_snapshot_has_a_decision,
    rollback_wins,
    an_intended_rollback_is_all_that_happens,
    traffic_goes_only_to_a_primary_with_pods,
    traffic_goes_only_to_a_canary_with_pods,
    the_analysis_never_goes_above_the_highest,
    pods_are_taken_away_after_the_routes,
    the_state_says_what_is_routed,
    only_what_was_analysed_is_promoted,
    a_claim_says_everything_that_the_step_may_write,
    a_decision_holds_no_claim,
    what_is_held_goes_no_further,
    what_is_untouched_changes_nothing,
    every_change_of_phase_is_told,
    at_rest_nothing_changed_means_nothing_to_do,
)


@settings(max_examples=examples(600))
@given(s=snapshots(), data=st.data())
def test_every_decision_keeps_every_invariant(s: Snapshot, data: st.DataObject) -> None:
    """Any snapshot, whatever its checks answer: each of the functions above."""
    stage = stage_of(s)
    case = Case(s, stage, decide(s, stage, data.draw(answers(checks(s, stage)))))
    for holds in INVARIANTS:
        holds(case)


def _done(s: Snapshot, decision: Decision) -> Snapshot:  # noqa: C901, PLR0912  one case for each action
    """The canary after a decision was carried out, seen at the same moment: no pod has come or gone ready by itself."""
    s = replace(s, state=decision.state)
    if s.destination and decision.state.identity:
        s = replace(s, canary=s.destination, destination=None)
    for action in decision.actions:
        if isinstance(action, ScaleToZero | PauseScaler):
            s = replace(s, scaler_awake=False)
        match action:
            case Route(weight, mirrored, matched):
                s = replace(s, routes=Weights(100 - weight, weight, mirrored, matched), rerouted=False)
            case ScaleUp() | ScaleToPrimary() if s.target:
                s = replace(s, target=replace(s.target, replicas=s.target.replicas or 1, ours=True))
            case ScaleToZero() if s.target:
                s = replace(s, target=replace(s.target, replicas=0, pods=0, ready=False, ours=True))
            case CreatePrimary(revision) | CopyToPrimary(revision):
                pods = s.primary.pods if s.primary else 0
                s = replace(s, primary=Primary(promoted=revision, ready=False, pods=pods), astray=False)
            case CopyConfigs():
                s = replace(s, astray=False)
            case ApexService(at_target):
                s = replace(s, drift=False, target=replace(s.target, called=at_target) if s.target else None)
            case RemoveFormer():
                s = replace(s, alike=False)
            case RemoveRoutes():
                s = replace(s, left=False)
            case ScalePrimary(replicas) if s.primary:
                s = replace(s, primary=replace(s.primary, replicas=replicas, stopped=False))
            case _:
                pass
    return s


@settings(max_examples=examples(300))
@given(s=snapshots(), data=st.data())
def test_events_at_one_moment_come_to_rest(s: Snapshot, data: st.DataObject) -> None:
    """Invariants 2 and 10: however many ticks come at one moment, after a few nothing is written any more."""
    s = replace(s, cause=TICK)
    for _ in range(8):
        stage = stage_of(s)
        decision = decide(s, stage, data.draw(answers(checks(s, stage))))
        if not decision.actions and decision.state == s.known:
            return
        s = _done(s, decision)
    pytest.fail(f"still at it: {stage_of(s)}")
