"""The parts that decisions are made of: steps, waits and messages."""

from dataclasses import replace

import pytest
from hypothesis import given

from handlers.rollout.checks import Outcome
from handlers.rollout.decision import (
    failed_outcomes,
    normal,
    nothing,
    overdue,
    post_rollout,
    settle,
    stepped,
    waiting,
    warning,
)
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.state import Kind, Message, Phase
from tests.rollout.examples import NOW, a_claim, a_snapshot, a_state, measured, seconds
from tests.rollout.strategies import METRICS, snapshots


def test_a_step_is_counted_timed_and_ends_all_waiting() -> None:
    """And it holds no claim."""
    known = a_state(waiting="canary", deadline=NOW, claim=a_claim())
    state = stepped(a_snapshot(state=known), weight=30)
    assert state == replace(known, seq=6, stepped=NOW, waiting="", deadline=None, claim=None, weight=30)


def test_a_step_may_say_otherwise() -> None:
    """Its own deadline, or the number it had."""
    state = stepped(a_snapshot(), deadline=NOW, seq=5)
    assert (state.deadline, state.seq) == (NOW, 5)


def test_settling_changes_nothing_else() -> None:
    """No claim, and these changes; not the time of the step."""
    known = a_state(claim=a_claim(), waiting="canary")
    assert settle(a_snapshot(state=known), failed=1) == replace(known, claim=None, failed=1)


@given(snapshots())
def test_nothing_is_nothing(s: Snapshot) -> None:
    """No action, no message, no change but for the claim, and for a wait that is over."""
    decision = nothing(s, "why")
    assert (decision.told, decision.actions, decision.messages, decision.refused) == ("why", (), (), "")
    held = "" if s.primary_can_serve else s.known.held
    assert decision.state == replace(s.known, claim=None, held=held)


def test_waiting_begins_with_a_word_and_a_deadline() -> None:
    """Then nothing is written."""
    s = a_snapshot()
    decision = waiting(s, "canary", "text", told="told")
    assert decision.messages == (warning(Phase.PROGRESSING, "text"),)
    assert decision.state == replace(s.known, waiting="canary", deadline=NOW + seconds(600))
    assert waiting(replace(s, state=decision.state), "canary", "text", told="told") == nothing(
        replace(s, state=decision.state), "told"
    )


def test_waiting_without_a_deadline() -> None:
    """Where there is nothing to go back to; the deadline of something else stays."""
    state = waiting(a_snapshot(), "primary", "text", told="told", timed=False).state
    assert (state.waiting, state.deadline) == ("primary", None)
    held = waiting(a_snapshot(state=a_state(deadline=NOW)), "target", "text", told="told", timed=False)
    assert held.state.deadline == NOW


def test_waiting_for_something_else_is_told_anew() -> None:
    """The deadline runs on."""
    known = a_state(waiting="canary", deadline=NOW)
    decision = waiting(a_snapshot(state=known), "primary", "text", told="told")
    assert [message.text for message in decision.messages] == ["text"]
    assert (decision.state.waiting, decision.state.deadline) == ("primary", NOW)


def test_a_deadline_that_is_lost_is_set_again_silently() -> None:
    """A wait that should be timed and is not."""
    decision = waiting(a_snapshot(state=a_state(waiting="canary")), "canary", "text", told="told")
    assert (decision.messages, decision.state.deadline) == ((), NOW + seconds(600))


@pytest.mark.parametrize(
    ("deadline", "expected"),
    [(None, False), (NOW + seconds(1), False), (NOW, True), (NOW - seconds(1), True)],
)
def test_a_deadline_is_absolute(deadline: object, expected: bool) -> None:
    """Invariant 8: whatever event comes next enforces it."""
    assert overdue(a_snapshot(state=a_state(deadline=deadline))) is expected


def test_messages_have_a_kind() -> None:
    """As Kubernetes Events do, and one that stands for webhooks."""
    assert normal(Phase.FAILED, "a") == Message(kind=Kind.NORMAL, text="a", phase=Phase.FAILED)
    assert warning(Phase.FAILED, "a") == Message(kind=Kind.WARNING, text="a", phase=Phase.FAILED)
    assert post_rollout(Phase.FAILED) == Message(kind=Kind.POST_ROLLOUT, text="Failed", phase=Phase.FAILED)


@given(METRICS)
def test_what_did_not_pass_failed(metric: object) -> None:
    """Whatever the reason is."""
    findings = [measured(metric, outcome) for outcome in Outcome]  # type: ignore[arg-type]  # drawn from metrics
    assert [finding.outcome for finding in failed_outcomes(findings)] == list(Outcome)[1:]
