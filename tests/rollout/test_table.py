"""THE TABLE: what each stage asks, what its claim says, and what holds for every decision."""

from dataclasses import replace

import pytest

from handlers.rollout.checks import HookCheck, ServerCheck
from handlers.rollout.snapshot import Primary
from handlers.rollout.spec.analysis import DURATION, SUCCESS_RATE, Hook, Metric
from handlers.rollout.spec.canary import Canary
from handlers.rollout.stage import Stage
from handlers.rollout.stages import stage_of
from handlers.rollout.state import Intent, Phase
from handlers.rollout.table import TABLE, checks, decide
from tests.rollout.examples import NOW, a_canary, a_snapshot, a_state, a_target, seconds, with_webhooks

ROLLBACK_HOOK, ROLLOUT, METRICS = "rollback", "rollout", "metrics"
INCREASE, PROMOTION, ROLLOUT_GATE = "confirm-traffic-increase", "confirm-promotion", "confirm-rollout"
RATE = Metric(name=SUCCESS_RATE, window="1m", low=99.0)


def test_the_table_has_a_row_for_every_stage() -> None:
    """And nothing else."""
    assert set(TABLE) == set(Stage)
    assert all(row.then for row in TABLE.values())


FIRST_TO_LAST = [
    (Stage.NEW_REVISION, [ROLLOUT_GATE]),
    (Stage.WAITING, [ROLLBACK_HOOK, ROLLOUT_GATE]),
    (Stage.FIRST_STEP, [ROLLBACK_HOOK, "pre-rollout", INCREASE]),
    (Stage.NEXT_STEP, [ROLLBACK_HOOK, ROLLOUT, METRICS, INCREASE]),
    (Stage.UNEARNED, [ROLLBACK_HOOK, ROLLOUT, METRICS]),
    (Stage.MIRRORED, [ROLLBACK_HOOK, ROLLOUT, METRICS]),
    (Stage.FIRST_ITERATION, [ROLLBACK_HOOK, "pre-rollout"]),
    (Stage.NEXT_ITERATION, [ROLLBACK_HOOK, ROLLOUT, METRICS]),
    (Stage.SWITCH, [ROLLBACK_HOOK, ROLLOUT, METRICS, PROMOTION]),
    (Stage.LAST_ITERATION, [ROLLBACK_HOOK, ROLLOUT, METRICS, PROMOTION]),
    (Stage.LAST_STEP, [ROLLBACK_HOOK, ROLLOUT, METRICS, INCREASE, PROMOTION]),
    (Stage.WAITING_PROMOTION, [ROLLBACK_HOOK, ROLLOUT, METRICS, PROMOTION]),
    (Stage.SKIP_ANALYSIS, [ROLLBACK_HOOK]),
    (Stage.APPROVED, [ROLLBACK_HOOK]),
    (Stage.PROMOTE_NOW, [ROLLBACK_HOOK]),
    (Stage.HELD_EARLY, [ROLLBACK_HOOK]),
    (Stage.HELD, [ROLLBACK_HOOK, ROLLOUT, METRICS]),
    (Stage.STARTING, [ROLLBACK_HOOK, ROLLOUT, METRICS]),
]


@pytest.mark.parametrize(("stage", "asked"), FIRST_TO_LAST, ids=[stage.name for stage, _ in FIRST_TO_LAST])
def test_each_stage_asks_in_flaggers_order(stage: Stage, asked: list[str]) -> None:
    """advanceCanary: rollback webhooks, then rollout webhooks, then metrics, then gates."""
    canary = with_webhooks(*reversed(Hook))
    canary = replace(canary, analysis=replace(canary.analysis, metrics=(RATE,)))
    found = checks(a_snapshot(canary=canary), stage)
    assert [check.hook.name if isinstance(check, HookCheck) else METRICS for check in found] == asked


@pytest.mark.parametrize("stage", sorted(set(Stage) - {stage for stage, _ in FIRST_TO_LAST}, key=str))
def test_other_stages_ask_nothing(stage: Stage) -> None:
    """Waiting, healing and going back need no answer; a bootstrap asks metric servers only."""
    assert checks(a_snapshot(canary=with_webhooks(*Hook)), stage) == ()


