"""Durations as Go and Prometheus write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.rollout.spec.durations import go_duration, prometheus_window, words

LONGEST = timedelta(microseconds=(2**63 - 1) // 1000)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("30s", 30),
        ("1m30s", 90),
        ("1.5h", 5400),
        ("1h0m0.5s", 3600.5),
        (".5s", 0.5),
        ("1.s", 1),
        ("250ms", 0.25),
        ("7us", 7e-6),
        ("7µs", 7e-6),  # U+00B5, the micro sign
        ("7μs", 7e-6),  # U+03BC, the Greek letter
        ("1000ns", 1e-6),
    ],
)
def test_a_duration_is_read_as_go_reads_it(text: str, seconds: float) -> None:
    """The forms of time.ParseDuration."""
    assert go_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("60", id="a number without a unit"),
        pytest.param("-1s", id="it would be in the past"),
        pytest.param("10 s", id="a blank within"),
        pytest.param("1d", id="Go has no days"),
        pytest.param("s", id="a unit without a number"),
        pytest.param("1s!", id="something after it"),
        pytest.param(".s", id="a point without a digit"),
        pytest.param("\N{FULLWIDTH DIGIT ONE}s", id="digits of another script"),
        pytest.param("2562048h", id="more than Go's 292 years"),
        pytest.param("9" * 400 + "h", id="more than a float holds"),
    ],
)
def test_what_is_no_duration_is_told(text: str) -> None:
    """Go refuses the same."""
    assert go_duration(text) is None


def test_the_longest_duration_leaves_room_on_the_calendar() -> None:
    """Go's longest is 292 years, so that a time plus a duration is a time."""
    longest = go_duration("2562047h47m16s")
    assert longest is not None
    assert longest <= LONGEST


@pytest.mark.parametrize(
    ("text", "scale", "window"),
    [
        pytest.param("1m", 1, "1m", id="as it is written"),
        pytest.param("1h30m", 1, "1h30m", id="several units"),
        pytest.param("1m", 10, "6000ms", id="ten times as fast"),
        pytest.param("1m30s", 60, "1500ms", id="all units are divided"),
        pytest.param("1d", 1000, "86400ms", id="a day"),
        pytest.param("1w", 1000, "604800ms", id="a week"),
        pytest.param("1y", 1000, "31536000ms", id="a year"),
        pytest.param("1ms", 100, "1ms", id="never less than a millisecond"),
    ],
)
def test_a_window_is_divided_by_the_time_scale(text: str, scale: float, window: str) -> None:
    """What Prometheus is asked shrinks with everything else."""
    assert prometheus_window(text, scale) == window


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("60", id="no unit"),
        pytest.param("1.5m", id="Prometheus has no fractions"),
        pytest.param("1 m", id="a blank"),
        pytest.param("1m]", id="the end of the range"),
        pytest.param("\N{FULLWIDTH DIGIT ONE}m", id="digits of another script"),
        pytest.param("0m", id="Prometheus wants more than nothing"),
        pytest.param("30s1m", id="Prometheus wants the larger unit first"),
    ],
)
def test_what_prometheus_would_refuse_is_no_window(text: str) -> None:
    """It is told when the Canary is read, not at each query."""
    assert prometheus_window(text, 1) is None
    assert prometheus_window(text, 2) is None


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0s"),
        (1, "1ms"),
        (500, "500ms"),
        (999, "999ms"),
        (1000, "1s"),
        (1500, "1.5s"),
        (59999, "59.999s"),
        (60000, "1m0s"),
        (90500, "1m30.5s"),
        (3600000, "1h0m0s"),
        (5445250, "1h30m45.25s"),
    ],
)
def test_a_duration_is_told_as_go_prints_it(milliseconds: int, text: str) -> None:
    """The forms of time.Duration.String."""
    assert words(timedelta(milliseconds=milliseconds)) == text


@given(st.integers(0, 10**10))
def test_what_is_told_is_read_back(milliseconds: int) -> None:
    """Words and durations belong together."""
    length = timedelta(milliseconds=milliseconds)
    assert go_duration(words(length)) == length


@given(st.text())
def test_any_text_is_a_duration_or_is_not(text: str) -> None:
    """Nothing that a spec can hold raises an error here."""
    length = go_duration(text)
    assert length is None or timedelta() <= length <= LONGEST
    assert prometheus_window(text, 2) is None or text[0].isdigit()
