"""The Grafana dashboard has something to show: each of its queries, asked of a real Prometheus about real rollouts."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import urllib3
from flask.testing import FlaskClient

from handlers.sandbox.process import SandboxError, wait_for
from handlers.sandbox.prometheus import Prometheus, configuration
from tests.apps import served
from tests.e2e.town import PATIENCE, App, Town

DASHBOARD = json.loads((Path(__file__).parents[2] / "alertmanager" / "grafana-dashboard.json").read_text())
INTERVAL = 0.4
"""Seconds between scrapes."""
SHORTER = {"$__rate_interval": "2s", "$__interval_ms": "400", "$__interval": "400ms", "1m": "2s"}
"""Grafana's own window and step, and the window of annotations, as a sandbox needs them."""
MEASURED = {
    "interval": "30s",
    "threshold": 5,
    "stepWeight": 30,
    "maxWeight": 60,
    "metrics": [
        {"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}},
        {"name": "request-duration", "interval": "1m", "thresholdRange": {"max": 500}},
    ],
}
VERSIONS = {"app", "app-primary"}


@pytest.fixture
def scraped(measured: App, town: Town, tmp_path: Path) -> Iterator["Scraped"]:
    """The app, with a Prometheus that scrapes the mesh and the handlers, as an installation does."""
    assert isinstance(town.handlers, FlaskClient)  # not over HTTP yet
    with served(town.handlers.application) as url:
        targets = [{"targets": [url.removeprefix("http://")]}]
        handlers = {"job_name": "serinus", "honor_labels": True, "static_configs": targets}
        config = configuration(town.sandbox.envoy_url, scrapes=[handlers], interval=INTERVAL)
        prometheus = Prometheus(tmp_path / "prometheus", config)
        prometheus.start()
        yield Scraped(measured, prometheus)
        prometheus.stop()


class Scraped:
    """Questions of the dashboard about one app, to its Prometheus."""

    def __init__(self, app: App, prometheus: Prometheus) -> None:
        self.app = app
        self._prometheus = prometheus

    def ask(self, expr: str) -> list[Mapping[str, str]]:
        """The labels of all series that had a value, other than NaN, since the test began."""
        for name, value in {"$namespace": self.app.namespace, "$canary": self.app.name, **SHORTER}.items():
            expr = expr.replace(name, value)
        assert "$" not in expr
        now = float(self._get("query", query="time()")["result"][1])
        found = self._get("query_range", query=expr, start=str(now - 120), end=str(now), step=str(INTERVAL))
        return [series["metric"] for series in found["result"] if any(value != "NaN" for _, value in series["values"])]

    def _get(self, path: str, **fields: str) -> dict[str, Any]:
        answer = urllib3.request("GET", f"{self._prometheus.url}/api/v1/{path}", fields=fields, timeout=20)
        assert answer.status == 200, answer.data
        data: dict[str, Any] = json.loads(answer.data)["data"]
        return data


def test_every_panel_has_data(scraped: Scraped) -> None:
    """After a rollout that succeeded and one that was rolled back there is nothing that the dashboard cannot show.

    What compares the versions has a series for each, in one panel and so on one axis, and the limit beside them.
    """
    app = scraped.app
    app.start("1", MEASURED)
    with app.traffic():
        app.push("2")
        app.until("Succeeded")
        seen = 'flagger_canary_successes_total{namespace="$namespace"}'  # the handlers list the Canaries now and then
        wait_for(lambda: bool(scraped.ask(seen)), "the success is scraped", PATIENCE)
        app.push("3-errors50")
        app.until("Progressing", 30)
        app.measure(500)
        app.until("Failed")
        missing: list[str] = []
        asked = list(questions())

        def all_there() -> bool:
            missing[:] = [f"{title}: {expr}" for title, expr in asked if not scraped.ask(expr)]
            return not missing

        try:
            wait_for(all_there, "each query has data", PATIENCE)
        except SandboxError:
            raise AssertionError(f"without data: {missing}") from None
    for title in ("Traffic split", "Success rate", "Latency, p99", "Latency, p50 and p90"):
        first, *rest = (expr for name, expr in asked if name == title)
        assert {series["destination_workload"] for series in scraped.ask(first)} == VERSIONS
        assert all(scraped.ask(expr) for expr in rest)


def questions() -> Iterator[tuple[str, str]]:
    """Each query of a panel, of an annotation and of a variable, with its title."""
    for panel in DASHBOARD["panels"]:
        yield from ((panel["title"], target["expr"]) for target in panel["targets"])
    yield from ((item["name"], item["expr"]) for item in DASHBOARD["annotations"]["list"])
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            selector = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["definition"])
            assert selector
            yield variable["name"], f"count by ({selector[2]}) ({selector[1]})"


def test_versions_have_the_same_axis_and_colour() -> None:
    """What is compared is in one panel, with one unit; limits are dashed and red."""
    panels = {panel["title"]: panel for panel in DASHBOARD["panels"]}
    for title in ("Success rate", "Latency, p99"):
        config = panels[title]["fieldConfig"]
        assert not any(
            item["id"] == "custom.axisPlacement" for part in config["overrides"] for item in part["properties"]
        )
        assert [target["legendFormat"] for target in panels[title]["targets"]] == ["{{destination_workload}}", "limit"]
        assert "limit" in str(config["overrides"])


def test_panels_stand_beside_each_other() -> None:
    """No two panels overlap, ids are unique, and each panel says what it shows."""
    panels = DASHBOARD["panels"]
    cells = [
        (x, y)
        for pos in (panel["gridPos"] for panel in panels)
        for x in range(pos["x"], pos["x"] + pos["w"])
        for y in range(pos["y"], pos["y"] + pos["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["title"] and panel["description"] for panel in panels)
