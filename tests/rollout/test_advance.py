"""From a new revision to the copy: what each answer leads to."""

from dataclasses import replace

import pytest

from handlers.rollout.actions import CopyToPrimary, Route, ScaleUp
from handlers.rollout.checks import Finding
from handlers.rollout.commands import PROMOTE, RETRY
from handlers.rollout.decision import Decision
from handlers.rollout.snapshot import Options
from handlers.rollout.spec.analysis import Hook
from handlers.rollout.spec.canary import Canary
from handlers.rollout.stages import stage_of
from handlers.rollout.state import Intent, Kind, Phase
from handlers.rollout.table import decide
from handlers.rollout.weights import Weights
from tests.rollout.decisions import (
    BAD,
    DEADLINE,
    GOOD,
    NO_ROLLBACK,
    NOT_YET,
    PASSED,
    REFUSED,
    ROLLBACK,
    TOTAL,
    decided,
    pushed,
    texts,
)
from tests.rollout.examples import (
    NEW,
    NEWER,
    NOW,
    OLD,
    a_canary,
    a_primary,
    a_resting_target,
    a_snapshot,
    a_state,
    a_target,
    answered,
    lost,
    seconds,
)


def test_a_new_revision_starts_a_rollout() -> None:
    """Routes first, then the pods; the revision is acknowledged with the phase (C1)."""
    known = a_state(Phase.SUCCEEDED, seq=5, failed=3, iterations=2, waiting="primary")
    decision = decided(pushed(state=known))
    assert decision == Decision(
        told="New revision detected! Scaling up podinfo.test",
        intent=Intent.START,
        actions=(Route(0), ScaleUp()),
        state=replace(
            known,
            seq=6,
            phase=Phase.PROGRESSING,
            revision=NEW,
            promoted=OLD,
            failed=0,
            iterations=0,
            waiting="",
            started=NOW,
            stepped=NOW,
            deadline=DEADLINE,
        ),
        messages=decision.messages,
    )
    assert [(m.kind, m.phase, m.text) for m in decision.messages] == [
        (Kind.NORMAL, Phase.PROGRESSING, "New revision detected! Scaling up podinfo.test")
    ]


def test_a_start_says_which_gates_let_it_through() -> None:
    """In Flagger's order: the checks, then the start."""
    decision = decided(pushed(), answered(Hook.CONFIRM_ROLLOUT, PASSED, name="gate"))
    assert texts(decision) == [
        "Confirm-rollout check gate passed",
        "New revision detected! Scaling up podinfo.test",
    ]


def test_a_retry_is_remembered() -> None:
    """So that one annotation starts one rollout."""
    s = a_snapshot(Phase.FAILED, canary=a_canary(annotations={RETRY: "again"}))
    state = decided(s).state
    assert (state.phase, state.revision, state.retried) == (Phase.PROGRESSING, NEW, "again")


def test_c3_a_push_in_the_middle_starts_over() -> None:
    """Back to the primary, and the analysis begins anew, whatever the phase was."""
    for phase in (Phase.PROGRESSING, Phase.WAITING_PROMOTION, Phase.PROMOTING, Phase.FINALISING):
        weight = 0 if phase is Phase.FINALISING else 30
        decision = decided(a_snapshot(phase, weight=weight, target=a_target(NEWER)))
        assert (decision.intent, decision.actions) == (Intent.RESTART, (Route(0), ScaleUp()))
        state = decision.state
        assert (state.phase, state.revision, state.weight, state.failed) == (Phase.PROGRESSING, NEWER, 0, 0)
        assert (state.started, state.deadline) == (NOW, DEADLINE)
        assert texts(decision) == ["New revision detected! Restarting analysis for podinfo.test"]


@pytest.mark.parametrize("phase", [Phase.PROGRESSING, Phase.PROMOTING])
def test_a_push_that_nobody_could_take_over_from_keeps_the_weight(phase: Phase) -> None:
    """No ready pod of the primary: the canary goes on serving at the weight held (protocol rule 12)."""
    s = a_snapshot(phase, weight=30, target=a_target(NEWER), primary=a_primary(**lost()))
    decision = decided(s)
    assert decision.actions == (ScaleUp(),)
    assert (decision.state.phase, decision.state.weight) == (Phase.PROGRESSING, 30)


