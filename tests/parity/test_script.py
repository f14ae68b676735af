"""The script answers each namespace for itself, in order, and keeps what it was asked."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from handlers.sandbox.process import http
from tests.parity.scenarios import RECORDINGS, Scenario
from tests.parity.script import Script

QUERY = 'sum(rate(istio_requests_total{destination_workload_namespace="NS"}[1m]))'


@pytest.fixture
def script() -> Iterator[Script]:
    """The server, with the scenario of metrics that are bad now and then in one namespace."""
    with Script.running() as running:
        running.expect("flaky", Scenario.read(RECORDINGS / "flaky-metrics.json"))
        yield running


def measure(script: Script, namespace: str) -> Any:
    """What Prometheus says of a namespace."""
    asked = {"query": QUERY.replace("NS", namespace)}
    answer = http.request("GET", f"{script.url}/api/v1/query", fields=asked)
    return answer.json()["data"]["result"][0]["value"][1]


def test_metrics_are_answered_by_namespace_and_in_order(script: Script) -> None:
    """The answers of one scenario are used up by its own questions, and the last one stays."""
    assert [measure(script, "flaky") for _ in range(6)] == ["100", "50", "100", "50", "100", "100"]
    assert measure(script, "other") == "100"


def test_queries_are_kept_as_all_write_them(script: Script) -> None:
    """Without the namespace, lengths of time and white space, which no two players share; each once."""
    for window in ("1m", "3000ms"):
        asked = QUERY.replace("NS", "flaky").replace("[1m]", f"[{window}] offset {window}").replace("(", "( ")
        http.request("GET", f"{script.url}/api/v1/query", fields={"query": asked})
    written = 'sum(rate(istio_requests_total{destination_workload_namespace="NS"}[TIME]offsetTIME))'
    assert script.queries == {"flaky": {written}}


def test_calls_of_webhooks_are_kept_as_rows(script: Script) -> None:
    """With the phase, the payload's keys and the metadata, by namespace; what nobody scripted is answered with 200."""
    body = {"name": "app", "namespace": "flaky", "phase": "Progressing", "metadata": {"k": "v", "timestamp": "1"}}
    assert http.request("POST", f"{script.hooks_url}/flaky/pre", body=json.dumps(body)).status == 200
    assert script.hooks == {"flaky": [["pre", "Progressing", ["metadata", "name", "namespace", "phase"], {"k": "v"}]]}
    assert script.answers == {"flaky": [200]}


def test_events_of_all_canaries_are_kept_as_text(script: Script) -> None:
    """As a Kubernetes Event would say them."""
    said = {"eventType": "Warning", "eventMessage": "Canary failed!"}
    body = {"name": "app", "namespace": "flaky", "phase": "Failed", "metadata": said}
    http.request("POST", script.events_url, body=json.dumps(body))
    assert script.told == {"flaky": ["Warning Canary failed!"]}
