"""`spec.analysis`: every default of Flagger, every form that is taken, every mistake by its name."""

from datetime import timedelta
from typing import Any

import pytest

from handlers.errors import BadCanary
from handlers.rollout.spec import analysis as analyses
from handlers.rollout.spec.analysis import Analysis, Hook, Metric, Webhook
from handlers.rollout.spec.fields import Field
from tests.rollout.examples import seconds

HOOK = {"name": "check", "url": "http://hooks.test/"}
RATE = {"name": "request-success-rate"}
KINDS = (
    "confirm-rollout, pre-rollout, rollout, confirm-traffic-increase, confirm-promotion, post-rollout, rollback, event"
)


def parsed(*, stepped: bool = True, scale: float = 1, **fields: Any) -> Analysis:
    """An analysis with a stepWeight and these fields."""
    return analyses.parse(Field({"stepWeight": 10} | fields, "spec.analysis"), "test", stepped=stepped, scale=scale)


def webhook(**fields: Any) -> Webhook:
    """One webhook."""
    return parsed(webhooks=[HOOK | fields]).webhooks[0]


def metric(**fields: Any) -> Metric:
    """One metric."""
    return parsed(metrics=[RATE | fields]).metrics[0]


def test_the_defaults_are_flaggers() -> None:
    """Nothing but a stepWeight is needed."""
    assert parsed() == Analysis(
        interval=seconds(60),
        threshold=1,
        max_weight=0,
        step_weight=10,
        step_weights=(),
        step_weight_promotion=0,
        primary_ready_threshold=100,
        canary_ready_threshold=100,
        metrics=(),
        webhooks=(),
    )


def test_the_defaults_of_a_webhook_are_flaggers() -> None:
    """It is a rollout webhook with ten seconds and no retries."""
    assert webhook() == Webhook(
        type=Hook.ROLLOUT,
        name="check",
        url="http://hooks.test/",
        timeout=seconds(10),
        retries=0,
        disable_tls=False,
        mute_alert=False,
        metadata={},
    )


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        pytest.param({"interval": "2m"}, "interval", seconds(120), id="interval"),
        pytest.param({"interval": ""}, "interval", seconds(60), id="an empty interval is the default"),
        pytest.param({"interval": "1s"}, "interval", seconds(10), id="GetAnalysisInterval raises it to 10 s"),
        pytest.param({"interval": "0"}, "interval", seconds(10), id="also when it is nothing"),
        pytest.param({"threshold": 5}, "threshold", 5, id="threshold"),
        pytest.param({"threshold": 0}, "threshold", 1, id="GetAnalysisThreshold takes 0 for 1"),
        pytest.param({"threshold": None}, "threshold", 1, id="null is the default"),
        pytest.param({"maxWeight": 50.0}, "max_weight", 50, id="a CRD's number may come as 50.0"),
        pytest.param({"stepWeights": [1, 2, 10, 80]}, "step_weights", (1, 2, 10, 80), id="stepWeights"),
        pytest.param({"stepWeights": [1, 150]}, "step_weights", (1, 100), id="over 100 is 100, as in nextStepWeight"),
        pytest.param({"iterations": 5, "stepWeight": 0}, "iterations", 5, id="iterations"),
        pytest.param({"mirror": True}, "mirror", True, id="mirror"),
        pytest.param({"mirror": True, "mirrorWeight": 10}, "mirror_weight", 10, id="mirrorWeight"),
        pytest.param({"stepWeightPromotion": 50}, "step_weight_promotion", 50, id="stepWeightPromotion"),
        pytest.param({"primaryReadyThreshold": 50}, "primary_ready_threshold", 50, id="primaryReadyThreshold"),
        pytest.param({"canaryReadyThreshold": 0}, "canary_ready_threshold", 0, id="a threshold of zero is kept"),
        pytest.param({"iterations": 0, "match": [], "mirror": False}, "step_weight", 10, id="zero values say nothing"),
        pytest.param({"sessionAffinity": {}, "unknown": 1}, "step_weight", 10, id="nor do unknown fields"),
    ],
)
def test_a_field_of_the_analysis(fields: dict[str, Any], name: str, value: Any) -> None:
    """What is written, and what Flagger makes of it."""
    assert getattr(parsed(**fields), name) == value


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({"type": ""}, "type", Hook.ROLLOUT),
        ({"type": "confirm-promotion"}, "type", Hook.CONFIRM_PROMOTION),
        ({"timeout": "30s"}, "timeout", seconds(30)),
        ({"retries": 3}, "retries", 3),
        ({"disableTLS": True}, "disable_tls", True),
        ({"muteAlert": True}, "mute_alert", True),
        ({"metadata": {"cmd": "hey"}}, "metadata", {"cmd": "hey"}),
    ],
)
def test_a_field_of_a_webhook(fields: dict[str, Any], name: str, value: Any) -> None:
    """What is written."""
    assert getattr(webhook(**fields), name) == value


