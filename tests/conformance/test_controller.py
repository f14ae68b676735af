"""Flagger's tests of its controller (events, scheduler_metrics, finalizer: pkg/controller), told through our events."""

import json
from typing import Any

import pytest

from handlers.errors import BadCanary, Unavailable
from handlers.explain.gauges import samples
from handlers.rollout.objects import CANARY
from handlers.rollout.spec.canary import FINALIZER
from tests.conformance.podinfo import fixture, image
from tests.lab import Lab

HOOKS = ("pre-rollout", "rollout", "confirm-promotion", "confirm-rollout", "post-rollout", "confirm-traffic-increase")
RANGE = {"min": 0, "max": 100}


def hooked(**analysis: Any) -> Lab:
    """The fixture with a webhook of each type, each at its own address."""
    hooks = [{"type": kind, "name": f"{kind}-webhook", "url": f"http://hooks.test/{kind}"} for kind in HOOKS]
    hooks.append({"type": "event", "name": "event-webhook", "url": "http://hooks.test/event"})
    return fixture(analysis={"webhooks": hooks, **analysis})


def heard(lab: Lab, kind: str) -> list[tuple[str, str]]:
    """The phase, and the message of an event, in each call of the webhook of a type."""
    bodies = [json.loads(asked.body) for asked in lab.webhooks.asked if asked.url.endswith(f"/{kind}")]
    return [(body["phase"], (body.get("metadata") or {}).get("eventMessage", "")) for body in bodies]


def pushed(lab: Lab) -> Lab:
    """Initialized, and a new image."""
    lab.until("Initialized")
    image(lab, "app:v2")
    return lab


def test_webhooks_skip_analysis() -> None:
    """Without analysis confirm-rollout and post-rollout are asked, and every step is told in Flagger's words.

    Flagger's TestWebhooks, skip-analysis. There the promotion is told in the step that copies; here once it has been
    waited for.
    """
    lab = hooked()
    lab.until("Initialized")
    lab.edit("flagger.app/v1beta1/canaries/app", {"spec": {"skipAnalysis": True}})
    pushed(lab).until("Succeeded")
    told = heard(lab, "event")
    assert [item for item in told if "not ready" not in item[1] and "metrics providers" not in item[1]] == [
        ("Initialized", "Initialization done! app.shop"),
        ("Initialized", "Confirm-rollout check confirm-rollout-webhook passed"),
        ("Progressing", "New revision detected! Scaling up app.shop"),
        ("Progressing", "Copying app.shop template spec to app-primary.shop"),
        ("Succeeded", "Post-rollout check post-rollout-webhook passed"),
        ("Succeeded", "Promotion completed! Canary analysis was skipped for app.shop"),
    ]
    asked = {kind: heard(lab, kind) for kind in HOOKS if heard(lab, kind)}
    assert asked == {"confirm-rollout": [("Initialized", "")], "post-rollout": [("Succeeded", "")]}


def test_webhooks_canary() -> None:
    """Each webhook is asked in its place, with the phase of that moment, and every step is told in Flagger's words.

    Flagger's TestWebhooks, canary.
    """
    lab = pushed(hooked(stepWeight=100, maxWeight=100, stepWeightPromotion=50))
    lab.until("Succeeded")
    told = heard(lab, "event")
    assert [item for item in told if "not ready" not in item[1] and "metrics providers" not in item[1]] == [
        ("Initialized", "Initialization done! app.shop"),
        ("Initialized", "Confirm-rollout check confirm-rollout-webhook passed"),
        ("Progressing", "New revision detected! Scaling up app.shop"),
        ("Progressing", "Starting canary analysis for app.shop"),
        ("Progressing", "Pre-rollout check pre-rollout-webhook passed"),
        ("Progressing", "Confirm-traffic-increase check confirm-traffic-increase-webhook passed"),
        ("Progressing", "Advance app.shop canary weight 100"),
        ("Progressing", "Confirm-traffic-increase check confirm-traffic-increase-webhook passed"),
        ("Progressing", "Confirm-promotion check confirm-promotion-webhook passed"),
        ("Progressing", "Copying app.shop template spec to app-primary.shop"),
        ("Promoting", "Advance app.shop primary weight 50"),
        ("Promoting", "Advance app.shop primary weight 100"),
        ("Succeeded", "Post-rollout check post-rollout-webhook passed"),
        ("Succeeded", "Promotion completed! Scaling down app.shop"),
    ]
    assert {kind: heard(lab, kind) for kind in HOOKS} == {
        "confirm-rollout": [("Initialized", "")],
        "pre-rollout": [("Progressing", "")],
        "rollout": [("Progressing", "")],
        "confirm-traffic-increase": [("Progressing", ""), ("Progressing", "")],
        "confirm-promotion": [("Progressing", "")],
        "post-rollout": [("Succeeded", "")],
    }


