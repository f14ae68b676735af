"""Watch: the log of a resource as a stream of events."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from handlers.sandbox.api.status import Json, expired
from handlers.sandbox.api.store import Change, Store, Table

INITIAL_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a watch lets through, and how it shows it."""

    matches: Callable[[Json], bool]
    shown: Callable[[Json], Json]
    bookmark: Callable[[int], Json]


class Watch:
    """Events of one resource from a revision on. Iterate it, or ask `next(seconds)`; `close()` ends it from any thread.

    It ends by itself after `seconds` (None: never), or after the ERROR event of a revision that the log has forgotten.
    """

    def __init__(self, store: Store, table: Table, scope: Scope, *, revision: int, seconds: float | None) -> None:
        self._store = store
        self._table = table
        self._scope = scope
        self._revision = revision
        self._ends = None if seconds is None else time.monotonic() + seconds
        self._ready: deque[Json] = deque()
        self._closed = False
        self.bookmarks = False

    def begin(self, events: list[Json]) -> None:
        """Events to show before those of the log."""
        self._ready.extend(events)

    def close(self) -> None:
        """End the stream; whoever waits in `next` returns."""
        with self._store.lock:
            self._closed = True
            self._table.changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether the stream has ended."""
        return self._closed

    def next(self, seconds: float | None = None) -> Json | None:
        """The next event; None if there is none within `seconds`, or the stream has ended (see `closed`)."""
        until = None if seconds is None else time.monotonic() + seconds
        with self._store.lock:
            while not self._closed:
                if not self._ready:
                    self._read()
                if self._ready:
                    return self._ready.popleft()
                limits = [limit for limit in (until, self._ends) if limit is not None]
                left = min(limits) - time.monotonic() if limits else None
                if left is None or left > 0:
                    self._table.changed.wait(left)
                elif self._ends is not None and time.monotonic() >= self._ends:
                    return self._last()
                else:
                    return None
        return None

    def __iter__(self) -> Iterator[Json]:
        while (event := self.next()) is not None:
            yield event

    def _last(self) -> Json | None:
        self._closed = True
        return self._scope.bookmark(self._store.revision) if self.bookmarks else None

    def _read(self) -> None:
        if self._revision < self._table.floor:
            gone = expired(f"too old resource version: {self._revision} ({self._table.floor})")
            self._ready.append({"type": "ERROR", "object": gone.body()})
            self._revision = self._store.revision
            self._ends = 0.0
            self.bookmarks = False
            return
        for change in self._table.since(self._revision):
            self._revision = change.revision
            if (event := self._event(change)) is not None:
                self._ready.append(event)

    def _event(self, change: Change) -> Json | None:
        scope = self._scope
        before = change.before is not None and scope.matches(change.before)
        if change.after is not None and scope.matches(change.after):
            return {"type": "MODIFIED" if before else "ADDED", "object": scope.shown(change.after)}
        if not before or change.before is None:
            return None
        last = change.before
        if change.after is not None:  # it no longer matches: shown as it was, at the revision of the change
            last = last | {"metadata": last["metadata"] | {"resourceVersion": str(change.revision)}}
        return {"type": "DELETED", "object": scope.shown(last)}
