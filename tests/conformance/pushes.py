"""Pushes that Serinus answers otherwise than Flagger, found in the writes of a recording. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.conformance.rows import Row


@dataclass(frozen=True, slots=True)
class Push:
    """A change of the target's image: which write it is, the status before it, and the image of the primary."""

    at: int
    row: Row
    status: Row
    promoted: str


def cancelling(writes: Sequence[Row]) -> Push | None:
    """The push that brings the target back to the promoted revision while another one is under analysis."""
    undecided = ("Waiting", "Progressing", "WaitingPromotion")
    return next(
        (push for push in _pushes(writes) if push.status[1] in undecided and push.row[1] == push.promoted), None
    )


def late_push(writes: Sequence[Row]) -> Push | None:
    """The push that comes after the copy to the primary and before the end."""
    return next((push for push in _pushes(writes) if push.status[1] in ("Promoting", "Finalising")), None)


def _pushes(writes: Sequence[Row]) -> Iterator[Push]:
    last: dict[str, Row] = {}
    for index, row in enumerate(writes):
        if row[0] == "target" and "status" in last and row[1] != last["target"][1]:
            yield Push(index, row, last["status"], last["app-primary"][1])
        last[row[0]] = row
