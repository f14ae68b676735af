"""The dashboard's queries count each request that was scraped, as Prometheus' own engine says."""

import json
from pathlib import Path

import pytest

from tests.manifests.files import ALERTMANAGER
from tests.promtool import hold, told

PANELS = json.loads((ALERTMANAGER / "grafana-dashboard.json").read_text(encoding="utf-8"))["panels"]
GRAFANA = {
    "$namespace": "shop",
    "$canary": "podinfo",
    "$__rate_interval": "1m",
    "$__interval_ms": "15000",
    "$__interval": "15s",
}
"""Variables and macros as Grafana puts them in for a graph of some hours."""
LABELS = 'reporter="destination", destination_workload_namespace="shop", destination_workload="podinfo"'
OK, BAD = (f'istio_requests_total{{{LABELS}, response_code="{code}"}}' for code in (200, 503))
SERIES = {OK: "10+150x20", BAD: "_ _ _ _ 150x20"}
SLOW = {
    f'istio_request_duration_milliseconds_bucket{{{LABELS}, le="{le}"}}': f"_ _ _ _ {count}x20"
    for le, count in (("1000", 0), ("5000", 100), ("+Inf", 100))
}


def first_query(title: str) -> str:
    """The query that a panel begins with, without the labels of its answer."""
    (panel,) = (panel for panel in PANELS if panel["title"] == title)
    text: str = panel["targets"][0]["expr"]
    for name, value in GRAFANA.items():
        text = text.replace(name, value)
    return f"sum({text})"


@pytest.mark.parametrize(
    ("title", "value"),
    [
        # a graph's points are multiples of its step, where a Prometheus before 3.0 has five scrapes in a window of four
        pytest.param("Success rate", 100 - 100 * 150 / 900, id="150 errors between two scrapes"),
        pytest.param("Answers by status", 900 / 75, id="requests per second"),
        pytest.param("Traffic split", 900 / 75, id="of each version"),
        pytest.param("Latency, p99", 4.96, id="a pod that is slow before its second scrape"),
        pytest.param("Latency, p50 and p90", 3.0, id="and in the median"),
    ],
)
def test_panels_show_what_came_before_a_second_scrape(title: str, value: float, tmp_path: Path) -> None:
    """Errors and slow answers that are all in the first sample of their series are shown."""
    hold([told(SERIES | SLOW, [(first_query(title), 75, value)])], tmp_path)
