"""Checks that fail are counted, and at the threshold, or when a webhook says so, a rollout ends."""

import pytest

from handlers.rollout.actions import Route, ScaleToZero
from handlers.rollout.checks import Finding
from handlers.rollout.snapshot import Options, Snapshot
from handlers.rollout.spec.analysis import Hook
from handlers.rollout.spec.strategy import THRESHOLD_COUNTS
from handlers.rollout.state import Intent, Phase
from handlers.rollout.weights import Weights
from tests.rollout.decisions import BAD, ERROR, HALT, NOT_YET, REFUSED, ROLLBACK, decided, texts
from tests.rollout.examples import NEW, NOW, a_canary, a_resting_target, a_snapshot, a_state, answered


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
    assert (decision.intent, decision.actions) == (Intent.ROLLBACK, (Route(0),))
    assert decision.meanwhile is not None
    assert (decision.meanwhile.failed, decision.meanwhile.phase) == (2, Phase.PROGRESSING)
    assert (decision.state.phase, decision.state.failed, decision.state.weight) == (Phase.FAILED, 0, 0)
    assert texts(decision) == [
        f"{HALT} success rate 50.00% < 99%",
        "Rolling back podinfo.test failed checks threshold reached 2",
        "Canary failed! Scaling down podinfo.test",
        "Failed",
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
    gone = () if s.reached else (ScaleToZero(),)
    assert (decision.intent, decision.actions) == (Intent.ROLLBACK, (Route(0), *gone))
    assert (decision.state.phase, decision.state.revision) == (Phase.FAILED, revision)
    assert texts(decision)[:2] == ["Rollback check back passed", "Rolling back podinfo.test manual webhook invoked"]


def test_a_rollback_webhook_that_says_no_stops_nothing() -> None:
    """Nor does one that is down."""
    for outcome in (REFUSED, ERROR, NOT_YET):
        decision = decided(a_snapshot(weight=20), answered(Hook.ROLLBACK, outcome))
        assert decision.state.weight == 30


@pytest.mark.parametrize(
    ("annotation", "total", "failed"),
    [("", False, 0), ("", True, 1), ("total", False, 1), ("consecutive", True, 0)],
)
def test_the_annotation_says_how_failed_checks_count(annotation: str, total: bool, failed: int) -> None:
    """It overrides the setting, either way."""
    canary = a_canary(annotations={THRESHOLD_COUNTS: annotation})
    s = a_snapshot(state=a_state(weight=10, failed=1), canary=canary, options=Options(total=total))
    assert decided(s).state.failed == failed
