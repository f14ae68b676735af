"""A cluster with something around each of its requests: to count them, to trace them."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import TypeVar

from handlers.rollout.objects import Kind, Object, Ref
from handlers.step.ports import Cluster

T = TypeVar("T")


class Around:
    """Fills Cluster by another one; `around` makes each request, of a long list all of its pages as one."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def around(self, verb: str, ref: Ref, call: Callable[[], T]) -> T:
        """Make a request. The name in `ref` is empty for a list, and its namespace for one of all."""
        raise NotImplementedError

    def get(self, ref: Ref) -> Object | None:
        """See Cluster, as for the others."""
        return self.around("get", ref, lambda: self.cluster.get(ref))

    def list(self, kind: Kind, namespace: str = "") -> Sequence[Object]:
        """List."""
        return self.around("list", Ref(kind, namespace, ""), lambda: self.cluster.list(kind, namespace))

    def list_metadata(self, kind: Kind, namespace: str = "") -> Sequence[Object]:
        """List metadata."""
        return self.around("list", Ref(kind, namespace, ""), lambda: self.cluster.list_metadata(kind, namespace))

    def create(self, ref: Ref, manifest: Object) -> Object:
        """Create."""
        return self.around("create", ref, lambda: self.cluster.create(ref, manifest))

    def patch(self, ref: Ref, patch: Object, resource_version: str = "") -> Object:
        """Patch."""
        return self.around("patch", ref, lambda: self.cluster.patch(ref, patch, resource_version))

    def delete(self, ref: Ref, obj: Object) -> None:
        """Delete."""
        self.around("delete", ref, lambda: self.cluster.delete(ref, obj))

    def patch_status(self, ref: Ref, patch: Object, resource_version: str = "") -> Object:
        """Patch the status."""
        return self.around("patch", ref, lambda: self.cluster.patch_status(ref, patch, resource_version))


class Counted(Around):
    """Counts them; any number of threads may use it, for a step reads in several."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self.requests = 0
        self._lock = Lock()

    def around(self, verb: str, ref: Ref, call: Callable[[], T]) -> T:  # noqa: ARG002  one is as good as the other
        """Count it, and make it."""
        with self._lock:
            self.requests += 1
        return call()
