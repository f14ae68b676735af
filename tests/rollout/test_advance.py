"""From a new revision to the copy: what each answer leads to."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from handlers.rollout.actions import CopyToPrimary, Route, ScaleToZero, ScaleUp
from handlers.rollout.checks import Finding, Outcome
from handlers.rollout.commands import PROMOTE, RETRY
from handlers.rollout.decision import Decision
from handlers.rollout.snapshot import Options, Snapshot
from handlers.rollout.spec.analysis import Hook, Metric
from handlers.rollout.spec.canary import Canary
from handlers.rollout.stages import stage_of
from handlers.rollout.state import Intent, Kind, Phase
from handlers.rollout.table import decide
from handlers.rollout.weights import Weights
from tests.rollout.strategies import (
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
    measured,
    seconds,
)

PASSED, REFUSED, NOT_YET, ERROR = Outcome.PASSED, Outcome.REFUSED, Outcome.NOT_YET, Outcome.ERROR
RATE = Metric(name="request-success-rate", window="1m", low=99.0)
BAD = measured(RATE, Outcome.FAILED, 50.0)
GOOD = measured(RATE, PASSED, 100.0)
NO_ROLLBACK = answered(Hook.ROLLBACK, REFUSED, name="back")
ROLLBACK = answered(Hook.ROLLBACK, PASSED, name="back")
TOTAL = Options(total=True)
HALT = "Halt podinfo.test advancement"
DEADLINE = NOW + seconds(600)


def decided(s: Snapshot, *findings: Finding) -> Decision:
    """What the table decides."""
    return decide(s, stage_of(s), findings)


def texts(decision: Decision) -> Sequence[str]:
    """All that is told, in order."""
    return [message.text for message in (*decision.reasons, *decision.messages)]


def pushed(phase: Phase = Phase.SUCCEEDED, **fields: Any) -> Snapshot:
    """A canary at rest with a new revision."""
    return a_snapshot(phase, **{"target": a_resting_target(NEW), **fields})


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
    held = a_snapshot(state=replace(decision.state, stepped=NOW - seconds(60)), target=a_target(NEWER), primary=broken)
    assert decided(held, GOOD).actions == (Route(100), CopyToPrimary(NEWER))


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


GATES = [
    pytest.param(pushed(), Hook.CONFIRM_ROLLOUT, Phase.WAITING, "waiting for approval", id="confirm-rollout"),
    pytest.param(
        a_snapshot(weight=50),
        Hook.CONFIRM_PROMOTION,
        Phase.WAITING_PROMOTION,
        "waiting for promotion approval",
        id="cp",
    ),
    pytest.param(
        a_snapshot(weight=20),
        Hook.CONFIRM_TRAFFIC_INCREASE,
        Phase.PROGRESSING,
        "waiting for traffic increase approval",
        id="confirm-traffic-increase",
    ),
]


@pytest.mark.parametrize(("s", "kind", "phase", "words"), GATES)
@pytest.mark.parametrize("outcome", [REFUSED, ERROR])
def test_a_closed_gate_halts(s: Snapshot, kind: Hook, phase: Phase, words: str, outcome: Outcome) -> None:
    """It is not a failed check; the weight stays, and the next look, an interval later, is another question."""
    decision = decided(s, answered(kind, outcome, "403", name="gate"))
    weight = s.known.weight
    assert decision.actions == ((Route(weight),) if phase is not Phase.WAITING else ())
    state = decision.state
    assert (state.phase, state.weight, state.failed, state.seq) == (phase, weight, 0, s.known.seq + 1)
    assert (state.waiting, state.stepped) == ("webhook gate", NOW)
    assert texts(decision)[-1] == f"{HALT} {words} gate"
    assert decision.messages[-1].kind is Kind.WARNING


@pytest.mark.parametrize(
    ("phase", "kind", "said"),
    [
        pytest.param(Phase.WAITING, Hook.CONFIRM_ROLLOUT, [], id="once on entering Waiting"),
        pytest.param(Phase.WAITING_PROMOTION, Hook.CONFIRM_PROMOTION, [], id="once on entering WaitingPromotion"),
        pytest.param(
            Phase.PROGRESSING,
            Hook.CONFIRM_TRAFFIC_INCREASE,
            [f"{HALT} waiting for traffic increase approval gate"],
            id="each time for a traffic increase",
        ),
    ],
)
def test_a_gate_that_stays_closed_is_told_as_flagger_does(phase: Phase, kind: Hook, said: list[str]) -> None:
    """scheduler_hooks.go."""
    known = a_state(phase, weight=0 if phase is Phase.WAITING else 20, waiting="webhook gate")
    target = a_resting_target(NEW) if phase is Phase.WAITING else a_target()
    assert texts(decided(a_snapshot(state=known, target=target), answered(kind, REFUSED, name="gate"))) == said


def test_c17_waiting_for_promotion_keeps_the_weight() -> None:
    """Flagger says weight 0 and iterations -1 while the routes say 50."""
    s = a_snapshot(Phase.WAITING_PROMOTION, weight=50)
    decision = decided(s, answered(Hook.CONFIRM_PROMOTION, REFUSED))
    assert (decision.state.weight, decision.state.iterations, decision.actions) == (50, 0, (Route(50),))


@pytest.mark.parametrize(("options", "failed"), [(Options(), 0), (TOTAL, 1)], ids=["consecutive", "total"])
def test_checks_that_passed_before_a_closed_gate_reset_the_count(options: Options, failed: int) -> None:
    """The gate comes after them."""
    s = a_snapshot(state=a_state(weight=50, failed=1), options=options)
    assert decided(s, GOOD, answered(Hook.CONFIRM_PROMOTION, REFUSED)).state.failed == failed


def test_a_revision_that_nobody_approved_loses_the_traffic() -> None:
    """After a failed promotion the target serves; a push replaces its pods, and the primary takes over if it can."""
    s = a_snapshot(state=a_state(Phase.FAILED, weight=100, promoted=NEW), target=a_target(NEWER))
    closed = answered(Hook.CONFIRM_ROLLOUT, REFUSED)
    decision = decided(s, closed)
    assert (decision.actions, decision.state.phase, decision.state.weight) == ((Route(0),), Phase.WAITING, 0)
    kept = decided(replace(s, primary=a_primary(NEW, **lost())), closed)
    assert (kept.actions, kept.state.phase, kept.state.weight) == ((), Phase.WAITING, 100)


@pytest.mark.parametrize(
    ("s", "kind", "actions"),
    [
        pytest.param(a_snapshot(weight=20), Hook.ROLLOUT, (Route(20),), id="a rollout webhook"),
        pytest.param(a_snapshot(), Hook.PRE_ROLLOUT, (Route(0),), id="a pre-rollout webhook"),
        pytest.param(a_snapshot(weight=50), Hook.CONFIRM_PROMOTION, (Route(50),), id="a gate"),
        pytest.param(pushed(), Hook.CONFIRM_ROLLOUT, (), id="before the start"),
    ],
)
def test_a_webhook_may_ask_for_patience(s: Snapshot, kind: Hook, actions: tuple[object, ...]) -> None:
    """Not a failed check and not another step: it is asked again with the same number, an interval later."""
    decision = decided(s, answered(kind, NOT_YET, "is still at it", name="load"))
    known = s.known
    assert decision.state == replace(known, waiting="webhook load", stepped=NOW)
    assert decision.actions == actions
    assert not [text for text in texts(decision) if "load" in text]


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        pytest.param(BAD, "success rate 50.00% < 99%", id="a metric out of range"),
        pytest.param(answered(Hook.ROLLOUT, REFUSED, "500"), "external check hook failed 500", id="a webhook's no"),
        pytest.param(answered(Hook.ROLLOUT, ERROR, "timeout"), "external check hook failed timeout", id="no answer"),
    ],
)
def test_c14_a_failed_check_is_counted_and_told(finding: Finding, words: str) -> None:
    """Each kind of trouble in its own words; routes are put back to the state's weight within the step."""
    s = a_snapshot(weight=20, routes=Weights(90, 10))
    decision = decided(s, finding)
    assert (decision.actions, decision.state.failed, decision.state.weight) == ((Route(20),), 1, 20)
    assert (decision.state.seq, decision.state.stepped) == (6, NOW)
    assert texts(decision) == [f"{HALT} {words}"]


