"""The built-in metrics count each request that was scraped, as Prometheus' own engine says of series written down here.

A scrape is every 15 s and a window is a minute; requests count when the scrape that shows them is in the window.
"""

import random
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from handlers.providers.istio import BuiltinQueries, query
from handlers.providers.template import Model, render
from tests.promtool import SCRAPE, hold, told

MODEL = Model(name="c", namespace="test", target="app", service="s", ingress="i", route="r", interval="1m")
DAY = 24 * 60 * 4
"""Scrapes in a day."""


def asked(metric: str, queries: BuiltinQueries = BuiltinQueries.EXACT) -> str:
    """The query over a minute, as Prometheus gets it."""
    return render(query(metric, "1m", queries), MODEL)


SUCCESS, LATENCY = asked("request-success-rate"), asked("request-duration")


def requests(code: str, pod: str = "a", **labels: str) -> str:
    """The series of one pod's answers with a status."""
    all_labels = {
        "reporter": "destination",
        "destination_workload_namespace": "test",
        "destination_workload": "app",
        "response_code": code,
        "pod": pod,
        **labels,
    }
    return "istio_requests_total{" + ", ".join(f'{name}="{value}"' for name, value in all_labels.items()) + "}"


def bucket(le: str, pod: str = "a") -> str:
    """The series of one pod's answers that took no longer than so many milliseconds."""
    return requests("200", pod, le=le).replace("istio_requests_total", "istio_request_duration_milliseconds_bucket")


OK, BAD = requests("200"), requests("503")
OK_B, BAD_B = requests("200", "b"), requests("503", "b")


@pytest.mark.parametrize(
    ("series", "at", "errors", "all_requests"),
    [
        pytest.param({OK: "10+150x20", BAD: "_ _ _ _ 150x20"}, 65, 150, 750, id="errors between two scrapes"),
        pytest.param({OK: "10+150x20", BAD: "_ _ _ _ 150x20"}, 115, 150, 750, id="and for as long as the window"),
        pytest.param({OK: "10+150x20", BAD: "_ _ _ _ 150x20"}, 120, 0, 600, id="and no longer"),
        pytest.param({OK: "10+150x20", BAD: "_ _ _ _ 150 170 190"}, 90, 190, 790, id="a new series that grows"),
        pytest.param({OK: "10+150x20", BAD: "_ _ _ _ 50 20 30"}, 90, 80, 680, id="new, and its pod restarts"),
        pytest.param({OK: "900 1000 40 140 240", BAD: "7 7 5 5 9"}, 60, 9, 349, id="a pod restarts"),
        pytest.param({OK: "5 40 1000 1100 60 90", BAD: "2 2 2 12 3 3"}, 75, 13, 1163, id="a pod restarts late"),
        pytest.param({OK: "9 90 30 50 20 70", BAD: "_ _ 4 _ 6 3"}, 75, 9, 129, id="a pod restarts again and again"),
        pytest.param({OK: "0+100x9", BAD: "7 7 stale _ 3 3"}, 60, 3, 403, id="a restart, and fewer errors than before"),
        pytest.param({OK: "500+100x9", BAD: "7x9"}, 90, 0, 400, id="old errors"),
        pytest.param({OK: "500+100x9"}, 90, 0, 400, id="no error ever"),
        pytest.param(
            {OK: "0+100x9", OK_B: "1000+100x3 stale", BAD_B: "5 5 5 45 stale"}, 75, 40, 640, id="a pod fails and goes"
        ),
        pytest.param({OK: "_ _ _ _ 80", BAD: "_ _ _ _ 20"}, 60, 20, 100, id="the first scrape of the only pod"),
        pytest.param(
            {OK: "0+100x9", OK_B: "_ _ _ 80 90", BAD_B: "_ _ _ 20 20"}, 60, 20, 510, id="the first scrape of a pod"
        ),
        pytest.param({BAD: "_ _ 20 20 30"}, 60, 30, 30, id="nothing but errors"),
        pytest.param(
            {OK: "1000000+100x2 stale _x12 1002000", BAD: "50000x2 stale _x12 50010"},
            240,
            10,
            1810,
            id="unscraped for three minutes",
        ),
        pytest.param(
            {OK: "1000000+100x2 _x40 1002000 1002100", BAD: "50000x2 _x40 50010 50010"},
            660,
            10,
            1910,
            id="Prometheus was down for ten minutes",
        ),
        pytest.param({OK: "7000+100x20", BAD: "500 stale _x236 510"}, 3585, 10, 10, id="and after almost an hour"),
        pytest.param(
            {
                OK: "500+100x9",
                requests("503", destination_workload="app-primary"): "_ _ _ _ 30x9",
                requests("503", destination_workload_namespace="other"): "_ _ _ _ 30x9",
                requests("503", reporter="source"): "_ _ _ _ 30x9",
            },
            90,
            0,
            400,
            id="errors of others",
        ),
    ],
)
def test_each_request_that_was_scraped_counts_once(
    series: Mapping[str, str], at: int, errors: int, all_requests: int, tmp_path: Path
) -> None:
    """The success rate is exact: a new series, a restart, a pod that ends and a gap in scraping change nothing."""
    hold([told(series, [(SUCCESS, at, 100 - 100 * errors / all_requests)])], tmp_path)


