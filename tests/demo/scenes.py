"""The story as it should go, made up, for tests to spoil."""

from dataclasses import replace
from typing import Any

from handlers.sandbox.demo.model import Counters, Routed, Seen, Tally
from handlers.sandbox.demo.story import ACTS, Act
from handlers.sandbox.traffic import Answer

FIRED = "2026-11-23T20:00:40+00:00"


def routed(*weights: int) -> tuple[Routed, ...]:
    """One weight after the other, 2 s and 1000 requests each, split as it says, then back to 0."""
    found = [Routed(at=0.0, weight=0, counters=Counters(1000, 0))]
    for weight in (*weights, 0):
        last = found[-1]
        spent = Counters(last.counters.primary + 1000 - 10 * last.weight, last.counters.canary + 10 * last.weight)
        found.append(Routed(at=last.at + 2, weight=weight, counters=spent))
    return tuple(found)


def steps(act: Act) -> list[dict[str, Any]]:
    """A history with the phases of an act, that ends for the reason it should."""
    found: list[dict[str, Any]] = [{"at": "2026-11-23T20:00:00.000Z", "cause": "tick", "phase": p} for p in act.phases]
    found[-1] |= {"cause": act.cause, "decision": f"{act.decision} and so on", "at": "2026-11-23T20:00:40.050Z"}
    found[-1] |= {"event": f"0123456789abcdef/{FIRED}"} if act.cause == "alert" else {}
    return found


def seen(number: int, **changes: Any) -> Seen:
    """An act that went as told, but for the changes."""
    act = ACTS[number]
    weights = act.weights if act.end == "Succeeded" else act.weights[:2]
    went = Seen(act=act, seconds=2.5, steps=steps(act), routed=routed(*weights), primary=act.primary)
    return replace(went, **changes)


def answer(tag: str, *, at: float = 1.0, status: int = 200, seconds: float = 0.01) -> Answer:
    """An answer of a version."""
    return Answer(at=at, seconds=seconds, status=status, version=tag, pod="a-pod")


def client() -> Tally:
    """A client that has seen all versions, and errors from the one that has them."""
    tally = Tally()
    tally.add([answer(act.tag) for act in ACTS])
    tally.add([answer(act.tag, status=500) for act in ACTS if act.may_fail])
    return tally
