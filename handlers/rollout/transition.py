"""What is remembered of a transition until everybody has been told of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handlers.rollout import written
from handlers.rollout.objects import Object
from handlers.rollout.spec.alerts import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What changed with a step. `severity` is None when messengers are not told; `checks` are as in the history."""

    topic: str
    at: datetime
    weight: int = 0
    failed: int = 0
    severity: Severity | None = None
    checks: tuple[Object, ...] = ()


def dump(transition: Transition) -> Mapping[str, Any]:
    """The transition as JSON."""
    return {
        "topic": transition.topic,
        "at": written.time_text(transition.at),
        "weight": transition.weight,
        "failed": transition.failed,
        "severity": transition.severity.value if transition.severity else "",
        "checks": list(transition.checks),
    }


def load(data: Mapping[str, Any]) -> Transition:
    """What was dumped. Raises ValueError, TypeError, KeyError or AttributeError."""
    return Transition(
        topic=written.text(data["topic"]),
        at=written.moment(data["at"]),
        weight=written.percent(data["weight"]),
        failed=written.whole(data["failed"]),
        severity=Severity(data["severity"]) if data["severity"] else None,
        checks=tuple(dict(check) for check in data["checks"]),
    )