@pytest.mark.parametrize(
    "series",
    [
        pytest.param({}, id="never a request"),
        pytest.param({OK: "500x20", BAD: "7x20"}, id="none within the window"),
        pytest.param({OK: "0+100x3 stale", BAD: "0+7x3 stale"}, id="its pods are gone"),
    ],
)
def test_without_requests_there_is_no_value(series: Mapping[str, str], tmp_path: Path) -> None:
    """Nothing is said of nothing: neither that all is well nor that all has failed."""
    hold([told(series, [(SUCCESS, 200, None)])], tmp_path)


def test_what_was_not_scraped_for_an_hour_counts_as_new(tmp_path: Path) -> None:
    """A counter that nobody remembers cannot be told from a new one; good and bad alike count as a whole."""
    series = {OK: "1000 stale _x250 1900", BAD: "50 stale _x250 100"}
    hold([told(series, [(SUCCESS, 252 * SCRAPE, 95.0)])], tmp_path)


def test_a_young_prometheus_judges_pods_by_their_whole_life(tmp_path: Path) -> None:
    """One that has lost its data, or is just set up, says for one window what pods came to since they started."""
    series = {OK: "9900+100x20", BAD: "100x20"}
    hold([told(series, [(SUCCESS, 30, 100 - 100 * 100 / 10200), (SUCCESS, 60, 100.0)])], tmp_path)


def test_flaggers_query_does_not_see_a_first_sample(tmp_path: Path) -> None:
    """It says 100 % when 150 of 750 requests fail between two scrapes, and nothing when there are only errors."""
    theirs = asked("request-success-rate", BuiltinQueries.FLAGGER)
    cases = [
        told({OK: "10+150x20", BAD: "_ _ _ _ 150x20"}, [(theirs, 65, 100.0), (theirs, 80, 100.0)]),
        told({BAD: "_ _ 20 20 30"}, [(theirs, 60, None)]),
    ]
    hold(cases, tmp_path)


@pytest.mark.parametrize(
    ("series", "at", "milliseconds"),
    [
        pytest.param(
            {bucket("100"): "0+25x9", bucket("1000"): "0+25x9", bucket("5000"): "0+25x9", bucket("+Inf"): "0+25x9"}
            | {bucket("100", "b"): "_ _ _ 0", bucket("1000", "b"): "_ _ _ 0"}
            | {bucket("5000", "b"): "_ _ _ 100", bucket("+Inf", "b"): "_ _ _ 100"},
            60,
            4920.0,
            id="a pod is slow before its second scrape",
        ),
        pytest.param(
            {bucket("100"): "500 600 0 0", bucket("1000"): "500 600 10 10", bucket("+Inf"): "500 600 10 10"},
            60,
            901.0,
            id="a pod restarts, and is slow",
        ),
    ],
)
def test_the_latency_is_of_each_request_that_was_scraped(
    series: Mapping[str, str], at: int, milliseconds: float, tmp_path: Path
) -> None:
    """Buckets are counted as the requests are."""
    hold([told(series, [(f"round({LATENCY}, 0.01)", at, milliseconds)])], tmp_path)


SCRAPED = st.lists(
    st.one_of(st.integers(0, 300), st.just("restart"), st.just("unscraped"), st.just("ends")), min_size=1, max_size=14
)
"""The fate of a series at each scrape: so many requests more, or something else."""


def written(history: list[int | str]) -> tuple[str, list[int]]:
    """A series in promtool's notation, and how many requests each scrape of it shows to be new."""
    total = known = 0
    values, new = [], []
    for item in history:
        gained = item if isinstance(item, int) else 0
        total = 7 if item == "restart" else total + gained
        there = item == "restart" or isinstance(item, int)
        values.append(str(total) if there else "stale" if item == "ends" else "_")
        new.append((total if total < known else total - known) if there else 0)
        known = total if there else known
    return " ".join(values), new


@settings(max_examples=12, phases=[Phase.generate])  # promtool says which case fails, and is slow to ask again
@given(st.lists(st.tuples(SCRAPED, SCRAPED), min_size=12, max_size=12), st.randoms(use_true_random=False))
def test_whatever_is_scraped(
    tmp_path_factory: pytest.TempPathFactory, histories: list[tuple[list[int | str], ...]], chance: random.Random
) -> None:
    """Whenever it is asked, and whatever series do, what the scrapes of the last minute have shown is what counts."""
    cases = []
    for history in histories:
        (good, more), (bad, errors) = (written(part) for part in history)
        at = 5 * chance.randrange(45)
        within = [index for index in range(14) if at - 60 < index * SCRAPE <= at]
        failed, passed = (sum(new[index] for index in within if index < len(new)) for new in (errors, more))
        rate = 100 - 100 * failed / (failed + passed) if failed + passed else None
        cases.append(told({OK: good, BAD: bad}, [(SUCCESS, at, rate)]))
    hold(cases, tmp_path_factory.mktemp("promtool"))
