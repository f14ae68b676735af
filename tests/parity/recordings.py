"""Keeps what Flagger did in a scenario as a recording, in the form of those in `tests/samples/flagger_traces/`."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.conformance.rows import Row
from tests.conformance.telling import without_waiting
from tests.parity.played import Played
from tests.parity.scenarios import Scenario


def write(folder: Path, scenario: Scenario, flagger: Played) -> Path:
    """Into the file that the scenario was read from; where that is."""
    path = folder / f"{scenario.name}.json"
    path.write_text(text(scenario, flagger), encoding="utf-8")
    return path


def text(scenario: Scenario, flagger: Played) -> str:
    """The recording as JSON, a row a line. How often Flagger said that it waits for a pod is left out."""
    events = [event.replace(f".{flagger.namespace}", ".NS") for event in without_waiting(flagger.events)]
    lines = [
        f'"scenario": {json.dumps(scenario.name)}',
        f'"given": {json.dumps(scenario.given)}',
        f'"end": {json.dumps(_end(flagger.writes))}',
        f'"writes": {_listed(flagger.writes)}',
        f'"events": {_listed(events)}',
        f'"hooks": {_listed(_hooks(flagger)).replace(flagger.namespace, f"o-{scenario.name}")}',
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _hooks(flagger: Played) -> list[Row]:
    """The calls with our answers."""
    pairs = zip(flagger.hooks, flagger.answers, strict=True)
    rows = [[name, answer, *rest] for (name, *rest), answer in pairs]
    told = [f"{row[-1]['eventType']} {row[-1]['eventMessage']}" if row[0] == "ev" else "" for row in rows]
    kept = Counter(without_waiting([said for said in told if said]))
    found = []
    for row, said in zip(rows, told, strict=True):
        if not said or kept[said]:
            kept[said] -= 1
            found.append(row)
    return found


def _end(writes: Iterable[Row]) -> dict[str, Any]:
    last = [row for row in writes if row[0] in ("status", "canary app")][-1]
    if last[0] != "status":
        return {"gone": True}
    _, phase, weight, _, iterations = last
    return {"phase": phase, "weight": weight, "iterations": iterations}


def _listed(items: Iterable[Any]) -> str:
    return "[\n" + ",\n".join(f" {json.dumps(item)}" for item in items) + "\n]"