def test_c4_a_push_after_a_failed_promotion_keeps_the_good_canary() -> None:
    """Phase Failed, the canary holds all traffic, the primary is broken: nothing goes to it, nothing is scaled down."""
    failed = a_state(Phase.FAILED, weight=100, promoted=NEW)
    broken = a_primary(NEW, exceeded=True, **lost())
    decision = decided(a_snapshot(state=failed, target=a_target(NEWER), primary=broken))
    assert decision.actions == (ScaleUp(),)
    assert (decision.state.weight, decision.state.revision, decision.state.promoted) == (100, NEWER, NEW)
    state = decision.state
    for checks in range(1, 5):  # as many as lead to the highest weight, and one that holds it
        held = a_snapshot(state=replace(state, stepped=NOW - seconds(60)), target=a_target(NEWER), primary=broken)
        assert decided(held, BAD).state.weight == 100
        earned = decided(held, GOOD)
        assert (earned.actions, earned.told) == (
            (Route(100),),
            f"keep the weight: {checks} of 4 checks passed that lead to it",
        )
        state = earned.state
    held = a_snapshot(state=replace(state, stepped=NOW - seconds(60)), target=a_target(NEWER), primary=broken)
    assert decided(held, GOOD).actions == (Route(100), CopyToPrimary(NEWER))
    assert decided(held, GOOD).told == "promote: weight 100 % has held"


def test_the_first_step_begins_the_analysis() -> None:
    """Flagger's order of words: rollback webhooks, the beginning, the other webhooks, the weight."""
    decision = decided(
        a_snapshot(), NO_ROLLBACK, answered(Hook.PRE_ROLLOUT, PASSED), answered(Hook.CONFIRM_TRAFFIC_INCREASE, PASSED)
    )
    assert (decision.intent, decision.actions) == (Intent.RAISE, (Route(10),))
    assert (decision.state.weight, decision.state.seq, decision.state.stepped) == (10, 6, NOW)
    assert texts(decision) == [
        "Rollback hook back not signaling a rollback",
        "Starting canary analysis for podinfo.test",
        "Pre-rollout check hook passed",
        "Confirm-traffic-increase check hook passed",
        "Advance podinfo.test canary weight 10",
    ]


@pytest.mark.parametrize(("weight", "after"), [(10, 20), (40, 50), (45, 50)])
def test_the_next_step_goes_to_the_next_weight(weight: int, after: int) -> None:
    """From the state's weight, not from what the routes say."""
    decision = decided(a_snapshot(weight=weight, routes=Weights(97, 3)), GOOD)
    assert (decision.actions, decision.state.weight) == ((Route(after),), after)
    assert texts(decision) == [f"Advance podinfo.test canary weight {after}"]


@pytest.mark.parametrize(("options", "failed"), [(Options(), 0), (TOTAL, 1)], ids=["consecutive", "total"])
@pytest.mark.parametrize("weight", [0, 20, 50], ids=["first", "next", "last"])
def test_c14_a_passed_step_resets_the_count(options: Options, failed: int, weight: int) -> None:
    """Unless it counts in total, as Flagger's does."""
    s = a_snapshot(state=a_state(weight=weight, failed=1), options=options, routes=None)
    assert decided(s, GOOD).state.failed == failed


def test_the_last_step_copies_what_was_analysed() -> None:
    """The copy names the revision; promoted is what the primary then carries."""
    decision = decided(a_snapshot(weight=50), GOOD, answered(Hook.CONFIRM_PROMOTION, PASSED))
    assert (decision.intent, decision.actions) == (Intent.PROMOTE, (Route(50), CopyToPrimary(NEW)))
    state = decision.state
    assert (state.phase, state.weight, state.promoted, state.deadline) == (Phase.PROMOTING, 50, NEW, DEADLINE)
    assert texts(decision) == [
        "Confirm-promotion check hook passed",
        "Copying podinfo.test template spec to podinfo-primary.test",
    ]


