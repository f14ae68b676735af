"""The objects of a cluster, one counter of revisions, and per resource a bounded log of what happened.

A stored object is never changed in place: every write stores a new one that shares what stayed the same.
So a reader needs no copy, and a copy of the whole cluster costs a copy of its tables.
"""

import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from handlers.sandbox.api.resources import Key, Resource, builtins
from handlers.sandbox.api.status import Json

Name = tuple[str, str]  # namespace ("" for cluster scope), name


class Change(NamedTuple):
    """One entry of the log: the object before and after (None: it was not there, or is no more)."""

    revision: int
    before: Json | None
    after: Json | None


class Table:
    """The objects of one resource and its log."""

    __slots__ = ("changed", "floor", "log", "objects")

    def __init__(self, lock: threading.RLock, size: int, floor: int = 0) -> None:
        self.objects: dict[Name, Json] = {}
        self.log: deque[Change] = deque(maxlen=size)
        self.floor = floor  # the last revision that the log has forgotten
        self.changed = threading.Condition(lock)

    def since(self, revision: int) -> Sequence[Change]:
        """The changes after a revision, oldest first."""
        found: list[Change] = []
        for change in reversed(self.log):
            if change.revision <= revision:
                break
            found.append(change)
        found.reverse()
        return found


class Store:
    """All objects. Every method is to be called under `lock`."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime] | None = None,
        new_uid: Callable[[], str] | None = None,
        log_size: int = 1024,
    ) -> None:
        self.lock = threading.RLock()
        self.revision = 1
        self.now = now or _utc_now
        self.new_uid = new_uid or _uuid
        self.log_size = log_size
        self.resources: dict[Key, Resource] = builtins()
        self.tables: dict[Key, Table] = {}
        self.where: dict[str, tuple[Key, Name]] = {}  # uid -> where the object is
        self.dependents: dict[str, set[str]] = {}  # uid of an owner -> uids of what it owns
        self.addresses = 0  # cluster IPs given out

    def timestamp(self, later: int = 0) -> str:
        """The time, or a time some seconds later, as metadata spells it."""
        return (self.now() + timedelta(seconds=later)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def table(self, key: Key) -> Table:
        """The objects of a resource."""
        found = self.tables.get(key)
        if found is None:
            found = self.tables[key] = Table(self.lock, self.log_size)
        return found

    def get(self, key: Key, name: Name) -> Json | None:
        """An object as stored."""
        table = self.tables.get(key)
        return table.objects.get(name) if table else None

    def put(self, key: Key, name: Name, new: Json) -> Json:
        """Store an object of the caller's under the next revision; its metadata must be the caller's own to change."""
        self.revision += 1
        new["metadata"]["resourceVersion"] = str(self.revision)
        table = self.table(key)
        before = table.objects.get(name)
        table.objects[name] = new
        self._index(key, name, before, new)
        self._record(table, Change(self.revision, before, new))
        return new

    def remove(self, key: Key, name: Name) -> Json:
        """Take an object away; its last state carries the revision of the removal, as watches show it."""
        self.revision += 1
        table = self.table(key)
        before = table.objects.pop(name)
        last = before | {"metadata": before["metadata"] | {"resourceVersion": str(self.revision)}}
        self._index(key, name, before, None)
        self._record(table, Change(self.revision, last, None))
        return last

    def owned_by(self, uid: str) -> Iterator[tuple[Key, Name]]:
        """Where the objects are that name this uid as an owner."""
        for dependent in sorted(self.dependents.get(uid, ())):
            if dependent in self.where:
                yield self.where[dependent]

    def copy(self) -> "Store":
        """A store of its own with the same objects, revisions and logs."""
        with self.lock:
            twin = Store(now=self.now, new_uid=self.new_uid, log_size=self.log_size)
            twin.revision = self.revision
            twin.resources = dict(self.resources)
            twin.where = dict(self.where)
            twin.dependents = {uid: set(found) for uid, found in self.dependents.items()}
            twin.addresses = self.addresses
            for key, table in self.tables.items():
                new = twin.tables[key] = Table(twin.lock, self.log_size, table.floor)
                new.objects = dict(table.objects)
                new.log = table.log.copy()
            return twin

    def _record(self, table: Table, change: Change) -> None:
        if len(table.log) == table.log.maxlen:
            table.floor = table.log[0].revision
        table.log.append(change)
        table.changed.notify_all()

    def _index(self, key: Key, name: Name, before: Json | None, after: Json | None) -> None:
        old = before["metadata"].get("ownerReferences") if before else None
        new = after["metadata"].get("ownerReferences") if after else None
        uid = (after or before or {})["metadata"]["uid"]
        if before is None:
            self.where[uid] = (key, name)
        if after is None:
            del self.where[uid]
        if old is new:
            return
        for owner in old or ():
            self.dependents.get(owner["uid"], set()).discard(uid)
        for owner in new or ():
            self.dependents.setdefault(owner["uid"], set()).add(uid)


def _utc_now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 the clock of a cluster that was not given one


def _uuid() -> str:
    return str(uuid.uuid4())
