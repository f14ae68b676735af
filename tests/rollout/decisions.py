"""What is decided on a snapshot, and the findings that lead to it."""

from collections.abc import Sequence
from typing import Any

from handlers.rollout.checks import Finding, Outcome
from handlers.rollout.decision import Decision
from handlers.rollout.snapshot import Options, Snapshot
from handlers.rollout.spec.analysis import Hook, Metric
from handlers.rollout.stages import stage_of
from handlers.rollout.state import Phase
from handlers.rollout.table import decide
from tests.rollout.examples import NEW, NOW, a_resting_target, a_snapshot, answered, measured, seconds

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