@pytest.mark.parametrize("phase", [Phase.PROGRESSING, Phase.WAITING_PROMOTION])
def test_webhooks_are_told_flaggers_phases(phase: Phase) -> None:
    """Rollback webhooks and confirm-rollout the phase it is, all others Progressing (scheduler_hooks.go)."""
    s = a_snapshot(phase, canary=with_webhooks(*Hook))
    told = {c.hook.name: c.phase for c in checks(s, Stage.LAST_STEP) if isinstance(c, HookCheck)}
    assert told.pop(ROLLBACK_HOOK) is phase
    assert set(told.values()) == {Phase.PROGRESSING}
    assert [c.phase for c in checks(s, Stage.NEW_REVISION) if isinstance(c, HookCheck)] == [phase]


@pytest.mark.parametrize(
    ("stage", "intent"),
    [
        (Stage.BOOTSTRAP, Intent.BOOTSTRAP),
        (Stage.NEW_REVISION, Intent.START),
        (Stage.WAITING, Intent.START),
        (Stage.FIRST_STEP, Intent.RAISE),
        (Stage.NEXT_STEP, Intent.RAISE),
        (Stage.LAST_STEP, Intent.PROMOTE),
        (Stage.SWITCH, Intent.RAISE),
        (Stage.LAST_ITERATION, Intent.PROMOTE),
        (Stage.WAITING_PROMOTION, Intent.PROMOTE),
        (Stage.SKIP_ANALYSIS, Intent.PROMOTE),
        (Stage.APPROVED, Intent.START),
        (Stage.PROMOTE_NOW, Intent.PROMOTE),
    ],
)
def test_a_claim_says_while_asking_what_may_be_written(stage: Stage, intent: Intent) -> None:
    """Whoever replaces it fences the primary if it may be written (protocol rule 4)."""
    assert TABLE[stage].intent is intent


def _with_metrics(*metrics: Metric, skip: bool = False) -> Canary:
    canary = a_canary()
    return replace(canary, skip_analysis=skip, analysis=replace(canary.analysis, metrics=metrics))


def test_metric_servers_are_asked_once() -> None:
    """Before the primary is made: those of builtin metrics and of templates, as in Flagger; not of queries."""
    template = Metric(name="errors", window="1m", template=("test", "errors"))
    p99 = Metric(name="request-duration-p99", window="1m")
    query = Metric(name=DURATION, window="1m", query="vector(1)")
    s = a_snapshot(Phase.INITIALIZING, canary=_with_metrics(RATE, template, query, p99), primary=None)
    assert checks(s, Stage.BOOTSTRAP) == (ServerCheck(RATE), ServerCheck(template), ServerCheck(p99))
    assert checks(replace(s, canary=_with_metrics(RATE, skip=True)), Stage.BOOTSTRAP) == ()
    assert checks(replace(s, primary=Primary(promoted="", ready=True, pods=1)), Stage.BOOTSTRAP) == ()


def test_a_wait_that_has_ended_is_forgotten() -> None:
    """A canary that was ready in between has all of its time when it is not ready again."""
    known = a_state(weight=20, stepped=NOW, waiting="canary", deadline=NOW + seconds(300))
    ready = a_snapshot(state=known)
    decision = decide(ready, stage_of(ready), ())
    assert decision.state == replace(known, waiting="", deadline=None)
    lost = replace(ready, state=decision.state, now=NOW + seconds(40), target=a_target(ready=False))
    assert decide(lost, stage_of(lost), ()).state.deadline == NOW + seconds(640)


def test_other_waits_go_on_until_the_interval() -> None:
    """The deadline of a start, and what a gate or an unready primary has said."""
    for fields in ({"deadline": NOW + seconds(300)}, {"waiting": "primary"}, {"waiting": "webhook gate"}):
        s = a_snapshot(state=a_state(stepped=NOW, **fields))
        assert decide(s, stage_of(s), ()).state == s.known
