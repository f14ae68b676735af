"""Local copies of the cluster's objects, kept fresh by list and watch."""

import logging
import threading
from collections.abc import Iterable
from typing import Any

from handlers.sandbox.kube import ApiError, Kube, Object, Resource, Watch
from handlers.sandbox.process import Ended, SandboxError

log = logging.getLogger(__name__)

Key = tuple[str, str]

WATCH_SECONDS = 240
RETRY_SECONDS = 0.5


class Informer:
    """All objects of one kind; every change sets the events given to `notify`.

    Lists, then watches from the list's version; resumes after a cut and lists anew after 410 Gone
    (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).
    """

    def __init__(self, kube: Kube, resource: Resource) -> None:
        self.resource = resource
        self._kube = kube
        self._objects: dict[Key, Object] = {}
        self._lock = threading.Lock()
        self._listeners: list[threading.Event] = []
        self._stop = threading.Event()
        self._synced = threading.Event()
        self._watch: Watch | None = None
        self._thread = threading.Thread(target=self._run, name=f"watch-{resource.plural}", daemon=True)

    def start(self) -> None:
        """Begin to list and watch in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End the watch and its thread."""
        self._stop.set()
        if self._watch:
            self._watch.close()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def notify(self, event: threading.Event) -> None:
        """Set this event whenever an object changes."""
        self._listeners.append(event)

    def synced(self, timeout: float) -> bool:
        """Wait for the first list; false when it has not come within `timeout` seconds."""
        return self._synced.wait(timeout)

    def objects(self) -> list[Object]:
        """What is known now, in order of namespace and name. The objects are shared: read them only."""
        with self._lock:
            return [self._objects[key] for key in sorted(self._objects)]

    def find(self, namespace: str, name: str) -> Object | None:
        """One object, or None."""
        with self._lock:
            return self._objects.get((namespace, name))

    def put(self, thing: Object) -> None:
        """Take over the answer to our own write, so that the next look does not act on an older state."""
        if thing.get("kind") != "Status":
            self._apply("MODIFIED", thing)

    def _run(self) -> None:
        since = ""
        while not self._stop.is_set():
            try:
                since = self._follow(since or self._relist())
            except ApiError as error:
                if error.status != 410:  # noqa: PLR2004  Gone: the version is too old, list at once
                    self._stop.wait(RETRY_SECONDS)
                since = ""

    def _relist(self) -> str:
        answer = self._kube.list(self.resource)
        version = answer["metadata"].get("resourceVersion") or "0"
        with self._lock:
            newer = {key: thing for key, thing in self._objects.items() if _version(thing) > int(version)}
            self._objects = {_key(item): item for item in answer["items"]} | newer
        self._synced.set()
        self._tell()
        return str(version)

    def _follow(self, since: str) -> str:
        self._watch = self._kube.watch(self.resource, since, WATCH_SECONDS)
        if self._stop.is_set():  # stop() may have looked for a watch before there was one
            self._watch.close()
        for event in self._watch:
            since = event["object"]["metadata"]["resourceVersion"]
            if event["type"] != "BOOKMARK":
                self._apply(event["type"], event["object"])
        return since

    def _apply(self, change: str, thing: Object) -> None:
        key = _key(thing)
        with self._lock:
            known = self._objects.get(key)
            if known is not None and _version(known) > _version(thing):
                return
            if change == "DELETED":
                self._objects.pop(key, None)
            else:
                self._objects[key] = thing
        self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener.set()


class Informers:
    """One shared informer for each kind that somebody asks for."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._by_resource: dict[Resource, Informer] = {}

    def __getitem__(self, resource: Resource) -> Informer:
        if resource not in self._by_resource:
            self._by_resource[resource] = Informer(self._kube, resource)
        return self._by_resource[resource]

    def start(self) -> None:
        """Start all that were asked for."""
        for informer in self._by_resource.values():
            informer.start()

    def synced(self, timeout: float = 30) -> bool:
        """Wait until each has its first list."""
        return all(informer.synced(timeout) for informer in self._by_resource.values())

    def stop(self) -> None:
        """End all watches."""
        for informer in self._by_resource.values():
            informer.stop()


class Agent:
    """A level-triggered loop: at every change its informers see, and every `pulse` seconds, it looks at everything.

    A subclass implements `reconcile`; an ApiError or a SandboxError in it is taken up by the next look, and when a
    program that it needs has ended it says so and ends.
    """

    pulse = 0.5

    def __init__(self, informers: Iterable[Informer]) -> None:
        self.changed = threading.Event()
        self.stopping = threading.Event()
        for informer in informers:
            informer.notify(self.changed)
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)

    def reconcile(self) -> None:
        """Compare what is with what should be, and act."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin to look, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End the loop; returns when the look under way is over."""
        self.stopping.set()
        self.changed.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self.stopping.is_set():
            self.changed.clear()
            try:
                self.reconcile()
            except Ended as error:
                log.error("%s has to stop: %s", type(self).__name__, error)  # noqa: TRY400  the message says it all
                return
            except (ApiError, SandboxError) as error:
                log.debug("%s looks again: %s", type(self).__name__, error)
                self.stopping.wait(0.1)
            self.changed.wait(self.pulse)


def _key(thing: dict[str, Any]) -> Key:
    return thing["metadata"].get("namespace", ""), thing["metadata"]["name"]


def _version(thing: dict[str, Any]) -> int:
    return int(thing["metadata"].get("resourceVersion") or 0)
