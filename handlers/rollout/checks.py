"""What a step may ask, and how it came out."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from handlers.rollout.spec.analysis import Hook, Metric, Webhook
from handlers.rollout.state import Phase


class Outcome(Enum):
    """How a check came out; each kind of trouble is told from the others."""

    PASSED = "passed"
    FAILED = "failed"  # a metric is out of its range
    NO_DATA = "no data"  # the query gave no values
    ERROR = "error"  # the query or the call could not be made
    REFUSED = "refused"  # a webhook said no
    NOT_YET = "not yet"  # a webhook took the work and asks for patience


@dataclass(frozen=True, slots=True)
class HookCheck:
    """A webhook to call, and the phase it is told."""

    hook: Webhook
    phase: Phase


@dataclass(frozen=True, slots=True)
class MetricCheck:
    """A metric to query."""

    metric: Metric


@dataclass(frozen=True, slots=True)
class ServerCheck:
    """Whether the server of a metric answers at all."""

    metric: Metric


Check = HookCheck | MetricCheck | ServerCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How one check came out. `text` is the reason in words; `value` what was measured, in the metric's unit."""

    check: Check
    outcome: Outcome
    value: float | None = None
    text: str = ""

    @property
    def passed(self) -> bool:
        """Whether the answer lets the step go on. For a rollback hook: whether it asks for the rollback."""
        return self.outcome is Outcome.PASSED


Findings = Sequence[Finding]


def in_groups(checks: Sequence[Check]) -> tuple[tuple[Check, ...], ...]:
    """Checks in the order they are asked: webhooks one by one, neighbouring metrics together."""
    groups: list[tuple[Check, ...]] = []
    for check in checks:
        if groups and not isinstance(check, HookCheck) and not isinstance(groups[-1][-1], HookCheck):
            groups[-1] = (*groups[-1], check)
        else:
            groups.append((check,))
    return tuple(groups)


def settled(findings: Sequence[Finding]) -> bool:
    """Whether what was found decides the step, so that nothing more is asked (scheduler_hooks.go: first no ends it)."""
    return any(_settles(finding) for finding in findings)


def _settles(finding: Finding) -> bool:
    if isinstance(finding.check, HookCheck) and finding.check.hook.type is Hook.ROLLBACK:
        return finding.passed
    return not finding.passed
