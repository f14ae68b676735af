"""The signs of life without which a cluster gives a node up, with all its pods.

https://kubernetes.io/docs/concepts/architecture/nodes/#node-heartbeats
"""

from datetime import UTC, datetime

from handlers.sandbox.kube import ApiError, Kube, Object, Resource

LEASES = Resource("coordination.k8s.io/v1", "leases")
NAMESPACE = "kube-node-lease"
EVERY_SECONDS = 10.0
LASTS_SECONDS = 40


class Heartbeat:
    """Renews the lease of a node, as often as a kubelet does."""

    def __init__(self, kube: Kube, name: str) -> None:
        self._kube = kube
        self._name = name
        self._due = 0.0

    def beat(self, monotonic: float, now: datetime) -> None:
        """Renew the lease if it is time to; raises ApiError."""
        if monotonic < self._due:
            return
        spec = {
            "holderIdentity": self._name,
            "leaseDurationSeconds": LASTS_SECONDS,
            "renewTime": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        self._write(spec)
        self._due = monotonic + EVERY_SECONDS

    def _write(self, spec: Object) -> None:
        try:
            self._kube.patch(LEASES, NAMESPACE, self._name, {"spec": spec})
        except ApiError as error:
            if error.status != 404:  # noqa: PLR2004  the first time there is none
                raise
            meta = {"name": self._name, "namespace": NAMESPACE}
            self._kube.create(
                LEASES, {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
            )
