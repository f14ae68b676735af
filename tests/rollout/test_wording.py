"""Findings are told in Flagger's words: the templates are those of its sources, filled in as Go does."""

import pytest

from handlers.rollout.checks import Finding, Outcome, ServerCheck
from handlers.rollout.spec.analysis import Hook, Metric
from handlers.rollout.state import Kind, Message, Phase
from handlers.rollout.wording import comparison, number, of_finding, of_findings
from tests.rollout.examples import a_snapshot, answered, measured

RATE = Metric(name="request-success-rate", window="1m", low=99.0, high=99.9)
DURATION = Metric(name="request-duration", window="1m", low=1.0, high=500.0)
P99 = Metric(name="request-duration-p99", window="1m", high=500.0)
TEMPLATE = Metric(name="errors", window="1m", low=0.5, high=10.0, template=("test", "errors"))
QUERY = Metric(name="inline", window="1m", low=2.0, high=10.0, query="vector(1)")
UNNAMED = Metric(name="request-success-rate", window="1m", high=1.0, query="vector(1)")
HALT = "Halt podinfo.test advancement"
NO_VALUES = "Halt advancement no values found for"
PROBABLY = "probably podinfo.test is not receiving traffic"


def told(finding: Finding, phase: Phase = Phase.PROGRESSING) -> Message | None:
    """The message about one finding."""
    return of_finding(a_snapshot(phase), finding)


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        # "Halt %s.%s advancement success rate %.2f%% < %v%%" and > (runBuiltinMetricChecks)
        (RATE, 50.0, f"{HALT} success rate 50.00% < 99%"),
        (RATE, 98.999, f"{HALT} success rate 99.00% < 99%"),
        (RATE, 100.0, f"{HALT} success rate 100.00% > 99.9%"),
        # "Halt %s.%s advancement request duration %v > %v" and <, of time.Duration
        (DURATION, 1500.0, f"{HALT} request duration 1.5s > 500ms"),
        (DURATION, 750.9, f"{HALT} request duration 750ms > 500ms"),
        (DURATION, 0.0, f"{HALT} request duration 0s < 1ms"),
        (P99, 62_000.0, f"{HALT} request duration 1m2s > 500ms"),
        # "Halt %s.%s advancement %s %.2f > %v" and < (runMetricChecks)
        (TEMPLATE, 12.345, f"{HALT} errors 12.35 > 10"),
        (TEMPLATE, 0.1, f"{HALT} errors 0.10 < 0.5"),
        (QUERY, 1e6, f"{HALT} inline 1000000.00 > 10"),
        (QUERY, 1.0, f"{HALT} inline 1.00 < 2"),
        (UNNAMED, 2.0, f"{HALT} request-success-rate 2.00 > 1"),
    ],
)
def test_a_metric_out_of_its_range_is_told_as_flagger_does(metric: Metric, value: float, text: str) -> None:
    """Value and limit with the metric's unit."""
    said = told(measured(metric, Outcome.FAILED, value))
    assert said == Message(kind=Kind.WARNING, text=text, phase=Phase.PROGRESSING)


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        (RATE, f"{NO_VALUES} istio metric request-success-rate {PROBABLY}: running query failed: no values found"),
        (DURATION, f"{NO_VALUES} istio metric request-duration {PROBABLY}"),
        (TEMPLATE, f"{NO_VALUES} custom metric: errors: no values found"),
        (QUERY, f"{NO_VALUES} metric: inline"),
    ],
    ids=["success rate", "duration", "template", "query"],
)
def test_a_metric_without_values_is_told_as_flagger_does(metric: Metric, text: str) -> None:
    """The success rate with the error of the query, the duration without: as in scheduler_metrics.go."""
    said = told(measured(metric, Outcome.NO_DATA, None, "no values found"))
    assert said == Message(kind=Kind.WARNING, text=text, phase=Phase.PROGRESSING)


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        (RATE, "Prometheus query failed: running query failed: boom"),
        (DURATION, "Prometheus query failed: running query failed: boom"),
        (TEMPLATE, "Metric query failed for errors: boom"),
        (QUERY, "Prometheus query failed for inline: boom"),
    ],
    ids=["success rate", "duration", "template", "query"],
)
def test_a_failed_query_is_told_as_flagger_does(metric: Metric, text: str) -> None:
    """With the reason."""
    said = told(measured(metric, Outcome.ERROR, None, "boom"))
    assert said == Message(kind=Kind.WARNING, text=text, phase=Phase.PROGRESSING)


