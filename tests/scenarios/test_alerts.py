"""Messengers are told of each transition once, with its reason and what was measured, however they fare."""

import base64
import json
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from html import unescape
from typing import Any

import pytest

from handlers.errors import BadCanary, Unavailable
from handlers.notifiers import NOTIFIERS
from handlers.rollout import state
from handlers.rollout.alerting import facts_of
from handlers.rollout.spec.alerts import Provider, provider_of
from handlers.rollout.spec.canary import parse
from handlers.rollout.state import State
from handlers.rollout.transition import Transition
from handlers.step.ports import Response
from tests.fakes import EPOCH, Died
from tests.lab import TICK, Lab, a_canary, a_daemonset, a_deployment, an_alert, at, new_lab
from tests.protocol.harness import finish

SLACK = "https://hooks.slack.com/services/T0/B0/secret"
ROCKET = "https://rocket.test/hooks/secret"
SUCCESS = "requests_total"


def a_rule(name: str = "slack", severity: str = "info", namespace: str = "") -> dict[str, Any]:
    """An alert of a Canary."""
    where = {"namespace": namespace} if namespace else {}
    return {"name": name, "severity": severity, "providerRef": {"name": name, **where}}


def a_provider(lab: Lab, name: str = "slack", namespace: str = "shop", **spec: Any) -> None:
    """An AlertProvider in the cluster."""
    wanted = {"type": "slack", "address": SLACK, **spec}
    body = {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "AlertProvider",
        "metadata": {"name": name},
        "spec": {key: value for key, value in wanted.items() if value is not None},
    }
    reply = lab.api.call("POST", f"/apis/flagger.app/v1beta1/namespaces/{namespace}/alertproviders", body)
    assert reply.status == 201, reply.body


def a_secret(lab: Lab, namespace: str = "shop", **data: str) -> None:
    """A Secret `slack` in the cluster."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "slack"}, "data": encoded}
    assert lab.api.call("POST", f"/api/v1/namespaces/{namespace}/secrets", body).status == 201


def alerting(*rules: dict[str, Any], **analysis: Any) -> Lab:
    """A lab whose Canary has alerts, and one AlertProvider `slack`."""
    lab = new_lab(a_canary(analysis={"alerts": list(rules or [a_rule()]), **analysis}))
    a_provider(lab)
    return lab


def sent(lab: Lab, url: str = SLACK) -> list[tuple[str, dict[str, str]]]:
    """The messages that were posted, each with its facts."""
    bodies = [json.loads(request.body) for request in lab.webhooks.asked if request.url == url]
    parts = [part for body in bodies for part in body["attachments"]]
    return [(part["text"], {fact["title"]: unescape(fact["value"]) for fact in part["fields"]}) for part in parts]


def texts(lab: Lab, url: str = SLACK) -> list[str]:
    """The messages that were posted."""
    return [text for text, _ in sent(lab, url)]


def state_of(lab: Lab) -> State:
    """The state of the Canary."""
    found = state.load(lab.canary["metadata"]["annotations"])
    assert found
    return found


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


def test_who_had_it_was_told_again_because_another_was_down() -> None:
    """A message stays in the outbox for those that do not have it, and is not delivered twice to those that do."""
    hooks = [{"name": name, "type": "event", "url": f"http://hooks.test/{name}"} for name in ("up", "down")]
    lab = at(new_lab(a_canary(analysis={"webhooks": hooks})), "Progressing", 20)
    lab.webhooks.asked.clear()
    lab.webhooks.answers["http://hooks.test/down"] = [Unavailable("down")]
    lab.tick()
    lab.webhooks.answers["http://hooks.test/down"] = [200]
    finish(lab)
    for name in ("up", "down"):
        keys = Counter(r.headers["Idempotency-Key"] for r in lab.webhooks.asked if r.url.endswith(f"/{name}"))
        assert (name, set(keys.values())) == (name, {1} if name == "up" else {1, 2})
    assert not state_of(lab).outbox


def test_a_messenger_that_is_down_holds_up_nobody() -> None:
    """The others have the message at once; the one gets it when it is back, and is asked once in each round."""
    lab = alerting(a_rule(), a_rule("rocket"))
    a_provider(lab, "rocket", type="rocket", address=ROCKET)
    lab.webhooks.answers[SLACK] = [Unavailable("down")]
    at(lab, "Progressing", 20)
    assert len(texts(lab, ROCKET)) == 2
    lab.webhooks.asked.clear()
    lab.webhooks.answers[SLACK] = [200]
    lab.clock.tick(120)
    lab.step()
    assert texts(lab)[:2] == [
        "New Deployment detected, initialization completed.",
        "New revision detected, progressing canary analysis.",
    ]
    assert texts(lab, ROCKET) == []


@pytest.mark.parametrize("left", range(1, 9))
def test_a_message_outlives_its_process(left: int) -> None:
    """Wherever a process dies in the step of a rollback, the rollback is told, and always as the same message."""
    lab = at(alerting(a_rule(severity="error"), threshold=1), "Progressing", 20)
    lab.prometheus.values[SUCCESS] = [10]
    writes = iter(range(left))

    def dies(verb: str, _: str) -> None:
        if verb in ("patch", "patch_status") and next(writes, None) is None:
            raise Died

    lab.clock.tick(10)
    lab.cluster.before = dies
    with suppress(Died):
        lab.step(TICK)
    lab.cluster.before = lambda _verb, _path: None
    finish(lab)
    keys = {request.headers["Idempotency-Key"] for request in lab.webhooks.asked if request.url == SLACK}
    assert (lab.phase, len(keys)) == ("Failed", 1)
    text, facts = sent(lab)[0]
    assert (text, facts["request-success-rate"]) == ("Failed checks threshold reached 1", "10.00% < 99%")


def test_a_provider_that_is_missing() -> None:
    """An Event says so, the rollout goes on, and whoever makes it then gets the message."""
    lab = new_lab(a_canary(analysis={"alerts": [a_rule()]}))
    lab.until("Initialized")
    assert [event for event in lab.events if "alert provider" in event] == [
        "Warning alert provider slack.shop: not found"
    ]
    a_provider(lab)
    lab.clock.tick(3600)
    lab.step()
    assert texts(lab) == ["New Deployment detected, initialization completed."]
    assert not state_of(lab).outbox


def test_a_provider_that_never_comes_is_given_up() -> None:
    """After a day without any step the message is dropped, so that nobody is asked for ever."""
    lab = new_lab(a_canary(analysis={"alerts": [a_rule()]}))
    lab.until("Initialized")
    lab.clock.tick(25 * 3600)
    lab.step()
    assert not state_of(lab).outbox


BAD = [
    ({"address": "ftp://hooks.test/secret"}, {}, "spec.address: '(not shown)' is not an http or https URL"),
    ({"address": "https:secret"}, {}, "spec.address: '(not shown)' is not an http or https URL"),
    ({"proxy": "secret"}, {}, "spec.proxy: '(not shown)' is not an http or https URL"),
    ({"address": None, "secretRef": {"name": "other"}}, {}, "spec.secretRef: Secret other not found"),
    ({"address": None, "secretRef": {"name": "slack"}}, {"token": "secret"}, "spec.address: is required"),
    ({"address": None, "secretRef": {"name": "slack"}}, {"address": "secret"}, "the secret's address: '(not shown)'"),
    ({"address": None, "secretRef": {"name": "slack"}}, {"address": SLACK, "token": "secret\n\nx"}, "data.token"),
    ({"address": None, "secretRef": {"name": "../x"}}, {}, "spec.secretRef.name: '../x' is not the name"),
]


@pytest.mark.parametrize(("spec", "data", "said"), BAD)
def test_a_provider_that_is_wrong(
    spec: dict[str, Any], data: dict[str, str], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An Event names the field and shows no secret; nothing is sent and the step succeeds."""
    lab = new_lab(a_canary(analysis={"alerts": [a_rule()]}))
    a_provider(lab, **spec)
    a_secret(lab, **data)
    lab.until("Initialized")
    (event,) = [event for event in lab.events if "alert provider" in event]
    assert event.startswith(f"Warning alert provider slack.shop: {said}")
    assert "hooks" not in event
    assert "/secret" not in caplog.text
    assert not lab.webhooks.asked