TEMPLATE = {"name": "errors", "templateRef": {"name": "errors"}}
QUERY = {"name": "errors", "query": "vector(1)"}


@pytest.mark.parametrize(
    ("fields", "bounds"),
    [
        pytest.param({"thresholdRange": {"min": 99}}, (99, None), id="a minimum"),
        pytest.param({"thresholdRange": {"max": 0}}, (None, 0), id="a maximum of zero is one"),
        pytest.param({"thresholdRange": {"min": 1, "max": 1}}, (1, 1), id="one value"),
        pytest.param({"thresholdRange": {}}, (None, None), id="an empty range allows all"),
        pytest.param({"threshold": 99}, (99, None), id="the old threshold is a minimum of the success rate"),
        pytest.param({}, (0, None), id="no threshold is zero, as in Go"),
        pytest.param({"name": "request-duration", "threshold": 500}, (None, 500), id="a maximum of the duration"),
        pytest.param({"name": "request-duration-p99", "threshold": 500}, (None, 500), id="by its other name too"),
        pytest.param({**TEMPLATE, "threshold": 1}, (None, 1), id="a maximum of a template"),
        pytest.param({**QUERY, "threshold": 1}, (None, 1), id="a maximum of a query"),
        pytest.param({**QUERY, "name": "request-success-rate"}, (None, 0), id="a query by a builtin name is a query"),
        pytest.param({"threshold": 1, "thresholdRange": {"max": 2}}, (None, 2), id="the range counts, if there is one"),
    ],
)
def test_the_bounds_of_a_metric(fields: dict[str, Any], bounds: tuple[float | None, float | None]) -> None:
    """As in scheduler_metrics.go."""
    one = metric(**fields)
    assert (one.low, one.high) == bounds


@pytest.mark.parametrize(
    ("fields", "builtin", "template"),
    [
        ({}, "request-success-rate", None),
        ({"name": "request-duration"}, "request-duration", None),
        ({"name": "request-duration-p99"}, "request-duration", None),
        (TEMPLATE, "", ("test", "errors")),
        ({**TEMPLATE, "templateRef": {"name": "errors", "namespace": "istio"}}, "", ("istio", "errors")),
        ({"templateRef": {"name": "rate"}}, "", ("test", "rate")),
        (QUERY, "", None),
    ],
)
def test_how_a_metric_is_asked(fields: dict[str, Any], builtin: str, template: Any) -> None:
    """By a builtin query, a template (in the Canary's namespace by default) or a query of its own."""
    one = metric(**fields)
    assert (one.builtin, one.template) == (builtin, template)


def test_a_metric_has_a_window_and_variables() -> None:
    """One minute by default."""
    assert (metric().window, metric().variables) == ("1m", {})
    one = metric(interval="5m", templateVariables={"direction": "inbound"})
    assert (one.window, one.variables) == ("5m", {"direction": "inbound"})


def test_the_time_scale_divides_what_is_waited_for() -> None:
    """Intervals (after Flagger's minimum) and windows, not the timeouts of webhooks, which real programs answer."""
    fast = parsed(interval="1s", scale=20, metrics=[RATE], webhooks=[HOOK])
    assert (fast.interval, fast.metrics[0].window) == (seconds(0.5), "3000ms")
    assert fast.webhooks[0].timeout == seconds(10)


def test_hooks_are_found_by_type_in_order() -> None:
    """The order of the spec is the order in which they are called."""
    names = [{"name": "a"}, {"name": "b", "type": "event"}, {"name": "c", "type": "rollout"}]
    analysis = parsed(webhooks=[HOOK | fields for fields in names])
    assert [hook.name for hook in analysis.hooks(Hook.ROLLOUT)] == ["a", "c"]
    assert analysis.hooks(Hook.ROLLBACK) == ()


def test_the_url_of_a_webhook_is_not_in_its_repr() -> None:
    """Slack's URLs are secrets, and dataclasses end up in logs."""
    assert "hooks.test" not in repr(webhook())