def template(lab: Lab, name: str, query: str = "vector(10)") -> None:
    """A MetricTemplate in the canary's namespace."""
    provider = {"type": "prometheus", "address": "http://prometheus.test"}
    body = {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "MetricTemplate",
        "metadata": {"name": name},
        "spec": {"provider": provider, "query": query},
    }
    assert lab.api.call("POST", "/apis/flagger.app/v1beta1/namespaces/shop/metrictemplates", body).status == 201


BUILTIN = {"name": "request-success-rate", "thresholdRange": RANGE}
BY_NAME = {"name": "envoy", "templateRef": {"name": "envoy"}, "thresholdRange": RANGE}
WITH_NAMESPACE = {**BY_NAME, "templateRef": {"name": "envoy", "namespace": "shop"}}
AVAILABLE = "Normal all the metrics providers are available!"


@pytest.mark.parametrize(
    ("metric", "server", "available"),
    [
        pytest.param(BUILTIN, "", True, id="builtin, ok"),
        pytest.param(BUILTIN, "http://non-exist", False, id="builtin, error"),
        pytest.param({**BY_NAME, "templateRef": {"name": "non-exist"}}, "", False, id="templateRef, not found"),
        pytest.param(WITH_NAMESPACE, "", True, id="templateRef, ok"),
        pytest.param(BY_NAME, "", True, id="intraNamespaceTemplateRef"),
    ],
)
def test_metric_provider_availability(metric: dict[str, Any], server: str, available: bool) -> None:
    """At bootstrap it is told whether metrics can be asked for; one that cannot be keeps nothing from serving.

    Flagger's TestController_checkMetricProviderAvailability.

    Flagger's TestPrometheusProvider_IsOnline.
    """
    lab = fixture(analysis={"metrics": [metric]}, metricsServer=server)
    template(lab, "envoy")
    if server:
        lab.prometheus.values = {"vector(1)": [Unavailable("no such host")]}
    lab.until("Initialized")
    assert (AVAILABLE in lab.events) is available


QUERY = 'sum(logback_events_total{level="error"}) <= bool 0'
CUSTOM = {
    "name": "custom",
    "templateRef": {"name": "custom-vars"},
    "templateVariables": {"first": "abc", "second": "def"},
    "thresholdRange": RANGE,
}


@pytest.mark.parametrize(
    ("metric", "asked"),
    [
        pytest.param(CUSTOM, 'sum(envoy{first="abc", second="def"})', id="customVariables"),
        pytest.param(BUILTIN, "istio_requests_total", id="builtinMetric"),
        pytest.param({"name": "undefined metric", "query": QUERY, "thresholdRange": RANGE}, QUERY, id="a query"),
        pytest.param({**CUSTOM, "query": QUERY}, 'sum(envoy{first="abc", second="def"})', id="both"),
    ],
)
def test_run_metric_checks(metric: dict[str, Any], asked: str) -> None:
    """A template with variables, a builtin metric and a query of one's own can pass; a template goes before a query.

    Flagger's TestController_runMetricChecks: customVariables, builtinMetric, no metric Template is defined, but a query
    is specified, both have metric Template and query.
    """
    lab = fixture(analysis={"metrics": [metric]})
    template(lab, "custom-vars", 'sum(envoy{first="{{ variables.first }}", second="{{ variables.second }}"})')
    pushed(lab)
    lab.tick(3)
    status = lab.canary["status"]
    assert (status["canaryWeight"], status["failedChecks"]) == (20, 0)
    assert any(asked in query for _server, query in lab.prometheus.asked)


def test_an_undefined_metric() -> None:
    """It is refused by its name before anything is made, where Flagger fails its check at every step.

    Flagger's TestController_runMetricChecks, undefined metric.
    """
    lab = fixture(analysis={"metrics": [{"name": "undefined metric", "thresholdRange": RANGE}]})
    with pytest.raises(BadCanary, match="'undefined metric' is not request-success-rate or request-duration"):
        lab.step()
    assert lab.primary is None


