"""What each player's work costs, in requests to the API server, counted from its audit log. Pure.

A *look* is what a player does about one canary at one time: Serinus in one tick, Flagger in one turn of its loop. What
is counted of a look are the requests that name the canary's namespace: reads, writes, Events, all of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.parity.audit import Asked, Window
from tests.parity.played import Seen, Status

SHOWN = ("phase", "canaryWeight", "failedChecks", "iterations")


@dataclass(frozen=True, slots=True)
class Look:
    """The requests of one look, and the Canary's status before and after it."""

    window: Window
    asked: tuple[Asked, ...]
    before: Status
    after: Status

    @property
    def number(self) -> int:
        """How many requests it made."""
        return len(self.asked)

    @property
    def got_further(self) -> bool:
        """Whether it changed something else than what it remembers and tells; if not, it has waited for a pod."""
        moved = any(self.before.get(key) != self.after.get(key) for key in SHOWN)
        return moved or any(asked.writes for asked in self.asked)

    @property
    def way(self) -> tuple[str, str]:
        """The phases before and after."""
        return str(self.before.get("phase", "")), str(self.after.get("phase", ""))


def looks(asked: Sequence[Asked], windows: Iterable[Window], seen: Sequence[Seen]) -> list[Look]:
    """The looks at one canary: its namespace's requests in each window that has any."""
    found = []
    for window in windows:
        within = tuple(one for one in asked if window.begin <= one.at <= window.end)
        if within:
            before = [one.status for one in seen if one.at <= window.begin]
            after = [one.status for one in seen if one.at >= window.end]
            found.append(Look(window, within, before[-1] if before else {}, after[0] if after else {}))
    return found


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the most requests that something took."""

    least: int
    most: int

    def __str__(self) -> str:
        return str(self.least) if self.least == self.most else f"{self.least} to {self.most}"


def bootstrap(of: Sequence[Look]) -> Range | None:
    """From a new Canary to Initialized, without looks that only waited."""
    return _sum([look for look in of if look.way[0] in ("", "Initializing") and look.got_further])


def new_revision(of: Sequence[Look]) -> Range | None:
    """The look that finds a new revision and gives the target its pods."""
    return _range([look for look in of if look.way == ("Initialized", "Progressing")])


def step(of: Sequence[Look]) -> Range | None:
    """A look that passes all checks and raises the weight."""
    return _range([look for look in _analysed(of) if _rise(look, "canaryWeight") > 0])


def waiting(of: Sequence[Look]) -> Range | None:
    """A look that finds a pod not ready yet, and at most tells it."""
    phases = ("Initializing", "Progressing", "Promoting")
    return _range([look for look in of if look.way in [(one, one) for one in phases] and not look.got_further])


def failed_check(of: Sequence[Look]) -> Range | None:
    """A look whose metrics are bad, and that goes on waiting."""
    return _range([look for look in _analysed(of) if _rise(look, "failedChecks") > 0])


def rollback(of: Sequence[Look]) -> Range | None:
    """The look that takes the traffic from the canary."""
    return _range([look for look in of if look.way == ("Progressing", "Failed")])


def promotion(of: Sequence[Look]) -> Range | None:
    """From the copy to the primary to Succeeded, without looks that only waited."""
    phases = ("Promoting", "Finalising", "Succeeded")
    ways = {("Progressing", "Promoting"), *((one, other) for one in phases[:2] for other in phases)}
    return _sum([look for look in of if look.way in ways and look.got_further])


def _analysed(of: Sequence[Look]) -> list[Look]:
    return [look for look in of if look.way == ("Progressing", "Progressing")]


def _rise(look: Look, field: str) -> int:
    """By how much a number of the status has risen."""
    before: Any = look.before.get(field, 0)
    return int(look.after.get(field, 0)) - int(before)


def _range(of: Sequence[Look]) -> Range | None:
    numbers = [look.number for look in of]
    return Range(min(numbers), max(numbers)) if numbers else None


def _sum(of: Sequence[Look]) -> Range | None:
    total = sum(look.number for look in of)
    return Range(total, total) if of else None
