"""The pace of the story: what it is chosen by, and what is said of a machine that is too busy."""

import math
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from handlers.rollout.spec import canary
from handlers.sandbox.demo import alerting, measure, story
from handlers.sandbox.demo.pace import (
    MARGIN,
    PACES,
    Busy,
    Measured,
    Pace,
    became_busy,
    candidates,
    hopeless,
    measured,
    plainly,
    too_late,
)
from handlers.sandbox.envoy import BUCKETS
from handlers.sandbox.traffic import Answer
from tests.adapters import loopback
from tests.adapters.loopback import Serve
from tests.demo.scenes import answer

serve = pytest.fixture(loopback.serve)
FASTEST, SLOWEST = PACES[0], PACES[-1]
HEALTHY = frozenset({"1.0.0", "1.0.1"})


@pytest.mark.parametrize(("share", "expected"), [(1.0, 0), (0.66, 0), (0.4, 1), (0.1, 2), (0.05, 3)])
def test_the_less_of_the_processor_there_is_the_slower_is_the_pace(share: float, expected: int) -> None:
    """Those that need more are not even tried."""
    assert tuple(candidates(share)) == PACES[expected:]


def test_where_there_is_next_to_nothing_of_the_processor_no_pace_is_tried() -> None:
    """The figure is said, and what is the least."""
    with pytest.raises(Busy, match=r"^a program gets 2\.5 % of a core, and 3 % is the least$"):
        candidates(0.025)


@pytest.mark.parametrize("pace", PACES, ids=lambda pace: f"{pace.scale:g}")
def test_the_story_is_the_same_at_every_pace(pace: Pace) -> None:
    """A window has as many requests, and the slow version is above the alert's limit as Envoy's histogram shows it."""
    assert pace.rate * pace.window == pytest.approx(FASTEST.rate * FASTEST.window)
    limit = 1000 * pace.patience
    (rule,) = [rule for rule in latency(pace.patience) if rule.get("alert") == story.LATENCY_ALERT]
    assert rule["expr"].endswith(f" > {limit}")
    slow = story.SLOW * pace.patience
    below, above = max(b for b in BUCKETS if b < slow), min(b for b in BUCKETS if b >= slow)
    assert slow > limit
    assert below + 0.99 * (above - below) > limit
    assert canary.parse(story.canary(pace.patience), scale=pace.scale).analysis.interval.total_seconds() == pace.window
    assert [act.version for act in story.acts(pace.patience)] == [act.version for act in story.ACTS]
    assert story.acts(pace.patience)[-1].tag == f"1.0.3-slow{slow}"


def latency(patience: int) -> list[dict[str, Any]]:
    """All rules, with limits of latency so many times as high."""
    return [rule for group in alerting.rules(alerting.read("rules.yml"), 30, patience) for rule in group["rules"]]


def test_no_rule_but_that_of_latency_gets_another_limit() -> None:
    """A busy machine makes answers slow, and no errors."""
    changed = [one["alert"] for one, other in zip(latency(1), latency(4), strict=True) if one != other]
    assert changed == [story.LATENCY_ALERT]


def test_an_app_is_measured_by_the_slowest_of_a_hundred_answers() -> None:
    """A request without an answer is slower than any; one that was sent too late does not count as sent."""
    answers = [Answer(at=0.01 * number, seconds=0.001 * number, version="1") for number in range(1, 101)]
    found = measured(100, 1.0, answers)
    assert found.p99 == pytest.approx(0.099)
    assert found.sent == pytest.approx(0.99)
    lost = [Answer(at=0.1, seconds=5, error="no answer within 5 s")] * 3
    assert measured(100, 1.0, [*answers, *lost]).p99 == math.inf


