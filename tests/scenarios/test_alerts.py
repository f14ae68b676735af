"""Messengers are told of each transition once, with its reason and what was measured."""

import json
from dataclasses import replace
from typing import Any

import pytest

from handlers.rollout.alerting import facts_of
from handlers.rollout.spec.alerts import Provider
from handlers.rollout.spec.canary import parse
from handlers.rollout.transition import Transition
from tests.fakes import EPOCH
from tests.lab import a_canary, a_daemonset, a_deployment, an_alert, at, new_lab
from tests.scenarios.alerting import ROCKET, SLACK, SUCCESS, a_provider, a_rule, a_secret, alerting, sent, texts


def test_a_rollout_that_succeeds() -> None:
    """Each transition is one message in Flagger's words, with how the canary is analysed or what was measured."""
    lab = at(alerting(), "Succeeded")
    described = {
        "Target": "Deployment/app.shop",
        "Failed checks threshold": "3",
        "Progress deadline": "600s",
        "Traffic routing": "Weight step: 20 max: 60",
    }
    assert sent(lab) == [
        ("New Deployment detected, initialization completed.", described),
        ("New revision detected, progressing canary analysis.", described),
        (
            "Canary analysis passed, promoting the new revision.",
            {"request-success-rate": "100.00%", "request-duration": "50ms"},
        ),
        ("Canary analysis completed successfully, promotion finished.", {}),
    ]


@pytest.mark.parametrize("workload", [a_deployment(), a_daemonset()], ids=lambda workload: workload["kind"])
def test_scheduler_alerts(workload: dict[str, Any]) -> None:
    """Providers in the canary's namespace and in another, addressed by a Secret.

    Flagger's TestScheduler_DeploymentAlerts, TestScheduler_DaemonSetAlerts.
    """
    target = {"apiVersion": "apps/v1", "kind": workload["kind"], "name": "app"}
    rules = [a_rule(), a_rule("rocket", namespace="ops")]
    lab = new_lab(a_canary(analysis={"alerts": rules}, targetRef=target), workload)
    lab.api.call("POST", "/api/v1/namespaces", {"metadata": {"name": "ops"}})
    a_secret(lab, address=SLACK)
    a_provider(lab, address=None, secretRef={"name": "slack"})
    a_provider(lab, "rocket", "ops", type="rocket", address=ROCKET)
    lab.until("Initialized")
    for url in (SLACK, ROCKET):
        (request,) = [request for request in lab.webhooks.asked if request.url == url]
        (attachment,) = json.loads(request.body)["attachments"]
        assert attachment["author_name"] == "app.shop"


@pytest.mark.parametrize(("severity", "expected"), [("info", 3), ("", 3), ("warn", 1), ("error", 1)])
def test_severities(severity: str, expected: int) -> None:
    """Whoever wants errors only hears of the rollback only; without a severity all is told."""
    lab = at(alerting(a_rule(severity=severity)), "Progressing", 20)
    lab.step(an_alert(lab.clock.moment))
    assert len(texts(lab)) == expected
    assert texts(lab)[-1] == "Rolling back alert CanaryHighErrorRate is firing"


def test_a_rollback_by_metrics_tells_the_values() -> None:
    """The reason is Flagger's sentence, and each failed check stands beside it with its value against its limit."""
    lab = at(alerting(a_rule(severity="error"), threshold=2), "Progressing", 20)
    lab.prometheus.values[SUCCESS] = [10]
    lab.until("Failed")
    ((text, facts),) = sent(lab)
    assert text == "Failed checks threshold reached 2"
    assert facts == {"request-success-rate": "10.00% < 99%", "request-duration": "50ms"}


def test_a_missed_deadline_tells_what_was_not_ready() -> None:
    """A canary that does not get ready is rolled back with the reason."""
    lab = alerting(a_rule(severity="error"))
    lab.until("Initialized")
    lab.kubelet.never.add("app:v2")
    lab.push("app:v2")
    lab.tick()
    lab.clock.tick(700)
    lab.until("Failed")
    (text,) = texts(lab)
    assert text.startswith("Progress deadline exceeded canary deployment app.shop not ready")


def test_a_failed_promotion_is_told() -> None:
    """A primary that does not get ready on the new revision is an error."""
    lab = at(alerting(a_rule(severity="error")), "Progressing", 60)
    lab.kubelet.never.add("app:v2")
    lab.clock.tick(10)
    lab.step()
    lab.kubelet.run(only="app-primary")
    for _ in range(3):
        lab.clock.tick(700)
        lab.step()
    assert lab.phase == "Failed"
    (text,) = texts(lab)
    assert text.startswith("Promotion failed, primary not ready: app-primary.shop not ready")


GATES = [
    ("confirm-rollout", "Canary is waiting for approval."),
    ("confirm-traffic-increase", "Canary traffic increase is waiting for approval."),
    ("confirm-promotion", "Canary promotion is waiting for approval."),
]


@pytest.mark.parametrize(("kind", "text"), GATES)
@pytest.mark.parametrize("muted", [False, True])
def test_a_closed_gate_is_told_once(kind: str, text: str, muted: bool) -> None:
    """However often a gate is asked, that it is closed is said once, and not at all with `muteAlert`."""
    gate = {"name": "gate", "type": kind, "url": "http://hooks.test/gate", "muteAlert": muted}
    lab = alerting(a_rule(severity="warn"), webhooks=[gate])
    lab.webhooks.answers[gate["url"]] = [403]  # type: ignore[index]  # the URL is a text
    lab.until("Initialized")
    lab.push("app:v2")
    lab.tick(9)
    assert texts(lab) == ([] if muted else [text])


