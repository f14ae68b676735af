"""Manual gates of a canary, kept in its annotation `serinus.dev/gates`: a JSON object of those that are open.

`{"gate": "", "rollback": "2026-01-02T03:04:05.000Z"}`: open until somebody closes it, and open until then.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from enum import Enum

from handlers.errors import BadCanary
from handlers.rollout.written import time_text

GATES = "serinus.dev/gates"


class Gate(Enum):
    """The two gates of Flagger's load tester (loadtester/gate.go): go on, and go back."""

    GATE = "gate"
    ROLLBACK = "rollback"


Open = Mapping[Gate, datetime | None]
"""The gates that were opened, and until when; None: until they are closed."""


def load(annotations: Mapping[str, str]) -> Open:
    """The gates that were opened. Raises BadCanary when it cannot be read: nobody guesses at an approval."""
    text = annotations.get(GATES, "")
    try:
        found = json.loads(text) if text else {}
        return {Gate(name): _until(value) for name, value in found.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise BadCanary(
            f'metadata.annotations[{GATES}]: {text[:100]!r}, expected a JSON object such as {{"gate": ""}} '
            'or {"gate": "2026-01-02T03:04:05Z"}; remove the annotation to close all gates'
        ) from error


def _until(value: str) -> datetime | None:
    if value == "":
        return None
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return moment


def is_open(gates: Open, gate: Gate, now: datetime) -> bool:
    """Whether a gate was opened and its time is not over. A gate that nobody has opened is closed."""
    if gate not in gates:
        return False
    until = gates[gate]
    return until is None or now < until


def dump(gates: Open) -> str:
    """The annotation's value."""
    written = {gate.value: time_text(until) if until else "" for gate, until in gates.items()}
    return json.dumps(written, sort_keys=True, separators=(",", ":"))
