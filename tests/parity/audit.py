"""The audit log of the API server: who has asked for what, and when. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from handlers.sandbox.kube import Object

READS = frozenset({"get", "list", "watch"})
PAUSE = timedelta(seconds=3)
"""Flagger's turns come ten seconds apart; its requests within one follow each other at once."""


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when something was done."""

    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to the API server; the namespace is empty for one about the whole cluster."""

    at: datetime
    user: str
    verb: str
    resource: str
    namespace: str

    @property
    def writes(self) -> bool:
        """Whether it changes something other than the Canary and what is told about it."""
        return self.verb not in READS and self.resource not in ("events", "canaries")


def requests(audit: Iterable[Object], users: Iterable[str]) -> list[Asked]:
    """The requests of these users in an audit log, oldest first, each once: a watch has two entries."""
    found: dict[str, Asked] = {}
    wanted = set(users)
    for entry in audit:
        if entry["user"]["username"] in wanted:
            about = entry.get("objectRef") or {}
            found[entry["auditID"]] = Asked(
                at=datetime.fromisoformat(entry["requestReceivedTimestamp"]),
                user=entry["user"]["username"],
                verb=entry["verb"],
                resource=about.get("resource", ""),
                namespace=about.get("namespace", ""),
            )
    return sorted(found.values(), key=lambda asked: asked.at)


def turns(asked: Sequence[Asked]) -> Iterator[Window]:
    """When a player that nobody calls was at work: requests without a pause between them."""
    begin: datetime | None = None
    for one, following in zip(asked, [*asked[1:], None], strict=True):
        begin = begin or one.at
        if following is None or following.at - one.at > PAUSE:
            yield Window(begin, one.at)
            begin = None
