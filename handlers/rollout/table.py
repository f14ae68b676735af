"""THE TABLE: for each situation, what is asked, in which order, and which rule decides.

Everything that says how a rollout goes stands here or in the rules that it names (`rules/`). The table and the
diagram of docs/steps.md are made from it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from handlers.rollout.checks import Check, Finding, HookCheck, MetricCheck, ServerCheck
from handlers.rollout.decision import Decision, nothing, settle
from handlers.rollout.rules import (
    advance,
    alerts,
    deletion,
    healing,
    hold,
    moving,
    promotion,
    resting,
    rollback,
    takeover,
)
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.spec.analysis import DURATION, SUCCESS_RATE, Hook
from handlers.rollout.stage import Stage
from handlers.rollout.state import Intent, Phase


class Ask(Enum):
    """What a stage asks."""

    SERVERS = "metric servers"
    METRICS = "metrics"
    CONFIRM_ROLLOUT = Hook.CONFIRM_ROLLOUT
    ROLLBACK = Hook.ROLLBACK
    PRE_ROLLOUT = Hook.PRE_ROLLOUT
    ROLLOUT = Hook.ROLLOUT
    CONFIRM_TRAFFIC_INCREASE = Hook.CONFIRM_TRAFFIC_INCREASE
    CONFIRM_PROMOTION = Hook.CONFIRM_PROMOTION


Rule = Callable[[Snapshot, Sequence[Finding]], Decision]


@dataclass(frozen=True, slots=True)
class Row:
    """One situation: what is asked, the rule, what it is about to do if all goes well, and that in plain words."""

    rule: Rule
    then: str
    asks: tuple[Ask, ...] = ()
    intent: Intent = Intent.HEAL


def _leave(told: str) -> Rule:
    """A rule that does nothing, a claim in place included."""
    return lambda s, _: Decision(told=told, state=s.known, untouched=True)


def _wait(s: Snapshot, _: Sequence[Finding]) -> Decision:
    if s.known.deadline and s.known.waiting in ("canary", "primary"):
        # what it waited for is ready, or this would be another stage: the next time it has all of its time again
        return Decision(told="not due yet", state=settle(s, waiting="", deadline=None))
    return nothing(s, "not due yet")


_CHECKS = (Ask.ROLLBACK, Ask.ROLLOUT, Ask.METRICS)

TABLE: Mapping[Stage, Row] = {
    Stage.DELETED: Row(_leave("being deleted"), "nothing: what we made goes with its owner"),
    Stage.TERMINATING: Row(
        deletion.terminating,
        "target up; when it is ready Service and routes as they were, then the finalizer goes;"
        " past progressDeadlineSeconds in any case",
        (),
        Intent.REVERT,
    ),
    Stage.BUSY: Row(_leave("another step is under way"), "nothing: one step at a time"),
    Stage.SUSPENDED: Row(_leave("suspended"), "nothing, but for rollbacks"),
    Stage.BOOTSTRAP: Row(
        resting.bootstrap,
        "clone the primary from what runs; when it is ready: Services and routes to it, then the target to 0"
        " → Initialized",
        (Ask.SERVERS,),
        Intent.BOOTSTRAP,
    ),
    Stage.TAKEN_OVER: Row(takeover.take_over, "write down where Flagger has left it, and go on from there"),
    Stage.AT_REST: Row(resting.at_rest, "nothing"),
    Stage.ADRIFT: Row(resting.adrift, "put Services, routes and our own replicas back"),
    Stage.PRIMARY_MISSING: Row(
        resting.primary_missing, "make it again, if the target still shows what was promoted", (), Intent.BOOTSTRAP
    ),
    Stage.ASKED_FOR: Row(resting.asked_for, "give the primary the replicas that the target was given, the target to 0"),
    Stage.MOVING: Row(moving.moving, "bootstrap the new one; what serves goes on serving", (), Intent.CANCEL),
    Stage.MOVING_ON: Row(moving.moving_on, "cancel the run: routes 100/0 → at rest", (), Intent.CANCEL),
    Stage.STANDING_IN: Row(
        moving.standing_in,
        "all traffic to the target, then former routes and primary go; then bootstrap",
        (),
        Intent.BOOTSTRAP,
    ),
    Stage.MOVED: Row(
        moving.moved, "take away former routes, and with the next event what they led to", (), Intent.REMOVE
    ),
    Stage.TARGET_MISSING: Row(resting.target_missing, "wait; traffic of a canary goes to the primary"),
    Stage.SCALER_MISSING: Row(resting.scaler_missing, "tell it, and begin nothing until it is there"),
    Stage.NEW_REVISION: Row(
        advance.start, "target up → Progressing; else → Waiting", (Ask.CONFIRM_ROLLOUT,), Intent.START
    ),
    Stage.WAITING: Row(
        advance.start, "target up → Progressing; else wait", (Ask.ROLLBACK, Ask.CONFIRM_ROLLOUT), Intent.START
    ),
    Stage.APPROVED: Row(advance.start, "target up → Progressing", (Ask.ROLLBACK,), Intent.START),
    Stage.ON_HOLD: Row(hold.on_hold, "wait until nobody holds it"),
    Stage.HELD_EARLY: Row(hold.hold, "wait until nobody holds it", (Ask.ROLLBACK,), Intent.RAISE),
    Stage.HELD: Row(hold.hold, "keep the weight until nobody holds it", _CHECKS, Intent.RAISE),
    Stage.REVERTED: Row(resting.reverted, "cancel: routes 100/0, target to 0 → at rest", (), Intent.CANCEL),
    Stage.PUSHED: Row(
        advance.pushed, "routes 100/0, start over with the new revision → Progressing", (), Intent.RESTART
    ),
    Stage.SCALED_DOWN: Row(rollback.scaled_down, "target up again"),
    Stage.NOT_DUE: Row(_wait, "wait for the interval"),
    Stage.CANARY_NOT_READY: Row(
        rollback.canary_not_ready,
        "wait; no pod left: traffic to the primary; past progressDeadlineSeconds: roll back → Failed",
        (),
        Intent.ROLLBACK,
    ),
    Stage.STARTING: Row(
        hold.starting, "judge it, keep the weight; past progressDeadlineSeconds: roll back", _CHECKS, Intent.RAISE
    ),
    Stage.GIVEN_BACK: Row(advance.given_back, "routes 100/0, and the analysis begins", (), Intent.RESTART),
    Stage.PRIMARY_LOST: Row(advance.primary_lost, "all traffic to the canary, which is all there is", (), Intent.SHIFT),
    Stage.PRIMARY_NOT_READY: Row(promotion.primary_not_ready, "wait"),
    Stage.FIRST_STEP: Row(
        advance.step_up,
        "first weight, or mirroring",
        (Ask.ROLLBACK, Ask.PRE_ROLLOUT, Ask.CONFIRM_TRAFFIC_INCREASE),
        Intent.RAISE,
    ),
    Stage.NEXT_STEP: Row(advance.step_up, "next weight", (*_CHECKS, Ask.CONFIRM_TRAFFIC_INCREASE), Intent.RAISE),
    Stage.UNEARNED: Row(
        advance.earn, "keep the weight, until as many checks have passed as lead to it", _CHECKS, Intent.RAISE
    ),
    Stage.LAST_STEP: Row(
        advance.last_step,
        "copy to the primary → Promoting; else → WaitingPromotion",
        (*_CHECKS, Ask.CONFIRM_TRAFFIC_INCREASE, Ask.CONFIRM_PROMOTION),
        Intent.PROMOTE,
    ),
    Stage.MIRRORED: Row(advance.step_up, "end mirroring, first weight", _CHECKS, Intent.RAISE),
    Stage.FIRST_ITERATION: Row(
        advance.iterate,
        "first iteration; A/B: matched requests to the canary",
        (Ask.ROLLBACK, Ask.PRE_ROLLOUT),
        Intent.RAISE,
    ),
    Stage.NEXT_ITERATION: Row(advance.iterate, "next iteration", _CHECKS, Intent.RAISE),
    Stage.SWITCH: Row(
        advance.switch,
        "all traffic to the canary; else → WaitingPromotion",
        (*_CHECKS, Ask.CONFIRM_PROMOTION),
        Intent.RAISE,
    ),
    Stage.LAST_ITERATION: Row(
        advance.last_step,
        "copy to the primary → Promoting; else → WaitingPromotion",
        (*_CHECKS, Ask.CONFIRM_PROMOTION),
        Intent.PROMOTE,
    ),
    Stage.UNMATCHED: Row(advance.unmatched, "routes 100/0, start over with the same revision", (), Intent.RESTART),
    Stage.MIXED: Row(advance.mixed, "routes 100/0, start over when the pods are told apart again", (), Intent.RESTART),
    Stage.WAITING_PROMOTION: Row(
        advance.last_step,
        "copy to the primary → Promoting; else wait",
        (*_CHECKS, Ask.CONFIRM_PROMOTION),
        Intent.PROMOTE,
    ),
    Stage.SKIP_ANALYSIS: Row(advance.skip_analysis, "copy to the primary → Promoting", (Ask.ROLLBACK,), Intent.PROMOTE),
    Stage.PROMOTE_NOW: Row(advance.promote_now, "copy to the primary → Promoting", (Ask.ROLLBACK,), Intent.PROMOTE),
    Stage.COPIED: Row(promotion.copied, "the copy was made → Promoting", (), Intent.PROMOTE),
    Stage.COPYING: Row(advance.finish_copy, "finish the copy → Promoting", (), Intent.PROMOTE),
    Stage.ASTRAY: Row(resting.astray, "put back the primary's configs"),
    Stage.PROMOTING: Row(
        promotion.shift, "shift back by stepWeightPromotion, or at once → Finalising", (), Intent.SHIFT
    ),
    Stage.PROMOTION_STUCK: Row(
        promotion.stuck,
        "wait; past progressDeadlineSeconds the canary keeps serving → Failed",
        (),
        Intent.FAIL,
    ),
    Stage.CROWDED: Row(
        promotion.crowded,
        "give the primary the pods that the traffic needs, and wait; past progressDeadlineSeconds the canary keeps"
        " serving → Failed",
        (),
        Intent.FAIL,
    ),
    Stage.FINALISING: Row(promotion.finalise, "target to 0 → Succeeded, then post-rollout", (), Intent.FINALISE),
    Stage.HOLDING: Row(promotion.holding, "primary ready again: traffic to it → Finalising", (), Intent.SHIFT),
    Stage.THRESHOLD: Row(rollback.threshold, "roll back → Failed, then post-rollout", (), Intent.ROLLBACK),
    Stage.ALERTED: Row(rollback.alerted, "routes 100/0, target to 0 → Failed, then post-rollout", (), Intent.ROLLBACK),
    Stage.ABORTED: Row(rollback.aborted, "routes 100/0, target to 0 → Failed, then post-rollout", (), Intent.ROLLBACK),
    Stage.ROLLING_BACK: Row(rollback.roll_forward, "finish it → Failed", (), Intent.ROLLBACK),
    Stage.TOO_LATE: Row(rollback.too_late, "tell it; promotion goes on"),
    Stage.ABORTED_TOO_LATE: Row(rollback.aborted_too_late, "tell it; promotion goes on"),
    Stage.ALERT_PASSED_OVER: Row(alerts.passed_over, "remember it; while it fires nothing advances"),
    Stage.ALERT_ENDED: Row(alerts.ended, "forget it: it holds nothing any more"),
}


def checks(s: Snapshot, stage: Stage) -> tuple[Check, ...]:
    """What this step asks, in order (scheduler.go, advanceCanary: all of it follows from what was read before)."""
    return tuple(check for ask in TABLE[stage].asks for check in _of(s, ask))


def _of(s: Snapshot, ask: Ask) -> tuple[Check, ...]:
    analysis = s.canary.analysis
    if ask is Ask.METRICS:
        return tuple(MetricCheck(metric) for metric in analysis.metrics)
    if ask is Ask.SERVERS:
        return _servers(s)
    assert isinstance(ask.value, Hook)  # noqa: S101  the two others are done
    phase = s.known.phase if ask in (Ask.CONFIRM_ROLLOUT, Ask.ROLLBACK) else Phase.PROGRESSING
    return tuple(HookCheck(hook, phase) for hook in analysis.hooks(ask.value))


def _servers(s: Snapshot) -> tuple[Check, ...]:
    """Once, before the primary is made: each metric server (scheduler_metrics.go, checkMetricProviderAvailability)."""
    if s.primary is not None or s.canary.skip_analysis:
        return ()
    metrics = s.canary.analysis.metrics
    return tuple(ServerCheck(metric) for metric in metrics if metric.template or metric.builtin in _BUILTIN)


_BUILTIN = (SUCCESS_RATE, DURATION)


def decide(s: Snapshot, stage: Stage, findings: Sequence[Finding]) -> Decision:
    """What this step does. Total: every snapshot and every set of findings has a decision."""
    decision = hold.with_doubt(s, healing.with_declared(s, TABLE[stage].rule(s, findings), stage))
    if s.state or not s.inherited or decision.untouched or stage is Stage.TAKEN_OVER:
        return decision
    # an alert was the first thing that was heard of it
    return replace(decision, reasons=(takeover.taken_over(s), *decision.reasons))
