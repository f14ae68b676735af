"""What one scenario came to with Flagger and with Serinus: equal, different on purpose, or just different. Pure.

Flagger's writes are changed by the deviations of `tests/conformance/deviations.py`, as its recordings are. What depends
on how fast pods come up, or on how a client delivers Events, is evened out by the rules below, each with its reason.
"""

import difflib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.conformance.deviations import DEVIATIONS, expected
from tests.conformance.rows import Ledger, Row, named
from tests.parity.played import Played
from tests.parity.scenarios import Scenario

Lines = list[str]


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that may differ, and why; `evened` takes it away, from what either of them wrote or told."""

    name: str
    because: str
    evened: Callable[[Scenario, list[Any]], list[Any]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference that nothing explains: what it is in, and the lines that only one has (`-` Flagger, `+` Serinus)."""

    part: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One scenario's result. `deviations` and `rules` are the names of those that were needed."""

    scenario: str
    writes: int
    deviations: tuple[str, ...]
    rules: tuple[str, ...]
    unwanted: tuple[Difference, ...]


def _waiting(_: Scenario, lines: Lines) -> Lines:
    return [line for line in lines if not re.match(r"Warning (canary deployment )?\S+ not ready: waiting for", line)]


def _once(_: Scenario, lines: Lines) -> Lines:
    said = "all the metrics providers are available!"
    first = next((index for index, line in enumerate(lines) if said in line), 0)
    return [line for index, line in enumerate(lines) if said not in line or index == first]


def _reason(_: Scenario, lines: Lines) -> Lines:
    return [
        line.partition(" failed ")[0] if line.startswith("Warning Halt") and " check " in line else line
        for line in lines
    ]


def _deadline(_: Scenario, lines: Lines) -> Lines:
    return [line for line in lines if not line.startswith("Warning Rolling back app.NS progress deadline exceeded")]


def _until_reverted(scenario: Scenario, lines: Lines) -> Lines:
    for move in scenario.moves[1:]:
        last = f"Normal Advance app.NS canary weight {move.weight}"
        if move.version == "v1" and last in lines:
            return lines[: lines.index(last) + 1]
    return lines


def _unscaled(scenario: Scenario, rows: list[Row]) -> list[Row]:
    if scenario.given["objects"] != "hpa":
        return rows
    ledger = Ledger()
    for row in rows:
        about = row[0]
        ledger.put(about, [*row[:2], min(row[2], 1)] if about in ("target", "app-primary") and len(row) > 2 else row)
    return ledger.writes


AUTOSCALED = Rule(
    "autoscaler",
    "How many pods a HorizontalPodAutoscaler gives a workload, and when, is its own affair.",
    _unscaled,
)
TOLD = (
    Rule(
        "pods-take-time",
        "A look may find a pod not ready yet and say so; how many do depends on the machine.",
        _waiting,
    ),
    Rule(
        "providers-told-once",
        "Flagger says at each look of a bootstrap that Prometheus is there, Serinus once.",
        _once,
    ),
    Rule(
        "own-words",
        "Why a webhook failed: Serinus tells its status and answer, Flagger the words of its HTTP library.",
        _reason,
    ),
    Rule(
        "deadline-told",
        "A rollback for a missed deadline says so; Flagger's has no reason.",
        _deadline,
    ),
    Rule(
        "revert-told",
        "A push back to the promoted revision ends the run (revert-cancels); what is told after it is another story.",
        _until_reverted,
    ),
)
RULES = (AUTOSCALED, *TOLD)


def compare(scenario: Scenario, flagger: Played, serinus: Played) -> Comparison:
    """Hold what they did against each other."""
    recording = {"given": scenario.given, "writes": flagger.writes}
    used: set[str] = set()
    even = partial(_even, scenario, used)
    both, writes = (flagger, serinus), (expected(recording), serinus.writes)
    differences = (
        Difference("end", _ends(*both)),
        Difference("writes", _between(*(_plain(_steady(scenario, used, rows)) for rows in writes))),
        Difference("told", _between(even(flagger, _told(flagger)), even(serinus, serinus.events))),
        Difference("webhooks", _between(*(_plain(_asked(played)) for played in both))),
        Difference("event webhooks", _between(*(even(played, _heard(played)) for played in both))),
    )
    return Comparison(
        scenario=scenario.name,
        writes=len(serinus.writes),
        deviations=needed(recording),
        rules=tuple(rule.name for rule in RULES if rule.name in used),
        unwanted=tuple(difference for difference in differences if difference.lines),
    )


def needed(recording: dict[str, Any]) -> tuple[str, ...]:
    """The deviations that change these writes, in which all cookies have the same value."""
    writes, found = named(recording["writes"]), []
    for deviation in DEVIATIONS:
        changed = deviation.applied(recording, writes)
        if changed != writes:
            found.append(deviation.name)
        writes = changed
    return tuple(found)


def _ends(flagger: Played, serinus: Played) -> tuple[str, ...]:
    ends = (("- Flagger", flagger), ("+ Serinus", serinus))
    return tuple(
        f"{name} has not come to an end, but stays {_last(played)}" for name, played in ends if not played.ended
    )


def _last(played: Played) -> str:
    return json.dumps(next((row for row in reversed(played.writes) if row[0] == "status"), None))


def _even(scenario: Scenario, used: set[str], played: Played, texts: Iterable[str]) -> Lines:
    """What was told, without what the rules take away; the names of those that took something are added to `used`."""
    lines = [re.sub(rf"\b{re.escape(played.namespace)}\b", "NS", text) for text in texts]
    for rule in TOLD:
        evened = rule.evened(scenario, lines)
        if evened != lines:
            used.add(rule.name)
        lines = evened
    return lines


def _steady(scenario: Scenario, used: set[str], writes: list[Row]) -> list[Row]:
    """The writes without those of controllers that neither of them is."""
    evened = AUTOSCALED.evened(scenario, writes)
    if evened != writes:
        used.add(AUTOSCALED.name)
    return evened


def _asked(played: Played) -> list[Row]:
    return [row for row in played.hooks if row[0] != "ev"]


def _heard(played: Played) -> Lines:
    """What the Canary's own event webhook heard: type and message, then phase and keys."""
    rows = [row for row in played.hooks if row[0] == "ev"]
    return [f"{said['eventType']} {said['eventMessage']} {phase} {','.join(keys)}" for _, phase, keys, said in rows]


def _told(flagger: Played) -> Lines:
    """All that Flagger tells, as an event webhook hears it: of its Kubernetes Events its client drops some."""
    own = [f"{said['eventType']} {said['eventMessage']}" for name, *_, said in flagger.hooks if name == "ev"]
    return [*flagger.told, *own]


def _plain(rows: Sequence[Row]) -> Lines:
    return [json.dumps(row, sort_keys=True) for row in rows]


def _between(flagger: Lines, serinus: Lines) -> tuple[str, ...]:
    """Lines that only one of them has, in order."""
    return tuple(line for line in difflib.ndiff(flagger, serinus) if line.startswith(("- ", "+ ")))
