"""What one scenario came to with Flagger and with Serinus: equal, different on purpose, or just different. Pure.

Flagger's writes are changed by the deviations of `tests/conformance/deviations.py`, as its recordings are. What depends
on how fast pods come up, or on how a client delivers Events, is evened out by rules, each with its reason.
"""

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from tests.conformance import pushes
from tests.conformance.deviations import DEVIATIONS, expected, expected_heard, expected_hooks, expected_told
from tests.conformance.rows import Ledger, Row, named
from tests.conformance.telling import RULES, Lines, evened, heard
from tests.parity.played import Played
from tests.parity.queries import BECAUSE, COUNTED, differing
from tests.parity.scenarios import Scenario


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


def _unscaled(scenario: Scenario, rows: list[Row]) -> list[Row]:
    if scenario.given["objects"] != "hpa":
        return rows
    ledger = Ledger()
    for row in rows:
        about = row[0]
        ledger.put(about, [*row[:2], min(row[2], 1)] if about in ("target", "app-primary") and len(row) > 2 else row)
    return ledger.writes


AUTOSCALED: Final = "autoscaler"
EVENED: Final = (
    (AUTOSCALED, "How many pods a HorizontalPodAutoscaler gives a workload, and when, is its own affair."),
    *((rule.name, rule.because) for rule in RULES),
    (COUNTED, BECAUSE),
)
"""What may differ, and why."""


def compare(scenario: Scenario, flagger: Played, serinus: Played) -> Comparison:
    """Hold what they did against each other."""
    recording = {"given": scenario.given, "writes": flagger.writes}
    used: set[str] = set()
    even = partial(_even, used)
    both, writes = (flagger, serinus), (expected(recording), serinus.writes)
    told, ours = even(flagger, _told(flagger)), even(serinus, serinus.events)
    wanted = expected_told(recording, told)
    queries, counted = _asked_of_prometheus(*both)
    used |= {COUNTED} if counted else set()
    heards = [even(played, heard(played.hooks)) for played in both]
    differences = (
        Difference("end", _ends(*both)),
        Difference("writes", _between(*(_plain(_steady(scenario, used, rows)) for rows in writes))),
        Difference("told", _between(wanted, ours)),
        Difference("webhooks", _questions(recording, *both)),
        Difference("queries", queries),
        Difference("event webhooks", () if expected_heard(recording, *heards) else _between(*heards)),
    )
    return Comparison(
        scenario=scenario.name,
        writes=len(serinus.writes),
        deviations=needed(recording, told),
        rules=tuple(name for name, _ in EVENED if name in used),
        unwanted=tuple(difference for difference in differences if difference.lines),
    )


def needed(recording: dict[str, Any], told: Lines) -> tuple[str, ...]:
    """The deviations that change these writes, in which all cookies have the same value, or what is told of them."""
    writes, found = named(recording["writes"]), []
    for deviation in DEVIATIONS:
        changed = deviation.applied(recording, writes), deviation.told(recording, told)
        if changed != (writes, told):
            found.append(deviation.name)
        writes, told = changed
    return tuple(found)


def _ends(flagger: Played, serinus: Played) -> tuple[str, ...]:
    ends = (("- Flagger", flagger), ("+ Serinus", serinus))
    return tuple(
        f"{name} has not come to an end, but stays {_last(played)}" for name, played in ends if not played.ended
    )


def _last(played: Played) -> str:
    return json.dumps(next((row for row in reversed(played.writes) if row[0] == "status"), None))


def _even(used: set[str], played: Played, texts: Iterable[str]) -> Lines:
    """What was told, without what the rules take away; the names of those that took something are added to `used`."""
    lines, rules = evened([re.sub(rf"\b{re.escape(played.namespace)}\b", "NS", text) for text in texts])
    used |= rules
    return lines


def _steady(scenario: Scenario, used: set[str], writes: list[Row]) -> list[Row]:
    """The writes without those of controllers that neither of them is."""
    unscaled = _unscaled(scenario, writes)
    if unscaled != writes:
        used.add(AUTOSCALED)
    return unscaled


def _questions(recording: dict[str, Any], flagger: Played, serinus: Played) -> tuple[str, ...]:
    theirs, ours = _asked(flagger), _asked(serinus)
    return _between(_plain(expected_hooks(recording, theirs, len(ours))), _plain(ours))


def _asked_of_prometheus(flagger: Played, serinus: Played) -> tuple[tuple[str, ...], bool]:
    """The queries that only one has asked, as `differing` has them; a run that Serinus cancels may ask fewer."""
    lines, counted = differing(flagger.queries, serinus.queries)
    cancelled = pushes.cancelling(flagger.writes)
    return tuple(line for line in lines if not (cancelled and line.startswith("-"))), counted


def _asked(played: Played) -> list[Row]:
    return [row for row in played.hooks if row[0] != "ev"]


def _told(flagger: Played) -> Lines:
    """All that Flagger tells, as an event webhook hears it: of its Kubernetes Events its client drops some."""
    own = [f"{said['eventType']} {said['eventMessage']}" for name, *_, said in flagger.hooks if name == "ev"]
    return [*flagger.told, *own]


def _plain(rows: Sequence[Row]) -> Lines:
    return [json.dumps(row, sort_keys=True) for row in rows]


def _between(flagger: Lines, serinus: Lines) -> tuple[str, ...]:
    """Lines that only one of them has, in order."""
    return tuple(line for line in difflib.ndiff(flagger, serinus) if line.startswith(("- ", "+ ")))
