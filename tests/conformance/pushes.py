"""Pushes that Serinus answers otherwise than Flagger, found in the writes of a recording, and its answers. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.conformance.rows import Row, Scenario, rules


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


def cancelled(_: Scenario, writes: list[Row]) -> list[Row]:
    """A push back to the promoted revision ends the run."""
    push = cancelling(writes)
    if push is None:
        return writes
    rest = [row for row in writes[: push.at] if row[0] == "status" and row[1] in ("Initialized", "Succeeded")][-1]
    routes = [row for row in [*writes[push.at :], *writes] if row[0] == "vs"]
    home = next(row for row in routes if not rules(row)[0]["to"].get("app-canary"))
    return [*writes[: push.at + 1], home, ["target", push.promoted, 0], rest]


def cancel_told(scenario: Scenario, lines: list[str]) -> list[str]:
    """What is told of it."""
    push = cancelling(scenario["writes"])
    if push is None:
        return lines
    same = sum(row == push.status for row in scenario["writes"][: push.at])
    ends = [index for index, line in enumerate(lines, 1) if _words(push.status) in line]
    if len(ends) < same:
        return lines  # Flagger's client has dropped it, and what came later
    return [*lines[: ends[same - 1]], "Normal Rollout cancelled, app.NS is back at the promoted revision"]


def _words(status: Row) -> str:
    """What is told together with a status of a run."""
    _, phase, weight, _, iterations = status
    gates = {"Waiting": "waiting for approval", "WaitingPromotion": "waiting for promotion approval"}
    begun = f"canary iteration {iterations}/" if iterations else "New revision detected!"
    return gates.get(phase, f"canary weight {weight}" if weight else begun)


def started_over(_: Scenario, writes: list[Row]) -> list[Row]:
    """A push after the copy begins the next run at once, without an end of the one before."""
    push = late_push(writes)
    if push is None:
        return writes
    begin = next(i for i in range(push.at, len(writes)) if writes[i][:2] == ["status", "Progressing"])
    kept = [row for row in writes[push.at + 1 : begin] if row[0] not in ("target", "status")]
    home = [row for row in kept if row[0] == "vs"][-1:]  # at once, and not by steps
    others = [row for row in kept if row[0] != "vs"]
    return [*writes[: push.at + 1], *others, *home, *writes[begin:]]


def start_told(scenario: Scenario, lines: list[str]) -> list[str]:
    """What is told of it."""
    push = late_push(scenario["writes"])
    if push is None:
        return lines
    completed = "Normal Promotion completed! Scaling down app.NS"
    if completed not in lines:
        return lines  # Flagger's client has dropped it, and what came later
    end = lines.index(completed)
    later = ["Normal Routing all traffic to primary", *(_shifted(weight) for weight in range(push.status[2]))]
    kept = [line for line in lines[:end] if push.status[1] == "Finalising" or line not in later]
    return [*kept, "Normal New revision detected! Restarting analysis for app.NS", *lines[end + 2 :]]


def _shifted(weight: int) -> str:
    """What is told when a promotion has left so much to the canary."""
    return f"Normal Advance app.NS primary weight {100 - weight}"


def _pushes(writes: Sequence[Row]) -> Iterator[Push]:
    last: dict[str, Row] = {}
    for index, row in enumerate(writes):
        if row[0] == "target" and "status" in last and row[1] != last["target"][1]:
            yield Push(index, row, last["status"], last["app-primary"][1])
        last[row[0]] = row
