"""Freeze windows: open, shut, across a change of clocks, and not to be read."""

from datetime import datetime

import pytest

from handlers.rollout.freeze import FREEZE, Namespace, frozen, unreadable

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
        assert unreadable(text) == frozen({FREEZE: text}, now)


@pytest.mark.parametrize("text", ["", WEEKEND, HOLIDAYS, f"{WEEKEND}\n{HOLIDAYS}", "* * * * * 1h"])
def test_what_can_be_read_is_not_complained_of(text: str) -> None:
    """Whether a window is open or shut."""
    assert not unreadable(text)


NOON = datetime.fromisoformat("2026-12-26T12:00:00+00:00")
SOONER = "2026-12-26T00:00Z/2026-12-27T00:00Z"
OF_SHOP = "serinus.dev/freeze of Namespace shop"


@pytest.mark.parametrize(
    ("own", "around", "expected"),
    [
        pytest.param("", HOLIDAYS, f"frozen until 2027-01-02T00:00:00Z by {OF_SHOP}", id="the namespace's"),
        pytest.param(SOONER, HOLIDAYS, f"frozen until 2027-01-02T00:00:00Z by {OF_SHOP}", id="the namespace's, later"),
        pytest.param(HOLIDAYS, SOONER, f"frozen until 2027-01-02T00:00:00Z by {FREEZE}", id="its own, later"),
        pytest.param(HOLIDAYS, HOLIDAYS, f"frozen until 2027-01-02T00:00:00Z by {FREEZE}", id="both"),
        pytest.param(HOLIDAYS, "never", f"frozen by {OF_SHOP}: 'never', expected", id="what cannot be read never ends"),
        pytest.param("never", HOLIDAYS, f"frozen by {FREEZE}: 'never', expected", id="its own cannot be read"),
        pytest.param("", "0 18 * * 1 1h", "", id="shut"),
    ],
)
def test_the_later_end_counts_and_is_named_with_its_place(own: str, around: str, expected: str) -> None:
    """A canary and its namespace may both be frozen."""
    said = frozen({FREEZE: own}, NOON, Namespace(name="shop", windows=around))
    assert said.startswith(expected)
    assert bool(said) == bool(expected)


def test_a_namespace_that_cannot_be_read_freezes_unless_the_right_is_missing() -> None:
    """A freeze that cannot be seen holds as long as it may be seen soon; without the right it would hold for ever."""
    lost = Namespace(name="shop", unread="timed out")
    assert frozen({}, NOON, lost) == f"frozen, for {OF_SHOP} cannot be seen: timed out"
    assert not frozen({}, NOON, Namespace(name="shop", unread="not allowed", forbidden=True))
