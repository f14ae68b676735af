"""When the next step is due: jitter skips nothing and adds nothing up."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.rollout.state import State
from handlers.rollout.timing import due, slack, step_time
from tests.rollout.examples import NOW, seconds

INTERVALS = st.integers(1, 120_000).map(lambda ms: timedelta(milliseconds=ms))
LATENESS = st.floats(0, 0.5).map(seconds)


def steps(moments: list[datetime], interval: timedelta) -> list[datetime]:
    """The moments at which a step is made."""
    state, made = State(), []
    for now in moments:
        if due(state, now, interval):
            state = State(stepped=step_time(state, now, interval))
            made.append(now)
    return made


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        pytest.param(60, True, id="an interval"),
        pytest.param(59, True, id="an interval but the slack"),
        pytest.param(58.999, False, id="earlier than that"),
        pytest.param(0, False, id="at once"),
        pytest.param(-30, False, id="another clock is ahead"),
        pytest.param(3600, True, id="long ago"),
    ],
)
def test_a_step_is_due_an_interval_after_the_last(since: float, expected: bool) -> None:
    """With one second of slack."""
    assert due(State(stepped=NOW - seconds(since)), NOW, seconds(60)) is expected


def test_the_first_step_is_due_at_once() -> None:
    """Nothing has been done yet."""
    assert due(State(), NOW, seconds(60))
    assert step_time(State(), NOW, seconds(60)) == NOW


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        pytest.param(60, 1, id="a second"),
        pytest.param(10, 1, id="the shortest of Flagger"),
        pytest.param(2, 0.2, id="a tenth of an interval on a faster clock"),
    ],
)
def test_the_slack_is_small_against_the_interval(interval: float, expected: float) -> None:
    """A second, or a tenth of the interval."""
    assert slack(seconds(interval)) == seconds(expected)


@pytest.mark.parametrize(
    ("since", "counts"),
    [
        pytest.param(59.5, 0.5, id="early: for the time it was due at"),
        pytest.param(60, 0, id="on time"),
        pytest.param(90, 0, id="late: from now on"),
        pytest.param(10, 0, id="not due, but made: from now on"),
    ],
)
def test_a_step_counts_from_when_it_was_due(since: float, counts: float) -> None:
    """Early steps never add up, late ones are not caught up with."""
    assert step_time(State(stepped=NOW - seconds(since)), NOW, seconds(60)) == NOW + seconds(counts)


@given(interval=INTERVALS, waits=st.lists(st.integers(0, 150_000), max_size=40))
def test_steps_are_an_interval_apart_whenever_ticks_come(interval: timedelta, waits: list[int]) -> None:
    """Invariant 2: n steps take at least n - 1 intervals, but for one slack, however many events arrive."""
    moments, now = [], NOW
    for wait in waits:
        now += timedelta(milliseconds=wait)
        moments.append(now)
    made = steps(moments, interval)
    for first in range(len(made)):
        for last in range(first, len(made)):
            assert made[last] - made[first] >= (last - first) * interval - slack(interval)


@given(interval=st.integers(10, 3600), lateness=st.lists(LATENESS, min_size=1, max_size=60))
def test_a_cron_with_jitter_never_skips_a_step(interval: int, lateness: list[timedelta]) -> None:
    """A cron at exactly the interval that fires up to half a second late makes one step at each tick."""
    moments = [NOW + number * seconds(interval) + late for number, late in enumerate(lateness)]
    assert steps(moments, seconds(interval)) == moments


@given(interval=INTERVALS, waits=st.lists(st.integers(0, 1000), min_size=1, max_size=60))
def test_a_fast_cron_is_late_by_one_tick_at_most(interval: timedelta, waits: list[int]) -> None:
    """Ticks that come all the time hold no step up: each is made by the first tick at which it is due."""
    moments, now = [], NOW
    for wait in waits:
        now += timedelta(milliseconds=wait)
        moments.append(now)
    made = steps(moments, interval)
    for one, other in pairwise(made):
        before = [moment for moment in moments if one < moment < other]
        assert all(moment - one < interval for moment in before)