def test_a_failed_pre_rollout_check_is_counted() -> None:
    """Before the first weight."""
    decision = decided(a_snapshot(), answered(Hook.PRE_ROLLOUT, REFUSED, "500"))
    assert (decision.actions, decision.state.failed, decision.state.phase) == ((Route(0),), 1, Phase.PROGRESSING)
    assert texts(decision) == [
        "Starting canary analysis for podinfo.test",
        f"{HALT} pre-rollout check hook failed 500",
    ]


def test_c19_the_step_that_reaches_the_threshold_rolls_back_and_says_why() -> None:
    """In the same step; the count it reached is shown on the way."""
    decision = decided(a_snapshot(state=a_state(weight=20, failed=1), routes=Weights(80, 20)), BAD)
    assert (decision.intent, decision.actions) == (Intent.ROLLBACK, (Route(0), ScaleToZero()))
    assert decision.meanwhile is not None
    assert (decision.meanwhile.failed, decision.meanwhile.phase) == (2, Phase.PROGRESSING)
    assert (decision.state.phase, decision.state.failed, decision.state.weight) == (Phase.FAILED, 0, 0)
    assert texts(decision) == [
        f"{HALT} success rate 50.00% < 99%",
        "Rolling back podinfo.test failed checks threshold reached 2",
        "Canary failed! Scaling down podinfo.test",
        "",
    ]


@pytest.mark.parametrize(
    ("s", "revision"),
    [
        pytest.param(a_snapshot(Phase.WAITING, target=a_resting_target(NEW)), NEW, id="C11: in Waiting"),
        pytest.param(a_snapshot(), NEW, id="before the first weight"),
        pytest.param(a_snapshot(weight=20), NEW, id="in the middle"),
        pytest.param(a_snapshot(Phase.WAITING_PROMOTION, weight=50), NEW, id="in WaitingPromotion"),
    ],
)
def test_c11_a_rollback_webhook_is_heard_in_every_phase_before_the_copy(s: Snapshot, revision: str) -> None:
    """Its yes rolls back at once, and the revision that was refused is the one that failed."""
    decision = decided(s, ROLLBACK)
    assert (decision.intent, decision.actions) == (Intent.ROLLBACK, (Route(0), ScaleToZero()))
    assert (decision.state.phase, decision.state.revision) == (Phase.FAILED, revision)
    assert texts(decision)[:2] == ["Rollback check back passed", "Rolling back podinfo.test manual webhook invoked"]


def test_a_rollback_webhook_that_says_no_stops_nothing() -> None:
    """Nor does one that is down."""
    for outcome in (REFUSED, ERROR, NOT_YET):
        decision = decided(a_snapshot(weight=20), answered(Hook.ROLLBACK, outcome))
        assert decision.state.weight == 30


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