def values(lab: Lab) -> dict[tuple[str, ...], float]:
    """What a scrape shows of the canary."""
    return {(item.metric.removeprefix("flagger_canary_"), *item.labels): item.value for item in samples([lab.canary])}


def test_metrics_of_a_promotion() -> None:
    """Status, total, weights that sum to 100, and one success of a completed analysis.

    Flagger's TestController_MetricsStateTransition, successful canary promotion with count metrics, and
    TestController_AnalysisMetricsRecording.
    """
    lab = fixture()
    lab.until("Initialized")
    assert (values(lab)["status", "app", "shop"], values(lab)["total", "shop"]) == (1, 1)
    pushed(lab)
    lab.tick(3)
    shown = values(lab)
    assert shown["status", "app", "shop"] == 0
    assert (shown["weight", "app-primary", "shop"], shown["weight", "app", "shop"]) == (80, 20)
    assert shown["metric_analysis", "app", "shop", "request-success-rate"] == 100
    assert shown["metric_analysis", "app", "shop", "request-duration"] == 0.05
    lab.until("Succeeded")
    assert values(lab)["successes_total", "app", "shop", "canary", "completed"] == 1


def test_metrics_of_a_rollback() -> None:
    """Status 2, all weight on the primary, and one failure.

    Flagger's TestController_MetricsStateTransition, failed canary rollback with count metrics.
    """
    failing = {"name": "fail", "interval": "1m", "thresholdRange": {"min": 0, "max": 50}, "query": "fail"}
    lab = pushed(fixture(analysis={"threshold": 1, "metrics": [failing]}))
    lab.until("Failed")
    shown = values(lab)
    assert shown["status", "app", "shop"] == 2
    assert (shown["weight", "app-primary", "shop"], shown["weight", "app", "shop"]) == (100, 0)
    assert shown["failures_total", "app", "shop", "canary", "completed"] == 1


def test_metrics_of_a_skipped_analysis() -> None:
    """It is counted as a success of its own kind.

    Flagger's TestController_MetricsStateTransition, skipped analysis with count metrics.
    """
    lab = pushed(fixture(skipAnalysis=True))
    lab.until("Succeeded")
    assert values(lab)["successes_total", "app", "shop", "canary", "skipped"] == 1


def finalizers(lab: Lab) -> list[str]:
    """Those of the Canary."""
    return list(lab.canary["metadata"].get("finalizers") or [])


def test_finalizer_is_added_and_removed() -> None:
    """It is there as long as there is something to take back, and an API server that refuses is an error.

    Flagger's TestFinalizer_hasFinalizer, TestFinalizer_addFinalizer, TestFinalizer_removeFinalizer.
    """
    lab = fixture(revertOnDeletion=True)
    with pytest.raises(Unavailable):
        refusing(lab)
    assert finalizers(lab) == []
    lab.until("Initialized")
    assert finalizers(lab) == [FINALIZER]
    lab.delete(CANARY, "app")
    with pytest.raises(Unavailable):
        refusing(lab)
    assert finalizers(lab) == [FINALIZER]
    lab.tick(3)
    assert lab.canary is None


def refusing(lab: Lab) -> None:
    """A step, or several, with an API server that takes no change of a Canary."""

    def refuse(verb: str, path: str) -> None:
        if verb == "patch" and "/canaries/" in path:
            raise Unavailable("failed to write the canary")

    lab.cluster.before = refuse
    try:
        lab.tick(3)
    finally:
        lab.cluster.before = lambda _verb, _path: None


def test_finalize_waits_for_a_target_that_is_not_ready() -> None:
    """The target is not ready: the Canary stays, its primary goes on serving, and the reason is told.

    Flagger's TestFinalizer_finalizeReturnsReadinessError.
    """
    lab = fixture(revertOnDeletion=True)
    lab.until("Initialized")
    lab.delete(CANARY, "app")
    for _ in range(3):
        lab.clock.tick(10)
        lab.step()
    assert finalizers(lab) == [FINALIZER]
    assert lab.get("v1/services/app")["spec"]["selector"] == {"app": "app-primary"}
    assert any("not ready" in event for event in lab.events[-3:]), lab.events
