"""Flagger's words for what checks found (scheduler_metrics.go, scheduler_hooks.go), so that dashboards keep working."""

from collections.abc import Sequence
from datetime import timedelta

from handlers.rollout.checks import Finding, HookCheck, MetricCheck, Outcome, ServerCheck
from handlers.rollout.decision import normal, warning
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.spec.analysis import DURATION, SUCCESS_RATE, Hook, Metric
from handlers.rollout.spec.durations import words
from handlers.rollout.state import Message, Phase

_WHOLE = 1e21
_LONGEST = 2**63 // 10**6  # milliseconds: no time.Duration is longer


def number(value: float) -> str:
    """A float as Go's %v prints it: 99, 99.5."""
    return str(int(value)) if value == int(value) and abs(value) < _WHOLE else repr(value)


def measured(metric: Metric, value: float) -> str:
    """A value with the metric's unit."""
    if metric.builtin == SUCCESS_RATE:
        return f"{value:.2f}%"
    return _milliseconds(value) if metric.builtin == DURATION else f"{value:.2f}"


def limit(metric: Metric, value: float) -> str:
    """A limit with the metric's unit."""
    if metric.builtin == SUCCESS_RATE:
        return f"{number(value)}%"
    return _milliseconds(value) if metric.builtin == DURATION else number(value)


def _milliseconds(value: float) -> str:
    # Flagger cuts to whole milliseconds (observers/istio.go, GetRequestDuration)
    return words(timedelta(milliseconds=max(-_LONGEST, min(int(value), _LONGEST))))


def comparison(metric: Metric, value: float) -> str:
    """`50.00% < 99%` for a value out of its range, the value alone for one within."""
    if metric.low is not None and value < metric.low:
        return f"{measured(metric, value)} < {limit(metric, metric.low)}"
    if metric.high is not None and value > metric.high:
        return f"{measured(metric, value)} > {limit(metric, metric.high)}"
    return measured(metric, value)


def of_finding(s: Snapshot, finding: Finding) -> Message | None:
    """What to tell about a finding, None when Flagger tells nothing."""
    match finding.check:
        case HookCheck(hook=hook):
            return _of_hook(s, finding, hook.type, hook.name)
        case MetricCheck(metric=metric):
            return None if finding.passed else warning(s.known.phase, _of_metric(s, finding, metric))
        case ServerCheck():  # pragma: no branch  # there are no other checks
            return None


def _of_metric(s: Snapshot, finding: Finding, metric: Metric) -> str:
    if finding.outcome is Outcome.FAILED and finding.value is not None:
        label = {SUCCESS_RATE: "success rate", DURATION: "request duration"}.get(metric.builtin, metric.name)
        return f"Halt {s.name} advancement {label} {comparison(metric, finding.value)}"
    if finding.outcome is Outcome.NO_DATA:
        return _no_data(s, metric)
    if finding.text.startswith("metric template "):
        return f"M{finding.text[1:]}"
    if metric.builtin:
        return f"Prometheus query failed: running query failed: {finding.text}"
    kind = "Metric" if metric.template else "Prometheus"
    return f"{kind} query failed for {metric.name}: {finding.text}"


def _no_data(s: Snapshot, metric: Metric) -> str:
    if metric.template:
        return f"Halt advancement no values found for custom metric: {metric.name}: no values found"
    if metric.query:
        return f"Halt advancement no values found for metric: {metric.name}"
    text = (
        f"Halt advancement no values found for istio metric {metric.name} "
        f"probably {s.target_text} is not receiving traffic"
    )
    return f"{text}: running query failed: no values found" if metric.builtin == SUCCESS_RATE else text


_REFUSED = {
    Hook.CONFIRM_ROLLOUT: "waiting for approval {hook}",
    Hook.CONFIRM_TRAFFIC_INCREASE: "waiting for traffic increase approval {hook}",
    Hook.CONFIRM_PROMOTION: "waiting for promotion approval {hook}",
    Hook.PRE_ROLLOUT: "pre-rollout check {hook} failed {text}",
    Hook.ROLLOUT: "external check {hook} failed {text}",
}
_PASSED = {
    Hook.CONFIRM_ROLLOUT: "Confirm-rollout check {hook} passed",
    Hook.CONFIRM_TRAFFIC_INCREASE: "Confirm-traffic-increase check {hook} passed",
    Hook.CONFIRM_PROMOTION: "Confirm-promotion check {hook} passed",
    Hook.PRE_ROLLOUT: "Pre-rollout check {hook} passed",
}


def _of_hook(s: Snapshot, finding: Finding, kind: Hook, name: str) -> Message | None:
    phase = s.known.phase
    if kind is Hook.ROLLBACK:
        if finding.passed:
            return warning(phase, f"Rollback check {name} passed")
        return normal(phase, f"Rollback hook {name} not signaling a rollback")
    if finding.passed:
        return normal(phase, _PASSED[kind].format(hook=name)) if kind in _PASSED else None
    if finding.outcome is Outcome.NOT_YET:
        return None
    return warning(phase, f"Halt {s.name} advancement " + _REFUSED[kind].format(hook=name, text=finding.text))


def copying(s: Snapshot) -> Message:
    """The template goes to the primary (runCanary)."""
    return normal(Phase.PROGRESSING, f"Copying {s.target_text} template spec to {s.primary_text}")


def of_findings(s: Snapshot, findings: Sequence[Finding]) -> tuple[Message, ...]:
    """What to tell about all findings, in their order."""
    return tuple(message for finding in findings if (message := of_finding(s, finding)))
