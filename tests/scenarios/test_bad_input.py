"""What is wrong, missing or down is told where the user looks, and loses no state."""

import pytest

from handlers.errors import BadCanary, Unavailable
from tests.lab import a_canary, a_deployment, an_alert, at, new_lab

CHECK = {"name": "check", "type": "rollout", "url": "http://hooks.test/check", "timeout": "2s"}


def test_a_missing_target_is_told_and_waited_for() -> None:
    """Without its target a Canary says so in an Event, once, and goes on when it comes."""
    lab = new_lab()
    lab.api.call("DELETE", "/apis/apps/v1/namespaces/shop/deployments/app")
    lab.tick(3)
    told = [event for event in lab.events if 'deployments.apps "app" not found' in event]
    assert len(told) == 1
    lab.api.call("POST", "/apis/apps/v1/namespaces/shop/deployments", a_deployment())
    lab.until("Initialized")


def test_a_missing_metric_template_is_a_failed_check() -> None:
    """A MetricTemplate that is not there is an error in history, counted, and names itself."""
    metrics = [{"name": "mine", "templateRef": {"name": "gone"}, "thresholdRange": {"min": 1}}]
    lab = at(new_lab(a_canary(analysis={"metrics": metrics})), "Progressing", 20)
    lab.tick()
    missing = 'metrictemplate.flagger.app "gone" not found'
    assert f"Warning Metric template gone.shop error: {missing}" in lab.events
    assert lab.canary["status"]["failedChecks"] == 1


def test_prometheus_down_rolls_back_at_the_threshold_and_loses_no_state() -> None:
    """While Prometheus is down checks fail and are counted, no weight rises, and the primary ends with all traffic."""
    lab = at(new_lab(), "Progressing", 20)
    lab.prometheus.values = {"istio": [Unavailable("request failed: connection refused")]}
    lab.tick(2)
    assert (lab.canary["status"]["failedChecks"], lab.weights) == (2, (80, 20))
    lab.tick()
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))


def test_a_webhook_that_hangs_is_a_failed_check() -> None:
    """A rollout webhook without an answer is told as one, and counted."""
    lab = at(new_lab(a_canary(analysis={"webhooks": [CHECK]})), "Progressing", 20)
    lab.webhooks.answers[CHECK["url"]] = [Unavailable("http://hooks.test: no answer within 2 s")]
    lab.tick()
    assert lab.canary["status"]["failedChecks"] == 1
    assert any("external check check failed http://hooks.test: no answer" in event for event in lab.events)


def test_an_edited_state_is_refused_and_kept() -> None:
    """State that somebody edited to nonsense is told, and never overwritten."""
    lab = at(new_lab(), "Progressing", 20)
    lab.edit("flagger.app/v1beta1/canaries/app", {"metadata": {"annotations": {"serinus.dev/state": "{}"}}})
    lab.clock.tick(10)
    with pytest.raises(Exception, match=r"serinus.dev/state.*cannot be read"):
        lab.step()
    assert lab.canary["metadata"]["annotations"]["serinus.dev/state"] == "{}"
    assert lab.weights == (80, 20)


def test_an_alert_works_though_the_analysis_is_invalid() -> None:
    """A mistake in the analysis, made in the middle of a run, does not keep an alert from rolling back."""
    lab = at(new_lab(), "Progressing", 20)
    lab.edit("flagger.app/v1beta1/canaries/app", {"spec": {"analysis": {"metrics": [{"name": "speed"}]}}})
    with pytest.raises(BadCanary, match=r"spec.analysis.metrics\[0\].name: 'speed'"):
        lab.tick()
    lab.step(an_alert(lab.clock()))
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))


def test_an_event_webhook_that_is_down_is_asked_ever_more_rarely() -> None:
    """What a webhook has missed is told when it is back, with the same keys, and costs little until then.

    Flagger's TestCallEventWebhookStatusCode.
    """
    event = {"name": "ev", "type": "event", "url": "http://hooks.test/ev", "timeout": "2s"}
    lab = new_lab(a_canary(analysis={"webhooks": [event]}))
    lab.webhooks.answers[event["url"]] = [Unavailable("down")]
    lab.until("Initialized")
    first = [request.headers["Idempotency-Key"] for request in lab.webhooks.asked]
    lab.webhooks.asked.clear()
    for _ in range(60):
        lab.clock.tick(60)
        lab.step()
    tries = [request.headers["Idempotency-Key"] for request in lab.webhooks.asked]
    assert 3 * len(set(first)) <= len(tries) <= 8 * len(set(first))
    lab.webhooks.answers[event["url"]] = [200]
    lab.webhooks.asked.clear()
    lab.clock.tick(7200)
    lab.step()
    lab.clock.tick(7200)
    lab.step()
    told = [request.headers["Idempotency-Key"] for request in lab.webhooks.asked]
    assert set(first) <= set(told)
    assert len(told) == len(set(told)) == 2


def test_a_suspended_canary_still_tells_what_it_has_done() -> None:
    """What an event webhook has missed is told though the canary is suspended meanwhile."""
    event = {"name": "ev", "type": "event", "url": "http://hooks.test/ev", "timeout": "2s"}
    lab = new_lab(a_canary(analysis={"webhooks": [event]}))
    lab.webhooks.answers[event["url"]] = [Unavailable("down")]
    lab.until("Initialized")
    lab.edit("flagger.app/v1beta1/canaries/app", {"spec": {"suspend": True}})
    lab.webhooks.answers[event["url"]] = [200]
    lab.webhooks.asked.clear()
    lab.clock.tick(3600)
    lab.step()
    assert lab.webhooks.asked
    assert "outbox" not in lab.canary["metadata"]["annotations"]["serinus.dev/state"]