REFUSALS = [
    (Response(status=404, body=b"Cannot POST /services/T0/B0/secret"), "the message was refused with status 404"),
    (Response(status=200, body=b'{"ok":false,"error":"channel_not_found"}'), "slack refuses the message: channel_not_"),
]


@pytest.mark.parametrize(("answer", "said"), REFUSALS)
def test_a_messenger_that_refuses(answer: Response, said: str, caplog: pytest.LogCaptureFixture) -> None:
    """An Event says with which status, or Slack's word for it, and nothing of the address."""
    lab = alerting()
    lab.webhooks.answers[SLACK] = [answer]
    lab.until("Initialized")
    (event,) = [event for event in lab.events if "alert provider" in event]
    assert event.startswith(f"Warning alert provider slack.shop: {said}")
    assert "T0" not in event + caplog.text


def test_nothing_is_read_when_nothing_is_told() -> None:
    """AlertProviders and Secrets cost requests only when a message is due."""
    lab = at(alerting(), "Progressing", 20)
    lab.cluster.calls.clear()
    lab.tick()
    assert not [path for _, path in lab.cluster.calls if "alertproviders" in path or "secrets" in path]


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


def test_a_right_that_is_missing() -> None:
    """Handlers that may not read an AlertProvider say so by an Event; the step succeeds."""
    lab = alerting()

    def forbidden(_: str, path: str) -> None:
        if "alertproviders" in path:
            raise Unavailable("403: may not get alertproviders")

    lab.cluster.before = forbidden
    lab.until("Initialized")
    (event,) = [event for event in lab.events if "alert provider" in event]
    assert event == "Warning alert provider slack.shop: cannot be read: 403: may not get alertproviders"


def test_a_rollback_whose_reason_was_for_nobody() -> None:
    """The process dies after the intent and before anybody is to be told: whoever finishes it tells what there is."""
    lab = at(new_lab(a_canary(analysis={"threshold": 1})), "Progressing", 20)
    patches = iter(range(1))

    def dies(verb: str, path: str) -> None:
        if verb == "patch" and "virtualservices" in path and next(patches, None) is not None:
            raise Died

    lab.cluster.before = dies
    with suppress(Died):
        lab.step(an_alert(lab.clock.moment))
    a_provider(lab)
    lab.edit("flagger.app/v1beta1/canaries/app", {"spec": {"analysis": {"alerts": [a_rule()]}}})
    finish(lab)
    assert texts(lab) == ["Finish the rollback that was begun"]


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


def test_providers_that_no_schema_has_checked() -> None:
    """A type that is not known and a Secret that is no base64 are named, the Secret's content is not."""
    with pytest.raises(BadCanary, match=r"spec.type: 'pager' is not one of slack"):
        provider_of({"spec": {"type": "pager", "address": SLACK}}, None, NOTIFIERS)
    with pytest.raises(BadCanary, match=r"data.address: '\(not shown\)' is not printable ASCII in base64"):
        provider_of({"spec": {"type": "slack"}}, {"data": {"address": "secret!"}}, NOTIFIERS)
