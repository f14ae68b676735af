"""What a player did in one scenario."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from handlers.sandbox.kube import Object
from tests.conformance.rows import Row

Status = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """A Canary's `.status` at some moment; empty when there is none."""

    at: datetime
    status: Status


@dataclass
class Played:
    """What a player did in one scenario."""

    namespace: str
    ended: bool = False
    writes: list[Row] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    hooks: list[Row] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """What each of the webhook calls was answered."""
    queries: set[str] = field(default_factory=set)
    """The queries that Prometheus was asked, as `queries.plain` writes them."""
    seen: list[Seen] = field(default_factory=list)


def status_of(canary: Object) -> Status:
    """The `.status`; empty when there is none yet."""
    found: Status = canary.get("status") or {}
    return found
