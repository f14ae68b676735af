"""Gates that are closed, and webhooks that want patience, hold a rollout back."""

from dataclasses import replace

import pytest

from handlers.rollout.actions import Route
from handlers.rollout.checks import Outcome
from handlers.rollout.snapshot import Options, Snapshot
from handlers.rollout.spec.analysis import Hook
from handlers.rollout.state import Kind, Phase
from tests.rollout.decisions import ERROR, GOOD, HALT, NOT_YET, REFUSED, TOTAL, decided, pushed, texts
from tests.rollout.examples import (
    NEW,
    NEWER,
    NOW,
    a_primary,
    a_resting_target,
    a_snapshot,
    a_state,
    a_target,
    answered,
    lost,
)

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
