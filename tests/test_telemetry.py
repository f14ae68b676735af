"""Prometheus can scrape Flagger's metrics, at a bounded cost."""

import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import NoReturn

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from handlers.app import routed
from handlers.auth import Authenticator, Review
from handlers.errors import Unavailable
from handlers.settings import Settings
from handlers.step.sweep import Subject, step_each
from handlers.telemetry import Telemetry
from handlers.wiring import Wiring
from tests.lab import TICK, Lab, at, new_lab

FLAGGER = {
    "flagger_info": {"version", "mesh_provider"},
    "flagger_canary_total": {"namespace"},
    "flagger_canary_status": {"name", "namespace"},
    "flagger_canary_weight": {"workload", "namespace"},
    "flagger_canary_metric_analysis": {"name", "namespace", "metric"},
    "flagger_canary_duration_seconds_bucket": {"name", "namespace", "le"},
    "flagger_canary_duration_seconds_count": {"name", "namespace"},
    "flagger_canary_duration_seconds_sum": {"name", "namespace"},
    "flagger_canary_successes_total": {"name", "namespace", "deployment_strategy", "analysis_status"},
    "flagger_canary_failures_total": {"name", "namespace", "deployment_strategy", "analysis_status"},
}
"""Names and labels of Flagger 1.44 (pkg/metrics/recorder.go)."""


class Nobody:
    """No token is known to the API server."""

    def review(self, token: str) -> Review:
        """Refuse."""
        return Review(authenticated=not token)


def client(lab: Lab, tokens: str) -> FlaskClient:
    """An HTTP client of an app that wants tokens from those who send events."""
    settings = Settings.from_env({"SERINUS_TOKENS_DIR": tokens})
    return routed(settings, Wiring(lambda: lab.world), Authenticator(settings, Nobody(), lambda: 0.0)).test_client()


def labels(text: str) -> dict[str, set[str]]:
    """The names of the labels of each sample that a scrape found."""
    families: Iterable[object] = text_string_to_metric_families(text)
    return {sample.name: set(sample.labels) for family in families for sample in family.samples}  # type: ignore[attr-defined]  # untyped


def stepped(lab: Lab) -> None:
    """A step as an event makes it."""
    lab.kubelet.run()
    lab.clock.tick(10)
    assert step_each(lab.world, [Subject(lab.ref)], TICK) == []


def test_a_scrape_has_flaggers_names_and_labels(tmp_path: Path) -> None:
    """After a success and a failure all of Flagger's metrics are there, for anybody, in the text format.

    Flagger's TestRecorder_GetterMethodsWithData.
    """
    lab = at(new_lab(), "Finalising")
    stepped(lab)
    lab.push("app:v3")
    lab.prometheus.values = {"istio_requests_total": [50]}
    for _ in range(8):
        stepped(lab)
    response = client(lab, str(tmp_path)).get("/metrics")
    assert response.content_type.startswith("text/plain; version=0.0.4")
    found = labels(response.text)
    assert {name: found.get(name) for name in FLAGGER} == FLAGGER
    assert 'flagger_canary_successes_total{analysis_status="completed",' in response.text
    assert 'serinus_canary_metric_limit{bound="min",metric="request-success-rate",' in response.text


def test_the_page_names_what_there_is(tmp_path: Path) -> None:
    """Each metric that docs/metrics.md names, in a table or in a query, is in a scrape."""
    lab = at(new_lab(), "Finalising")
    stepped(lab)
    page = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text()
    named = set(re.findall(r"\b(?:flagger|serinus|process)_\w+", page))
    app = client(lab, str(tmp_path))
    app.get("/healthz/live")
    lab.world.calls.observe(0.1, "get", "200")
    text = app.get("/metrics").text
    shown = {name for family in text_string_to_metric_families(text) for name in (family.name, *labels(text))}
    helped = {line.split()[2] for line in text.splitlines() if line.startswith("# HELP")}
    assert named <= shown | helped


def test_durations_are_those_of_steps_that_did_something() -> None:
    """A look at a canary at rest is no analysis; what takes 30 ms is in all buckets from 50 ms up."""
    lab = at(new_lab(), "Progressing", 20)
    lab.cluster.after = lambda _verb, path: lab.clock.tick(0.03) if path.endswith("app/status") else None
    stepped(lab)
    assert step_each(lab.world, [Subject(lab.ref)], TICK) == []
    text = Telemetry(()).text(lab.world).decode()
    counts = {
        sample.labels["le"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "flagger_canary_duration_seconds_bucket"
    }
    assert (counts["0.025"], counts["+Inf"]) == (0, 1)


def test_scrapes_cost_one_list_in_five_seconds() -> None:
    """Whoever scrapes as often as he likes: the API server is asked once, and again when the list is old."""
    lab = at(new_lab(), "Progressing", 20)
    telemetry = Telemetry(("shop",))
    lab.cluster.calls.clear()
    for _ in range(3):
        telemetry.text(lab.world)
    assert lab.cluster.calls == [("list", "/apis/flagger.app/v1beta1/namespaces/shop/canaries")]
    lab.clock.tick(5)
    telemetry.text(lab.world)
    assert len(lab.cluster.calls) == 2


def test_without_an_api_server_nothing_is_shown_of_canaries(tmp_path: Path) -> None:
    """Old numbers would look like a healthy canary; how often the API server failed is what somebody looks for then."""
    lab = new_lab()

    def refuse(_verb: str, _path: str) -> NoReturn:
        raise Unavailable("the API server cannot be asked")

    lab.cluster.before = refuse
    response = client(lab, str(tmp_path)).get("/metrics")
    assert response.status_code == 200
    assert "serinus_api_up 0.0" in response.text
    found = labels(response.text)
    assert not [name for name in found if name.startswith("flagger_canary_") and "duration" not in name]
    assert "process_cpu_seconds_total" in found


def test_a_checkout_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run from its sources, without being installed, it says so and works."""

    def missing(_name: str) -> NoReturn:
        raise PackageNotFoundError

    monkeypatch.setattr("handlers.telemetry.version", missing)
    assert b'version="unknown"' in Telemetry(()).text(new_lab().world)
