"""Prometheus' own engine, asked about series that a test writes down: `promtool test rules`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.manifests.files import run

SCRAPE = 15
"""Seconds between the values of a series."""


def told(series: Mapping[str, str], asked: Sequence[tuple[str, int, float | None]]) -> dict[str, Any]:
    """One case: series in promtool's notation (`0+10x4`, `_` not scraped, `stale` gone), and queries, each with when it
    is asked in seconds and the only value that it must have; None: it has none, or NaN.
    """
    return {
        "interval": f"{SCRAPE}s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f"({query}) >= -Inf" if value is None else query,  # NaN is no answer, and equals nothing
                "eval_time": f"{seconds}s",
                "exp_samples": [] if value is None else [{"labels": "{}", "value": value}],
            }
            for query, seconds, value in asked
        ],
    }


def hold(cases: Sequence[Mapping[str, Any]], directory: Path) -> None:
    """Each query of these cases has the value that is told."""
    file = directory / "cases.yml"
    file.write_text(yaml.safe_dump({"evaluation_interval": f"{SCRAPE}s", "tests": list(cases)}, width=10_000))
    run("promtool", "test", "rules", file)
