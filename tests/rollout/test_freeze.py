"""Freeze windows: open, shut, across a change of clocks, and not to be read."""

from datetime import datetime

import pytest

from handlers.rollout.freeze import FREEZE, frozen

WEEKEND = "0 18 * * 5 62h Europe/Berlin"  # Friday 18:00 to Monday 08:00
HOLIDAYS = "2026-12-20T00:00Z/2027-01-02T00:00Z"


def until(text: str, now: str) -> str:
    """The end that is told, empty when nothing is frozen."""
    return frozen({FREEZE: text}, datetime.fromisoformat(now)).removeprefix("frozen until ").partition(" by ")[0]


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        pytest.param("", "2026-03-06T17:00:00Z", "", id="no window"),
        pytest.param(" ;\n", "2026-03-06T17:00:00Z", "", id="still none"),
        pytest.param(WEEKEND, "2026-03-06T16:59:59Z", "", id="before"),
        pytest.param(WEEKEND, "2026-03-06T17:00:00Z", "2026-03-09T07:00:00Z", id="at once"),
        pytest.param(WEEKEND, "2026-03-09T06:59:59Z", "2026-03-09T07:00:00Z", id="to the last second"),
        pytest.param(WEEKEND, "2026-03-09T07:00:00Z", "", id="after"),
        pytest.param(WEEKEND, "2026-03-28T12:00:00Z", "2026-03-30T07:00:00Z", id="hours of the clock in spring"),
        pytest.param(WEEKEND, "2026-07-03T16:00:00Z", "2026-07-06T06:00:00Z", id="summer time"),
        pytest.param("0 18 * * 5 62h", "2026-03-06T17:30:00Z", "", id="UTC without a zone"),
        pytest.param("*/5 * * * * 10s", "2026-03-06T17:30:09Z", "2026-03-06T17:30:10Z", id="seconds"),
        pytest.param("*/5 * * * * 10s", "2026-03-06T17:30:10Z", "", id="and no more"),
        pytest.param(HOLIDAYS, "2026-12-19T23:59:59Z", "", id="before the holidays"),
        pytest.param(HOLIDAYS, "2026-12-24T12:00:00+01:00", "2027-01-02T00:00:00Z", id="in the holidays"),
        pytest.param(f"{WEEKEND}\n{HOLIDAYS}", "2026-12-26T12:00:00Z", "2027-01-02T00:00:00Z", id="the later end"),
    ],
)
def test_a_window_is_open_or_shut(text: str, now: str, expected: str) -> None:
    """Until when is told."""
    assert until(text, now) == expected


@pytest.mark.parametrize(
    "window",
    [
        "never",
        "0 18 * * 5",
        "0 18 * * 5 soon",
        "0 18 * * 5 0s",
        "61 18 * * 5 1h",
        "0 18 * * 5 1h Europe/Atlantis",
        "0 18 * * 5 1h ../etc/passwd",
        "0 18 * * 5 1h Europe/Berlin please",
        "2026-12-20/2027-01-02",
        "2026-12-20T00:00Z",
        "a/b/c",
        "0 0 30 2 * 1h",
    ],
)
def test_what_cannot_be_read_freezes_and_says_so(window: str) -> None:
    """The safe side; one bad window says so whatever the others are."""
    now = datetime.fromisoformat("2026-03-06T17:30:00+00:00")
    for text in (window, f"{HOLIDAYS}; {window}"):
        assert frozen({FREEZE: text}, now).startswith(
            f"frozen by serinus.dev/freeze: {window!r}, expected CRON DURATION"
        )
