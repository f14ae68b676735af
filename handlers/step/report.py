"""What is said of one step: one line for the log, in words and in fields."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from handlers.errors import BadCanary, Conflict, Held, SerinusError, Unavailable
from handlers.rollout.objects import Ref
from handlers.rollout.snapshot import Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a step did. `target`: whose duration it was, empty when there was nothing to do."""

    stage: str
    told: str
    phase: str = ""
    weight: int = 0
    revision: str = ""
    target: str = ""


class Outcome(StrEnum):
    """How a step ended."""

    STEPPED = "stepped"
    NOTHING = "nothing"
    CONFLICT = "conflict"
    HELD = "held"
    UNAVAILABLE = "unavailable"
    INVALID = "invalid"
    ERROR = "error"


_OUTCOMES: Mapping[type[BaseException], Outcome] = {
    Conflict: Outcome.CONFLICT,
    Held: Outcome.HELD,
    Unavailable: Outcome.UNAVAILABLE,
    BadCanary: Outcome.INVALID,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One step of one canary: what for, what came of it, and what it cost. `result`: its report, or what it raised."""

    ref: Ref
    cause: Cause
    result: Report | BaseException
    requests: int
    milliseconds: int

    @property
    def outcome(self) -> Outcome:
        """How it ended; an error that nobody raised on purpose is just that."""
        if isinstance(self.result, Report):
            return Outcome.STEPPED if self.result.target else Outcome.NOTHING
        return _OUTCOMES.get(type(self.result), Outcome.ERROR)

    @property
    def fields(self) -> Mapping[str, Any]:
        """By the names that the history has; what is not known is left out."""
        found: dict[str, Any] = {
            "namespace": self.ref.namespace,
            "canary": self.ref.name,
            "cause": self.cause.kind.value,
            "event": self.cause.id,
        }
        if isinstance(self.result, Report):
            report = self.result
            found |= {"stage": report.stage, "decision": report.told, "phase": report.phase}
            found |= {"revision": report.revision, "weight": report.weight}
        else:
            found["error"] = type(self.result).__name__
        found = {name: value for name, value in found.items() if value != ""}
        return {**found, "outcome": self.outcome.value, "requests": self.requests, "milliseconds": self.milliseconds}

    def __str__(self) -> str:
        about = f"{self.ref.namespace}/{self.ref.name} {self.cause.kind.value}"
        cost = f"{self.requests} requests, {self.milliseconds} ms"
        if isinstance(self.result, Report):
            report = self.result
            return f"{about}: {report.stage}: {report.told} ({report.phase}, {report.weight} %; {cost})"
        # what is not ours may have anything in its text; its traceback is logged where it ends
        text = str(self.result) if isinstance(self.result, SerinusError) else type(self.result).__name__
        return f"{about}: {text} ({cost})"
