"""What a rollout is going to do if every check passes: the rules of the table, on a canary that is always ready."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from handlers.rollout.actions import CopyToPrimary, Route
from handlers.rollout.checks import Check, Finding, HookCheck, MetricCheck, Outcome
from handlers.rollout.decision import Decision
from handlers.rollout.snapshot import Cause, CauseKind, Primary, Snapshot, Target
from handlers.rollout.spec.analysis import Hook
from handlers.rollout.spec.canary import Canary
from handlers.rollout.stage import Stage
from handlers.rollout.stages import stage_of
from handlers.rollout.state import Phase, State
from handlers.rollout.table import checks, decide
from handlers.rollout.weights import FULL, Weights

LIMIT = 1000
"""Steps after which nobody reads on."""
_BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
_OLD, _NEW = "old", "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: how long after the push at the earliest, what it asks, what it decides, and what it leaves."""

    after: timedelta
    stage: str
    asks: tuple[str, ...]
    decision: str
    phase: str
    weight: int


def forecast(canary: Canary) -> tuple[Step, ...]:
    """The steps from a push to Succeeded, at the most LIMIT of them; the last one's time is the least a rollout takes.

    Pods are ready at once, checks pass, gates are open, and an event comes whenever a step is due.
    """
    return tuple(_steps(replace(canary, suspend=False, deleting=False, annotations={})))


def _steps(canary: Canary) -> Iterator[Step]:
    s = Snapshot(
        now=_BEGIN,
        cause=Cause(kind=CauseKind.TICK),
        canary=canary,
        state=State(phase=Phase.INITIALIZED, revision=_OLD, promoted=_OLD),
        target=Target(revision=_NEW, replicas=1, ready=True, pods=1, ours=True),
        primary=Primary(promoted=_OLD, ready=True, pods=1),
        routes=Weights(FULL, 0),
    )
    for _ in range(LIMIT):
        stage = stage_of(s)
        if stage is Stage.NOT_DUE:
            assert s.known.stepped  # noqa: S101  nothing else can be due later
            s = replace(s, now=s.known.stepped + canary.analysis.interval)
            stage = stage_of(s)
        asked = checks(s, stage)
        decision = decide(s, stage, [_good(check) for check in asked])
        yield Step(
            after=s.now - _BEGIN,
            stage=stage.value,
            asks=tuple(_name(check) for check in asked if not _backs(check)),
            decision=decision.told,
            phase=decision.state.phase.value,
            weight=decision.state.weight,
        )
        if decision.state.phase is Phase.SUCCEEDED:
            return
        s = _after(s, decision)


def _good(check: Check) -> Finding:
    return Finding(check=check, outcome=Outcome.REFUSED if _backs(check) else Outcome.PASSED)


def _backs(check: Check) -> bool:
    return isinstance(check, HookCheck) and check.hook.type is Hook.ROLLBACK


def _name(check: Check) -> str:
    match check:
        case HookCheck(hook=hook):
            return f"{hook.name} ({hook.type.value})"
        case MetricCheck(metric=metric):
            return metric.name
        case _:  # pragma: no cover  # metric servers are asked before there is a primary
            return check.metric.name


def _after(s: Snapshot, decision: Decision) -> Snapshot:
    """The cluster once the actions are made."""
    for action in decision.actions:
        match action:
            case Route(weight=weight, mirrored=mirrored):
                s = replace(s, routes=Weights(FULL - weight, weight, mirrored))
            case CopyToPrimary(revision=revision):
                s = replace(s, primary=Primary(promoted=revision, ready=True, pods=1))
            case _:
                pass
    return replace(s, state=decision.state)
