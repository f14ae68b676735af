"""What docs/security.md says of secrets: none gets out, whatever goes wrong on the way to whom it is for."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from handlers.errors import Unavailable
from handlers.explain.gauges import samples
from handlers.explain.page import page
from handlers.explain.view import view
from handlers.notifiers.knative import Sink
from handlers.rollout.objects import CANARY, DEPLOYMENT, METRIC_TEMPLATE, VIRTUAL_SERVICE, Kind
from handlers.step.ports import Response
from handlers.step.sweep import sweep
from tests.fakes import api_path
from tests.lab import TICK, Lab, a_canary, a_config, a_deployment, an_alert, new_lab
from tests.scenarios.alerting import a_provider, a_rule, encoded

PLANTED = "planted"
"""It is in each token, each credential, each Secret's contents, and in each URL behind host and port."""
HOOK = f"http://hooks.test:8080/{PLANTED}?key={PLANTED}"
EVENT = f"http://events.test/{PLANTED}"
SLACK = f"https://hooks.slack.com/services/{PLANTED}"
SINK = f"http://broker.test/{PLANTED}"
DOWN = Unavailable("http://hooks.test:8080: connection refused")
"""What the HTTP client says: tests/adapters/test_http_client.py has that it says no more of a URL."""
OURS = (CANARY, DEPLOYMENT, VIRTUAL_SERVICE)


def lab_with_secrets() -> Lab:
    """A Canary with a secret at each place that can have one."""
    hooks = [
        {"name": "check", "type": "rollout", "url": HOOK, "metadata": {"cmd": f"login {PLANTED}"}},
        {"name": "event", "type": "event", "url": EVENT},
    ]
    metric = {"name": "mine", "interval": "1m", "templateRef": {"name": "mine"}, "thresholdRange": {"min": 1}}
    target = a_deployment()
    target["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"secretRef": {"name": "app"}}]
    analysis = {"webhooks": hooks, "metrics": [metric], "alerts": [a_rule()], "threshold": 2}
    lab = new_lab(a_canary(analysis=analysis), target)
    a_config(lab, "app", encoded(password=PLANTED), kind="Secret")
    a_config(lab, "login", encoded(username="me", password=PLANTED), kind="Secret")
    a_config(lab, "slack", encoded(address=SLACK, token=PLANTED), kind="Secret")
    a_provider(lab, address=None, secretRef={"name": "slack"})
    provider = {"type": "prometheus", "address": "http://prometheus.test", "secretRef": {"name": "login"}}
    spec = {"provider": provider, "query": "one"}
    head = {"apiVersion": METRIC_TEMPLATE.api_version, "kind": METRIC_TEMPLATE.name, "metadata": {"name": "mine"}}
    lab.create(METRIC_TEMPLATE, {**head, "spec": spec})
    config = replace(lab.world.config, sink=Sink(url=SINK))
    lab.world = replace(lab.world, config=config, token=lambda _url: PLANTED, identity=lambda: PLANTED)
    return lab


def rollouts(lab: Lab) -> Iterator[None]:
    """They fail by a metric, a webhook, an alert; those who are told are down, refuse, or listen."""
    answers: tuple[Any, ...] = (DOWN, Response(status=500, body=b"no"), 200)
    for number, answer in enumerate(answers):
        for url in (HOOK, EVENT, SLACK, SINK):
            lab.webhooks.answers[url] = [answer]
        lab.prometheus.values = {"one": [Unavailable("request failed: http://prometheus.test: timed out"), None, "7"]}
        lab.push(f"app:v{number + 2}")
        for _ in range(8):
            lab.kubelet.run()
            lab.clock.tick(60)
            sweep(lab.world, (), TICK)
            yield
        lab.step(an_alert(lab.clock(), f"fp/{number}"))
        yield


def shown(lab: Lab) -> str:
    """All that Serinus has written or shows: objects without what users wrote into them, Events, pages, metrics."""
    found = [json.dumps(list(map(str, lab.events))), page(view(lab.canary, lab.clock()), lab.clock())]
    found += [str(sample) for sample in samples([lab.canary])]
    for kind in OURS:
        for item in _items(lab, kind):
            kept = {**item, "metadata": {**item["metadata"], "managedFields": None}}
            found.append(json.dumps({key: value for key, value in kept.items() if kind is not CANARY or key != "spec"}))
    return "\n".join(found)


def _items(lab: Lab, kind: Kind) -> list[Any]:
    found: list[Any] = lab.api.call("GET", api_path(kind, "shop")).body["items"]
    return found


def test_no_secret_gets_out(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever fails, nothing that is written, shown or logged after any step has a secret in it."""
    caplog.set_level("DEBUG")
    lab = lab_with_secrets()
    lab.until("Initialized")
    for _ in rollouts(lab):
        assert PLANTED not in shown(lab)
    assert PLANTED not in caplog.text
    sent = {PLANTED in str(dict(request.headers)) for request in lab.webhooks.asked if request.url == HOOK}
    assert sent == {True}, "and to whom it is for it was sent"
    assert {request.url for request in lab.webhooks.asked} == {HOOK, EVENT, SLACK, SINK}
    assert "connection refused" in caplog.text
