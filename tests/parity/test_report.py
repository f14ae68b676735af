"""The report is good when nothing differs and Serinus asks less than Flagger, and at most ten times a step."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from tests.parity.audit import Asked, Window, turns
from tests.parity.performance import Idle, Measured, Part
from tests.parity.played import Played, Seen
from tests.parity.report import judge, text
from tests.parity.scenarios import RECORDINGS, Scenario

BEGIN = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
NAME = "weighted-metrics-fail"


@dataclass
class Somebody:
    """A player that is only asked about what it did."""

    name: str
    interval: float = 10
    beside: int = 10

    def beat(self) -> None:
        """It has played."""

    def intervals(self, window: Window) -> float:
        return (window.end - window.begin).total_seconds() / self.interval

    def windows(self, asked: Iterable[Asked]) -> Iterable[Window]:
        return turns(list(asked))


def at(seconds: float) -> datetime:
    """So long after the beginning."""
    return BEGIN + timedelta(seconds=seconds)


def part(name: str, *, failed_check: int, rollback: int, idle: int) -> Part:
    """A player that needed so many requests for these."""
    recording = json.loads((RECORDINGS / f"{NAME}.json").read_text(encoding="utf-8"))
    writes = recording["writes"]
    if name == "serinus":  # the deviations that this scenario has: the target is scaled down last, twice
        writes = [*writes[:6], *writes[7:10], writes[6], *writes[10:-2], writes[-1], writes[-2]]
    status = {"phase": "Progressing", "canaryWeight": 20, "failedChecks": 0, "iterations": 0}
    seen = [
        Seen(at(0), status),
        Seen(at(15), status | {"failedChecks": 1}),
        Seen(at(25), status | {"phase": "Failed"}),
    ]
    asked = [
        Asked(at(when), name, "update", "virtualservices", namespace)
        for when, number, namespace in ((10, failed_check, name), (20, rollback, name), (22, idle, f"{name}-idle"))
        for _ in range(number)
    ]
    played = Played(name, ended=True, writes=writes, seen=seen)
    resting = [Idle(1, f"{name}-idle", Window(at(15), at(25)), 1)]
    return Part(Somebody(name), {NAME: played}, resting, asked)


def measured(*, failed_check: int = 9, rollback: int = 15, idle: int = 0) -> Measured:
    """Flagger with its figures, and a Serinus with these; bootstrap and so on are left out of it."""
    flagger = part("flagger", failed_check=17, rollback=24, idle=12)
    serinus = part("serinus", failed_check=failed_check, rollback=rollback, idle=idle)
    return Measured([Scenario.read(RECORDINGS / f"{NAME}.json")], flagger, serinus)


def test_a_serinus_that_asks_less_is_good() -> None:
    """The same writes and fewer requests: what was counted is told in both columns."""
    result = judge(measured())
    assert result.good
    assert {line.what: (line.flagger, line.serinus) for line in result.costs} == {
        "1 idle canary, an interval": ("12.0", "0"),
        "of these, about the canaries themselves": ("12.0", "0"),
        "a failed check": ("17", "9"),
        "rollback by metrics": ("24", "15"),
    }


@pytest.mark.parametrize(
    "spent",
    [
        pytest.param({"failed_check": 17}, id="as many requests as Flagger's are too many"),
        pytest.param({"rollback": 30}, id="a rollback costs more"),
        pytest.param({"idle": 1}, id="an idle canary is asked about"),
    ],
)
def test_too_many_requests_are_not_good(spent: dict[str, int]) -> None:
    """The row that is too high is marked, and the whole has failed."""
    result = judge(measured(**spent))
    assert not result.good
    assert "TOO MANY" in text(result)


def test_a_figure_of_flaggers_that_was_not_seen_is_compared_with_nothing() -> None:
    """It is left open in its column; one of ours that was not seen is not good."""
    story = measured()
    story.flagger.asked[:] = [asked for asked in story.flagger.asked if asked.at != at(10)]
    result = judge(story)
    assert result.good
    assert {(line.flagger, line.serinus) for line in result.costs if line.what == "a failed check"} == {(None, "9")}
    story.serinus.asked[:] = [asked for asked in story.serinus.asked if asked.at != at(10)]
    assert not judge(story).good


def test_a_difference_is_not_good() -> None:
    """One write more, and the whole has failed; the report shows it."""
    story = measured()
    story.serinus.played[NAME].writes.append(["status", "Succeeded", 0, 0, 0])
    result = judge(story)
    assert not result.good
    assert '+ ["status", "Succeeded", 0, 0, 0]' in text(result)
