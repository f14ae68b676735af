"""The Kubernetes adapter, connected to the embedded API or to canned answers."""

from collections.abc import Callable, Iterator
from pathlib import Path

from handlers.adapters.kubernetes import KubernetesCluster, connect
from handlers.rollout.objects import DEPLOYMENT, Object, Ref
from handlers.sandbox.api import kubeconfig
from handlers.sandbox.api.cluster import Cluster
from handlers.sandbox.api.server import Server
from handlers.step.durations import Durations
from tests.adapters.loopback import Answer, Asked, Serve

REF = Ref(DEPLOYMENT, "default", "app")
MANIFEST: Object = {
    "metadata": {"annotations": {"a": "b"}, "labels": {"app": "app"}},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "app"}},
        "template": {
            "metadata": {"labels": {"app": "app"}},
            "spec": {"containers": [{"name": "app", "image": "app:1"}]},
        },
    },
}


def embedded() -> Iterator[Server]:
    """An embedded API server."""
    with Server(Cluster()) as server:
        yield server


def connected(api: Server, tmp_path: Path) -> KubernetesCluster:
    """The adapter, connected to the embedded API server."""
    return connect({"KUBECONFIG": str(api.write_kubeconfig(tmp_path / "config"))})


def answered(serve: Serve, tmp_path: Path) -> Callable[..., tuple[KubernetesCluster, list[Asked]]]:
    """The adapter, connected to a server that always answers the same, and what that server is asked."""

    def start(answer: Answer, calls: Durations | None = None) -> tuple[KubernetesCluster, list[Asked]]:
        server = serve(lambda _: answer)
        path = kubeconfig.write(tmp_path / "config", server.url, token="t0ken")
        return connect({"KUBECONFIG": str(path)}, calls), server.asked

    return start


Canned = Callable[..., tuple[KubernetesCluster, list[Asked]]]