def test_nothing_mutes_a_rollback() -> None:
    """`muteAlert` is about waiting: a check that says it and fails still leads to a rollback that is told."""
    load = {"name": "load", "type": "rollout", "url": "http://hooks.test/load", "muteAlert": True}
    lab = at(alerting(a_rule(severity="error"), webhooks=[load], threshold=1), "Progressing", 20)
    lab.webhooks.answers["http://hooks.test/load"] = [500]
    lab.until("Failed")
    assert [facts["load"] for _, facts in sent(lab)] == ["500"]


def test_a_rollback_webhook_only_warns() -> None:
    """A rollback that a webhook has asked for is a warning, as Flagger's, and is told once."""
    hook = {"name": "abort", "type": "rollback", "url": "http://hooks.test/abort"}
    lab = alerting(a_rule(severity="warn"), webhooks=[hook])
    lab.webhooks.answers["http://hooks.test/abort"] = [403]
    at(lab, "Progressing", 20)
    lab.webhooks.answers["http://hooks.test/abort"] = [200]
    lab.until("Failed")
    assert texts(lab) == ["Rolling back manual webhook invoked"]


def test_messengers_of_the_settings() -> None:
    """A canary without alerts is told to the messengers of the settings; one with alerts is not."""
    messenger = Provider(type="slack", address=ROCKET, token="xoxb-1", proxy="http://proxy.test:3128")
    for canary, expected in ((a_canary(), 1), (a_canary(analysis={"alerts": [a_rule()]}), 0)):
        lab = new_lab(canary)
        a_provider(lab)
        lab.world = replace(lab.world, config=replace(lab.world.config, messengers=(messenger,), cluster_name="blue"))
        lab.until("Initialized")
        assert len(texts(lab, ROCKET)) == expected
        asked = [request for request in lab.webhooks.asked if request.url == ROCKET]
        assert {request.headers["Authorization"] for request in asked} <= {"Bearer xoxb-1"}
        assert {request.proxy for request in asked} <= {"http://proxy.test:3128"}
        assert all(facts["Cluster"] == "blue" for _, facts in sent(lab, ROCKET))


def test_a_push_in_the_middle_and_a_way_back() -> None:
    """A new revision in the middle of a run, and going back to the promoted one, are one message each."""
    lab = at(alerting(), "Progressing", 20)
    lab.webhooks.asked.clear()
    lab.push("app:v3")
    lab.tick()
    lab.push("app:v1")
    lab.tick()
    assert texts(lab) == [
        "New revision detected, restarting canary analysis.",
        "Rollout cancelled, app.shop is back at the promoted revision",
    ]


def test_an_alert_that_is_too_late() -> None:
    """An alert after the copy is told as a warning; nothing else changes."""
    lab = at(alerting(a_rule(severity="warn")), "Promoting", 60)
    lab.step(an_alert(lab.clock.moment))
    assert [text.partition(":")[0] for text in texts(lab)] == [
        "Alert CanaryHighErrorRate is firing is too late for app.shop"
    ]


def test_a_promotion_without_analysis() -> None:
    """`skipAnalysis` is told in Flagger's words."""
    lab = new_lab(a_canary(analysis={"alerts": [a_rule()]}, skipAnalysis=True))
    a_provider(lab)
    at(lab, "Succeeded")
    assert texts(lab)[-2:] == [
        "Canary analysis is skipped, promoting the new revision.",
        "Canary analysis was skipped, promotion finished.",
    ]


ITERATED = {"stepWeight": None, "maxWeight": None, "iterations": 5}
INSIDERS = [{"headers": {"x-canary": {"exact": "insider"}}}]


@pytest.mark.parametrize(
    ("analysis", "expected"),
    [
        ({"stepWeight": 10, "maxWeight": 50}, "Weight step: 10 max: 50"),
        ({"stepWeight": 10, "maxWeight": 50, "mirror": True}, "Weight step: 10 max: 50"),
        ({"stepWeight": None, "stepWeights": [1, 50], "maxWeight": None}, "Weight steps: 1,50 max: 0"),
        ({**ITERATED, "match": INSIDERS}, "A/B Testing"),
        (ITERATED, "Blue/Green"),
        ({**ITERATED, "mirror": True}, "Blue/Green"),
    ],
    ids=["weighted", "mirrored", "steps of their own", "A/B testing", "blue/green", "blue/green, mirrored"],
)
@pytest.mark.parametrize("kind", ["Deployment", "DaemonSet"])
def test_how_traffic_is_routed(kind: str, analysis: dict[str, Any], expected: str) -> None:
    """The first messages name target and strategy, and the steps it is going to take (events.go, alertMetadata)."""
    target = {"apiVersion": "apps/v1", "kind": kind, "name": "app"}
    canary = a_canary(analysis={"alerts": [a_rule()], **analysis}, targetRef=target)
    lab = new_lab(canary, a_daemonset() if kind == "DaemonSet" else a_deployment())
    a_provider(lab)
    lab.until("Initialized")
    lab.push("app:v2")
    lab.until("Progressing")
    described = {
        "Target": f"{kind}/app.shop",
        "Failed checks threshold": "3",
        "Progress deadline": "600s",
        "Traffic routing": expected,
    }
    assert [facts for _, facts in sent(lab)] == [described, described]


def test_a_canary_without_analysis_has_no_steps() -> None:
    """Nothing is said of a routing that there is not."""
    canary = parse(a_canary(analysis={"stepWeight": None, "maxWeight": None}, skipAnalysis=True))
    facts = facts_of(canary, Transition(topic="initialized", at=EPOCH), "")
    assert [fact.name for fact in facts] == ["Target", "Failed checks threshold", "Progress deadline"]
