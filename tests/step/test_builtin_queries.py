"""A step asks for the built-in metrics as the setting says."""

from dataclasses import replace

import pytest

from handlers.settings import Settings
from handlers.wiring import config_of
from tests.lab import at, new_lab


@pytest.mark.parametrize(
    ("environ", "function"),
    [
        pytest.param({}, "sum_over_time(", id="each request that was scraped"),
        pytest.param({"SERINUS_BUILTIN_QUERIES": "flagger"}, "rate(", id="Flagger's"),
    ],
)
def test_the_queries_are_those_of_the_setting(environ: dict[str, str], function: str) -> None:
    """Both built-in metrics of a step are asked in that way alone."""
    lab = at(new_lab(), "Progressing", 20)
    lab.world = replace(lab.world, config=config_of(Settings.from_env(environ)))
    lab.prometheus.asked.clear()
    lab.tick()
    asked = [query for _, query in lab.prometheus.asked]
    functions = ("sum_over_time(", "rate(")
    assert [[name for name in functions if name in query] for query in asked] == [[function], [function]]