UNKNOWN = "request-success-rate or request-duration, and the metric has neither templateRef nor query"
BAD = [
    ({"iterations": -5}, "iterations: -5 is not between 0 and 1000000"),
    ({"mirror": "yes"}, "mirror: 'yes' is not true or false"),
    ({"mirrorWeight": 101}, "mirrorWeight: 101 is not between 0 and 100"),
    ({"interval": "often"}, 'interval: \'often\' is not a duration such as "30s" or "1m30s"'),
    ({"threshold": -1}, "threshold: -1 is not between 0 and 1000000"),
    ({"maxWeight": 101}, "maxWeight: 101 is not between 0 and 100"),
    ({"stepWeight": "10"}, "stepWeight: '10' is not a whole number"),
    ({"stepWeights": 10}, "stepWeights: 10 is not a list"),
    ({"stepWeights": [0, 10]}, "stepWeights[0]: 0 is not between 1 and 1000"),
    ({"stepWeights": [10, 5]}, "stepWeights[1]: 5 is not at least the weight before it, 10"),
    ({"stepWeightPromotion": -1}, "stepWeightPromotion: -1 is not between 0 and 100"),
    ({"primaryReadyThreshold": 101}, "primaryReadyThreshold: 101 is not between 0 and 100"),
    ({"canaryReadyThreshold": 101}, "canaryReadyThreshold: 101 is not between 0 and 100"),
    ({"webhooks": [HOOK, {"url": "http://h"}]}, "webhooks[1].name: is required"),
    ({"webhooks": [{"name": "check"}]}, "webhooks[0].url: is required"),
    ({"webhooks": [HOOK | {"type": "maybe"}]}, f"webhooks[0].type: 'maybe' is not one of {KINDS}"),
    (
        {"webhooks": [HOOK | {"timeout": "10 s"}]},
        'webhooks[0].timeout: \'10 s\' is not a duration such as "30s" or "1m30s"',
    ),
    ({"webhooks": [HOOK | {"timeout": "0s"}]}, "webhooks[0].timeout: '0s' is not longer than nothing"),
    ({"webhooks": [HOOK | {"retries": 101}]}, "webhooks[0].retries: 101 is not between 0 and 100"),
    ({"webhooks": [HOOK | {"metadata": {"n": 1}}]}, "webhooks[0].metadata.n: 1 is not a string"),
    ({"metrics": {}}, "metrics: {} is not a list"),
    ({"metrics": [{"query": "1"}]}, "metrics[0].name: is required"),
    ({"metrics": [RATE | {"interval": "1 min"}]}, "metrics[0].interval: '1 min' is not a range such as \"1m\""),
    ({"metrics": [{"name": "a", "templateRef": {"namespace": "b"}}]}, "metrics[0].templateRef.name: is required"),
    (
        {"metrics": [{"name": "latency"}]},
        f"metrics[0].name: 'latency' is not {UNKNOWN}",
    ),
    (
        {"metrics": [RATE | {"thresholdRange": {"min": 2, "max": 1}}]},
        "metrics[0].thresholdRange: {'min': 2, 'max': 1} is not a range: min is above max",
    ),
    (
        {"metrics": [RATE | {"thresholdRange": {"min": "99"}}]},
        "metrics[0].thresholdRange.min: '99' is not a number",
    ),
    ({"metrics": [RATE | {"threshold": "99"}]}, "metrics[0].threshold: '99' is not a number"),
]


@pytest.mark.parametrize(("fields", "message"), BAD, ids=[message for _, message in BAD])
def test_a_bad_analysis_is_named(fields: dict[str, Any], message: str) -> None:
    """Field, value, what was expected."""
    with pytest.raises(BadCanary) as caught:
        parsed(**fields)
    assert str(caught.value) == f"spec.analysis.{message}"


def test_c10_an_analysis_that_would_never_advance_is_refused() -> None:
    """Flagger stays in Progressing for ever, silently."""
    with pytest.raises(BadCanary) as caught:
        parsed(stepWeight=0)
    expected = "spec.analysis: needs stepWeight, stepWeights or iterations, or the canary would never advance"
    assert str(caught.value) == expected
    assert parsed(stepWeight=0, stepped=False) == Analysis()


def test_a_timeout_is_a_timedelta_even_for_hours() -> None:
    """Long work is asked with respond-async; a long timeout is still the user's to set."""
    assert webhook(timeout="2h").timeout == timedelta(hours=2)
