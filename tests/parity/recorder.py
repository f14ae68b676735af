"""Writes down what becomes of the objects, in the true order of the writes.

Each kind has a watch of its own. What they say is put in order by resourceVersion: the API server keeps all kinds in
one etcd, which numbers every write of the whole cluster.
"""

import threading
from contextlib import ExitStack
from typing import Self

from handlers.rollout.objects import (
    CANARY,
    CONFIG_MAP,
    DAEMONSET,
    DEPLOYMENT,
    DESTINATION_RULE,
    EVENT,
    HPA,
    SECRET,
    SERVICE,
    VIRTUAL_SERVICE,
    Kind,
)
from handlers.sandbox.kube import ApiError, Kube, Object, Resource, Watch
from tests.conformance.rows import Row
from tests.parity.changes import Change, events_of, writes_of

KINDS = (
    CANARY,
    DEPLOYMENT,
    DAEMONSET,
    SERVICE,
    CONFIG_MAP,
    SECRET,
    HPA,
    DESTINATION_RULE,
    VIRTUAL_SERVICE,
    EVENT,
)
WATCH_SECONDS = 1800


class Recorder:
    """`with Recorder(kube) as recorder: ...`: everything that is written from the beginning to the end of it."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._changes: list[Change] = []
        self._running = ExitStack()
        self._over = False
        self.broken: list[str] = []
        """Kinds whose watch has ended before its time: a recording with a hole is none."""

    def __enter__(self) -> Self:
        for kind in KINDS:
            resource = resource_of(kind)
            since = self._kube.list(resource)["metadata"]["resourceVersion"]
            watch = self._kube.watch(resource, since, WATCH_SECONDS)
            thread = threading.Thread(
                target=self._follow, args=(kind, watch), name=f"record-{kind.plural}", daemon=True
            )
            thread.start()
            self._running.callback(thread.join, 5)
            self._running.callback(watch.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._running.close()

    def writes(self, namespace: str, apex: str) -> list[Row]:
        """What was written about the Canary of a namespace, as rows."""
        return writes_of(self._of(namespace), apex)

    def events(self, namespace: str) -> list[str]:
        """The Kubernetes Events about it."""
        return events_of(self._of(namespace))

    def _of(self, namespace: str) -> list[Change]:
        return [change for change in list(self._changes) if change.namespace == namespace]

    def _follow(self, kind: Kind, watch: Watch) -> None:
        try:
            for event in watch:
                if event["type"] != "BOOKMARK":
                    self._note(kind, event["object"], gone=event["type"] == "DELETED")
        except ApiError:
            return  # an end like any other
        finally:
            if not self._over:
                self.broken.append(kind.plural)

    def _note(self, kind: Kind, obj: Object, *, gone: bool) -> None:
        meta = obj["metadata"]
        change = Change(int(meta["resourceVersion"]), kind, meta["namespace"], meta["name"], None if gone else obj)
        self._changes.append(change)


def resource_of(kind: Kind) -> Resource:
    """How the sandbox's client names it."""
    return Resource(kind.api_version, kind.plural)
