"""What Prometheus and Alertmanager see of the sandbox."""

import json
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from handlers.sandbox.alertmanager import webhook_config
from handlers.sandbox.prometheus import configuration
from handlers.sandbox.sandbox import Sandbox
from handlers.sandbox.traffic import Traffic
from tests.sandbox.agents.place import Place

Inbox = queue.Queue[dict[str, Any]]


@pytest.fixture
def webhook() -> Iterator[tuple[str, Inbox]]:
    """A URL, and what was posted to it."""
    inbox: Inbox = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            inbox.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/alerts", inbox
    server.shutdown()
    server.server_close()


def test_traffic_arrives_under_istio_names(place: Place, metrics: Sandbox) -> None:
    """Success rate and latency can be asked as of Istio, for each workload."""
    place.deployment("app", "1-errors50")
    place.service("app", "app")
    labels = f'reporter="destination",destination_workload_namespace="{place.namespace}",destination_workload="app"'
    total = f"sum(rate(istio_requests_total{{{labels}}}[3s]))"
    good = f'sum(rate(istio_requests_total{{{labels},response_code!~"5.*"}}[3s]))'
    buckets = f"sum(rate(istio_request_duration_milliseconds_bucket{{{labels}}}[3s])) by (le)"
    with Traffic(metrics.ingress_url, f"app.{place.namespace}", rate=100):
        metrics.prometheus.wait_for_value(f"{total} > 10")
        # a series that is new has no rate before its second scrape, so the first values know of no or of few errors
        rate = metrics.prometheus.wait_for_value(f"{good} / {total} * 100 < 60")
        latency = metrics.prometheus.wait_for_value(f"histogram_quantile(0.99, {buckets})")
    assert rate == pytest.approx(50, abs=10)
    assert 0 < latency < 1000


def test_a_posted_alert_reaches_the_webhook(metrics: Sandbox, webhook: tuple[str, Inbox]) -> None:
    """The way from Alertmanager to a receiver takes no rule and no scrape."""
    url, inbox = webhook
    metrics.alertmanager.set_config(webhook_config(url))
    metrics.alertmanager.post([{"labels": {"alertname": "posted", "canary": "app"}}])
    body = inbox.get(timeout=30)
    assert body["alerts"][0]["labels"] == {"alertname": "posted", "canary": "app"}
    assert body["status"] == "firing"


def test_a_rule_fires_through_to_the_webhook(metrics: Sandbox, webhook: tuple[str, Inbox]) -> None:
    """Prometheus evaluates the rules it is given and knows its Alertmanager."""
    url, inbox = webhook
    metrics.alertmanager.set_config(webhook_config(url))
    rule = {"alert": "Always", "expr": "vector(1)", "for": "0s", "labels": {"canary": "app"}}
    metrics.prometheus.set_rules([{"name": "test", "interval": "500ms", "rules": [rule]}])
    names = set[str]()
    while "Always" not in names:  # the other test's alert may still be about to resolve
        names = {alert["labels"]["alertname"] for alert in inbox.get(timeout=30)["alerts"]}
    metrics.prometheus.set_rules([])


def test_a_token_is_sent_as_a_bearer_token() -> None:
    """Alertmanager authenticates to the webhook when it is given a token."""
    (receiver,) = webhook_config("http://127.0.0.1/", token="made-up")["receivers"]
    assert receiver["webhook_configs"][0]["http_config"]["authorization"]["credentials"] == "made-up"


def test_without_alertmanager_there_is_no_alerting_section() -> None:
    """Prometheus refuses an empty target."""
    assert "alerting" not in configuration("http://127.0.0.1:1")