@pytest.mark.parametrize(
    ("found", "pace", "fits"),
    [
        (Measured(rate=500, p99=0.01, sent=1), FASTEST, True),
        (Measured(rate=500, p99=0.5 / MARGIN + 0.001, sent=1), FASTEST, False),
        (Measured(rate=500, p99=0.5 / MARGIN + 0.001, sent=1), SLOWEST, True),
        (Measured(rate=500, p99=0.01, sent=0.5), FASTEST, False),
        (Measured(rate=500, p99=math.inf, sent=1), SLOWEST, False),
    ],
    ids=["fast", "too-slow", "slow-but-so-is-the-limit", "client-too-slow", "lost"],
)
def test_a_pace_fits_when_the_app_at_rest_is_far_from_its_limit(found: Measured, pace: Pace, fits: bool) -> None:
    """A rollout needs some of the machine as well."""
    assert found.fits(pace) is fits


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Measured(rate=133, p99=1.2345, sent=1), "a healthy app, at rest, took 1234 ms for its answers"),
        (Measured(rate=133, p99=0.1, sent=0.42), "only 42 % of 133 requests a second could be sent"),
        (Measured(rate=133, p99=math.inf, sent=1), "left more than 1 % of 133 requests a second unanswered"),
    ],
    ids=["slow", "client-too-slow", "lost"],
)
def test_a_machine_that_is_too_busy_is_told_with_the_figure(found: Measured, words: str) -> None:
    """Whatever it was that did not fit."""
    assert words in str(hopeless(found))


def test_the_pace_is_told_in_a_plain_line() -> None:
    """What was measured, and what follows; that the machine is busy only where it is."""
    found = Measured(rate=500, p99=0.0064, sent=1)
    assert plainly(0.98, found, FASTEST) == (
        "a program gets 98 % of a core, the app at rest answers within 6 ms (p99): "
        "500 requests/s, 30 times as fast as written"
    )
    assert plainly(0.41, found, PACES[1]) == (
        "this machine is busy: a program gets 41 % of a core, the app at rest answers within 6 ms (p99); "
        "so 333 requests/s, 20 times as fast as written (not 30), latencies may be 2 times as high"
    )


def over(second: float, version: str, seconds: float, count: int = 100) -> Iterator[Answer]:
    """So many answers of a version around a second."""
    return (answer(version, at=second + number / 1000, seconds=seconds) for number in range(count))


def test_a_fault_on_a_machine_that_was_fast_enough_is_the_products() -> None:
    """Slow answers of the slow version, and single ones of others, say nothing about the machine."""
    answers = [*over(1, "1.0.0", 0.01, 200), answer("1.0.1", at=1.5, seconds=3), *over(1, "1.0.3-slow1100", 1.2)]
    assert became_busy(answers, HEALTHY, 0.01, FASTEST) is None


def test_a_machine_that_became_busy_is_told_with_the_worst_window() -> None:
    """Healthy versions were too slow for the Canary's own limit for as long as a metric's window."""
    answers = [*over(1, "1.0.0", 0.01, 1000), *over(5, "1.0.1", 1.84)]
    busy = became_busy(answers, HEALTHY, 0.01, FASTEST)
    assert str(busy) == "healthy versions took up to 1840 ms for their answers (p99 of 2 s)"
    assert became_busy(answers, HEALTHY, 0.01, SLOWEST) is None


def test_timers_that_fire_late_are_told() -> None:
    """Scrapes and ticks are late then as well, and answers need not be."""
    assert str(became_busy([], HEALTHY, 0.6, FASTEST)) == "timers fired 600 ms late (p99)"


def test_what_is_not_there_in_time_is_a_busy_machines_fault_only_where_it_is_busy() -> None:
    """A program that never starts on an idle machine is told as what it is."""
    assert too_late(0.95, 0.01) is None
    assert str(too_late(0.22, 0.01)) == "a program gets 22 % of a core"
    assert str(too_late(0.95, 0.4)) == "timers fired 400 ms late (p99)"


def test_the_machine_is_measured() -> None:
    """A share of a core, and timers that never fire early."""
    with measure.Timers() as timers:
        assert 0 < measure.share() <= 1.05
        deadline = time.monotonic() + 30
        while not timers.late:
            assert time.monotonic() < deadline
    assert timers.late >= 0


def slow(seconds: float) -> Callable[[loopback.Asked], loopback.Answer]:
    """An app that takes so long."""

    def answered(_: loopback.Asked) -> loopback.Answer:
        time.sleep(seconds)
        return loopback.Answer(headers={"x-version": "1.0.0"})

    return answered


def test_an_app_that_is_slow_at_rest_leaves_no_pace(serve: Serve) -> None:
    """The slowest pace is asked for, and the figure is told."""
    with pytest.raises(Busy) as told:
        measure.choose(SLOWEST.share, serve(slow(0.6)).url, "app")
    assert int(re.findall(r"took (\d+) ms", str(told.value))[0]) >= 600