NORMAL, WARNING = Kind.NORMAL, Kind.WARNING
HOOKS = [
    (Hook.CONFIRM_ROLLOUT, Outcome.PASSED, NORMAL, "Confirm-rollout check hook passed"),
    (Hook.CONFIRM_ROLLOUT, Outcome.REFUSED, WARNING, f"{HALT} waiting for approval hook"),
    (Hook.CONFIRM_TRAFFIC_INCREASE, Outcome.PASSED, NORMAL, "Confirm-traffic-increase check hook passed"),
    (Hook.CONFIRM_TRAFFIC_INCREASE, Outcome.REFUSED, WARNING, f"{HALT} waiting for traffic increase approval hook"),
    (Hook.CONFIRM_PROMOTION, Outcome.PASSED, NORMAL, "Confirm-promotion check hook passed"),
    (Hook.CONFIRM_PROMOTION, Outcome.ERROR, WARNING, f"{HALT} waiting for promotion approval hook"),
    (Hook.PRE_ROLLOUT, Outcome.PASSED, NORMAL, "Pre-rollout check hook passed"),
    (Hook.PRE_ROLLOUT, Outcome.REFUSED, WARNING, f"{HALT} pre-rollout check hook failed 500: no"),
    (Hook.ROLLOUT, Outcome.REFUSED, WARNING, f"{HALT} external check hook failed 500: no"),
    (Hook.ROLLOUT, Outcome.ERROR, WARNING, f"{HALT} external check hook failed 500: no"),
    (Hook.ROLLBACK, Outcome.PASSED, WARNING, "Rollback check hook passed"),
    (Hook.ROLLBACK, Outcome.REFUSED, NORMAL, "Rollback hook hook not signaling a rollback"),
    (Hook.ROLLBACK, Outcome.ERROR, NORMAL, "Rollback hook hook not signaling a rollback"),
]


@pytest.mark.parametrize(("kind", "outcome", "level", "text"), HOOKS, ids=[text for *_, text in HOOKS])
def test_a_webhook_is_told_as_flagger_does(kind: Hook, outcome: Outcome, level: Kind, text: str) -> None:
    """The templates of scheduler_hooks.go and runAnalysis."""
    said = told(answered(kind, outcome, "500: no"), Phase.WAITING_PROMOTION)
    assert said == Message(kind=level, text=text, phase=Phase.WAITING_PROMOTION)


@pytest.mark.parametrize(
    "finding",
    [
        pytest.param(answered(Hook.ROLLOUT, Outcome.PASSED), id="a rollout webhook that passed"),
        pytest.param(answered(Hook.ROLLOUT, Outcome.NOT_YET), id="a webhook that asks for patience"),
        pytest.param(answered(Hook.PRE_ROLLOUT, Outcome.NOT_YET), id="at any time"),
        pytest.param(measured(RATE, Outcome.PASSED, 99.5), id="a metric within its range"),
        pytest.param(Finding(check=ServerCheck(RATE), outcome=Outcome.ERROR), id="a server; that is told as a whole"),
    ],
)
def test_what_flagger_does_not_tell_is_not_told(finding: Finding) -> None:
    """It is in the history."""
    assert told(finding) is None


def test_all_findings_are_told_in_their_order() -> None:
    """Not only the first that failed."""
    findings = [
        answered(Hook.ROLLOUT, Outcome.PASSED),
        measured(RATE, Outcome.FAILED, 50.0),
        measured(DURATION, Outcome.FAILED, 900.0),
    ]
    texts = [message.text for message in of_findings(a_snapshot(), findings)]
    assert texts == [f"{HALT} success rate 50.00% < 99%", f"{HALT} request duration 900ms > 500ms"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (99.0, "99"),
        (99.5, "99.5"),
        (-1.0, "-1"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
    ],
)
def test_a_number_is_told_as_go_prints_it(value: float, text: str) -> None:
    """%v of a float64."""
    assert number(value) == text


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        (RATE, 99.5, "99.50%"),
        (DURATION, 20.0, "20ms"),
        (TEMPLATE, 1.0, "1.00"),
        (TEMPLATE, 10.0, "10.00"),
        (QUERY, 10.5, "10.50 > 10"),
    ],
)
def test_a_value_within_its_range_stands_alone(metric: Metric, value: float, text: str) -> None:
    """Bounds are inclusive."""
    assert comparison(metric, value) == text


def test_a_limit_beyond_the_calendar_is_told() -> None:
    """No bound that a spec can hold raises an error when it is told."""
    endless = Metric(name="request-duration", window="1m", low=1e300)
    assert comparison(endless, 5.0).startswith("5ms < ")


def test_a_missing_template_is_told_as_flagger_does() -> None:
    """The template is what is wrong, not the query: "Metric template %s.%s error: %v" (runMetricChecks)."""
    finding = measured(TEMPLATE, Outcome.ERROR, text="metric template errors.test error: not found")
    said = told(finding)
    assert said is not None
    assert said.text == "Metric template errors.test error: not found"
