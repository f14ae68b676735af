"""Commands by annotation: what is new, what was seen, and what nonsense counts for."""

import pytest

from handlers.rollout.commands import ABORT, PAUSE, PROMOTE, abort, marks, pause, promote, reason
from handlers.rollout.state import Phase, State

LONG = "x" * 65


def test_a_value_is_acted_on_once() -> None:
    """What is marked is seen, also when it is long; another value is a new command."""
    for value in ("1", LONG):
        state = State(phase=Phase.PROGRESSING)
        assert abort({ABORT: value}, state)
        seen = State(phase=Phase.PROGRESSING, seen=marks({ABORT: value}))
        assert not abort({ABORT: value}, seen)
        assert abort({ABORT: f"{value}2"}, seen)
    assert len(marks({ABORT: LONG * 100})[ABORT]) == 64


@pytest.mark.parametrize("value", [None, ""])
def test_no_value_is_no_command(value: str | None) -> None:
    """A removed or emptied annotation asks nothing."""
    annotations = {} if value is None else {ABORT: value, PROMOTE: value, PAUSE: value}
    state = State(phase=Phase.PROGRESSING, seen={ABORT: "1"})
    assert (abort(annotations, state), promote(annotations, state), pause(annotations)) == (False, False, "")
    assert marks(annotations) == {}


def test_the_reason_is_one_printable_line() -> None:
    """It ends up in Events, chats and history."""
    assert reason({ABORT: "too\n slow\x00 " + LONG * 10}).startswith("too slow\N{REPLACEMENT CHARACTER} xxx")
    assert len(reason({ABORT: LONG * 10})) == 200


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("true", "paused by serinus.dev/pause"),
        ("True", "paused by serinus.dev/pause"),
        ("false", ""),
        ("yes", 'paused by serinus.dev/pause: \'yes\', expected "true" or "false"'),
    ],
)
def test_a_pause_is_true_or_false(value: str, why: str) -> None:
    """What is neither holds the canary, which is the safe side, and says what was expected."""
    assert pause({PAUSE: value}) == why
