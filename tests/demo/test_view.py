"""The live view and the last words, drawn from made-up moments."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from handlers.sandbox.demo.model import Happening, Rescue
from handlers.sandbox.demo.pace import PACES
from handlers.sandbox.demo.story import ACTS
from handlers.sandbox.demo.summary import NEXT, heading, summary
from handlers.sandbox.demo.verdict import faults
from handlers.sandbox.demo.view import Scene, draw
from tests.demo.scenes import client, seen

CHECKS = (
    {"metric": "request-success-rate", "value": 97.826, "min": 99, "outcome": "failed"},
    {"metric": "request-duration", "max": 500, "outcome": "no data"},
    {"metric": "requests-per-second", "value": 25.0, "min": 1, "outcome": "passed"},
)
BUSY = Scene(
    at=83.4,
    number=3,
    acts=4,
    title=ACTS[2].title,
    phase="Progressing",
    target="1.0.2-errors2",
    primary="1.0.1",
    weight=15,
    measured=14.68,
    checks=CHECKS,
    alerts={"CanaryLatency": "firing (2485)"},
    happenings=tuple(Happening(second, "serinus", f"{second} {'long ' * 30}") for second in range(70, 83)),
    sent=41234,
    lost=2,
    failed=Counter({"1.0.2-errors2": 17, "1.0.1": 0}),
    versions=Counter({"1.0.0": 12345, "1.0.1": 23456, "1.0.2-errors2": 5433}),
)
EMPTY = replace(
    BUSY, phase="", target="", primary="", weight=0, measured=None, checks=(), alerts={}, happenings=(), sent=0
)


def lines(scene: Scene) -> list[str]:
    """The screen as text."""
    console = Console(width=80, height=24, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(draw(scene))
    return capture.get().splitlines()


@pytest.mark.parametrize("scene", [BUSY, EMPTY, replace(BUSY, checks=CHECKS * 2)], ids=["busy", "empty", "many"])
def test_the_view_fits_a_small_terminal(scene: Scene) -> None:
    """80 x 24, whatever there is to see."""
    drawn = lines(scene)
    assert len(drawn) <= 24
    assert {len(text) for text in drawn} == {80}


def test_the_view_shows_what_there_is() -> None:
    """Weight and measured split, values beside limits, the alert, the newest events, the client."""
    drawn = "\n".join(lines(BUSY))
    for words in (
        "1:23  act 3 of 4",
        "Progressing   target 1.0.2   primary 1.0.1",
        "15.0 %",
        "14.7 %",
        "97.83",
        "at least 99",
        "no data",
        "at most 500",
        "CanaryLatency firing (2485)",
        "82.00s  serinus",
        "41234 requests, 2 lost, 17 errors from 1.0.2",
        "1.0.2 5433",
    ):
        assert words in drawn
    assert "errors from 1.0.1" not in drawn


def said(**changes: Any) -> list[str]:
    """The last words about a story that went as told, but for the changes of its third act."""
    story = [seen(0), seen(1), seen(2, **changes), seen(3)]
    alert = Rescue(waited=2.5, told=0.018, routed=0.027, sent=-0.032, answered=1.069)
    return [heading(61.2, PACES[0]), *summary(story, client(), alert, faults(story, client()))]


def test_the_last_words_fit_and_say_that_all_went_well() -> None:
    """No line is wrapped by a terminal of 80 columns."""
    found = said()
    assert found[-1] == "Everything went as told."
    assert max(map(len, [*found, *NEXT.splitlines()])) <= 80
    assert "  handlers at work +18 ms, VirtualService at 0 % +27 ms," in found


def test_the_last_words_say_what_did_not_go_as_told() -> None:
    """The faults stand right above the verdict."""
    found = said(primary="1.0.2-errors2")
    assert found[-1] == "NOT everything went as told."
    assert found[-2] == "NOT as told: 1.0.2: expected a primary of 1.0.1 at its end, seen 1.0.2-errors2"