def test_c18_a_skipped_analysis_is_promoted_like_any_other() -> None:
    """The copy is made; the shift waits for the primary, and Succeeded comes after it."""
    s = a_snapshot(canary=a_canary(spec={"skipAnalysis": True}))
    decision = decided(s)
    assert (decision.intent, decision.actions) == (Intent.PROMOTE, (Route(0), CopyToPrimary(NEW)))
    assert (decision.state.phase, decision.state.deadline) == (Phase.PROMOTING, DEADLINE)
    assert texts(decision) == ["Copying podinfo.test template spec to podinfo-primary.test"]


def test_a_rollback_webhook_is_told_when_the_analysis_is_skipped() -> None:
    """What it answered is in the Events either way, and its yes rolls back."""
    s = a_snapshot(canary=a_canary(spec={"skipAnalysis": True}))
    assert texts(decided(s, NO_ROLLBACK))[0] == "Rollback hook back not signaling a rollback"
    assert decided(s, ROLLBACK).state.phase is Phase.FAILED


def test_findings_go_into_the_history() -> None:
    """Whatever they lead to."""
    for finding in (GOOD, BAD, answered(Hook.ROLLOUT, NOT_YET), answered(Hook.CONFIRM_TRAFFIC_INCREASE, REFUSED)):
        assert decided(a_snapshot(weight=20), finding).findings == (finding,)


@pytest.mark.parametrize(
    ("findings", "acknowledged"),
    [
        pytest.param((), True, id="the rollout begins"),
        pytest.param((answered(Hook.CONFIRM_ROLLOUT, REFUSED),), False, id="nobody has approved yet"),
        pytest.param((answered(Hook.CONFIRM_ROLLOUT, NOT_YET),), False, id="the webhook is at it"),
    ],
)
def test_c1_a_revision_is_acknowledged_with_the_phase(findings: tuple[Finding, ...], acknowledged: bool) -> None:
    """In one write with Progressing and not before, so that no error in between makes it look unchanged."""
    state = decided(pushed(Phase.FAILED, target=a_resting_target(NEWER)), *findings).state
    assert (state.revision == NEWER) is acknowledged
    assert (state.phase is Phase.PROGRESSING) is acknowledged


def test_c2_another_template_is_never_promoted() -> None:
    """At the last step, with all checks passed: a target that shows another revision is a new run."""
    s = a_snapshot(Phase.PROGRESSING, weight=50, target=a_target(NEWER))
    decision = decided(s, GOOD)
    assert not [action for action in decision.actions if isinstance(action, CopyToPrimary)]
    assert (decision.state.phase, decision.state.revision) == (Phase.PROGRESSING, NEWER)


@pytest.mark.parametrize("weight", [0, 20, 50])
def test_c5_no_replicas_are_not_ready(weight: int) -> None:
    """Whatever its status says, a target without replicas gets pods before it gets traffic."""
    s = a_snapshot(weight=weight, target=a_target(NEW, replicas=0, pods=0))
    decision = decided(s, GOOD)
    assert ScaleUp() in decision.actions
    assert decision.state.weight == 0


@pytest.mark.parametrize("canary", [a_canary(annotations={PROMOTE: "1"}), a_canary(spec={"skipAnalysis": True})])
def test_a_copy_takes_no_traffic_to_a_primary_without_pods(canary: Canary) -> None:
    """Somebody has sent requests to the canary, and it is all that serves: the copy leaves them there."""
    s = a_snapshot(canary=canary, routes=Weights(60, 40), primary=a_primary(**lost()))
    assert decide(s, stage_of(s), ()).actions == (CopyToPrimary(NEW),)
    s = replace(s, primary=a_primary())
    assert decide(s, stage_of(s), ()).actions == (Route(0), CopyToPrimary(NEW))
