"""The sandbox's agents write nothing when nothing changes, so that a cluster at rest costs next to nothing."""

from collections.abc import Iterator
from typing import Any

import pytest

from handlers.sandbox.informer import Informers
from handlers.sandbox.jobs import Jobs
from handlers.sandbox.kube import DAEMON_SETS, DEPLOYMENTS, JOBS, Kube, Object, Resource
from handlers.sandbox.process import wait_for
from handlers.sandbox.sandbox import Options, Sandbox
from handlers.sandbox.workloads import Workloads

POD = {"spec": {"restartPolicy": "Never", "containers": [{"name": "app", "image": "app:1"}]}}
LABELS = {"app": "app"}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "app", "image": "app:1"}]}}


class Counted(Kube):
    """A client that counts its writes."""

    writes = 0

    def patch(self, *args: Any, **more: Any) -> Object:
        self.writes += 1
        return super().patch(*args, **more)


@pytest.fixture
def kube() -> Iterator[Counted]:
    """A client of an API server without agents."""
    with Sandbox(Options(api_only=True)) as sandbox:
        sandbox.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "test"}})
        yield Counted.from_kubeconfig(sandbox.kubeconfig)


@pytest.mark.parametrize(
    ("resource", "kind", "agent", "spec"),
    [
        (
            DEPLOYMENTS,
            "Deployment",
            Workloads,
            {"replicas": 0, "selector": {"matchLabels": LABELS}, "template": TEMPLATE},
        ),
        (
            DEPLOYMENTS,
            "Deployment",
            Workloads,
            {"replicas": 1, "selector": {"matchLabels": LABELS}, "template": TEMPLATE},
        ),
        (DAEMON_SETS, "DaemonSet", Workloads, {"selector": {"matchLabels": LABELS}, "template": TEMPLATE}),
        (JOBS, "Job", Jobs, {"template": POD}),
    ],
    ids=["no-pods", "a-pod", "daemon-set", "job"],
)
def test_a_status_is_written_once(
    kube: Counted, resource: Resource, kind: str, agent: type[Workloads | Jobs], spec: Object
) -> None:
    """Zeros that the API server leaves out are no news, as it leaves them out on a real cluster."""
    meta = {"name": "app", "namespace": "test"}
    kube.create(resource, {"apiVersion": resource.api, "kind": kind, "metadata": meta, "spec": spec})
    informers = Informers(kube)
    looks = agent(kube, informers)
    informers.start()
    try:
        assert informers.synced()
        wait_for(lambda: informers[resource].find("test", "app") is not None, "the object is seen", 30)
        looks.reconcile()
        looks.reconcile()  # a pod that the first has made is in the status of the second
        before = kube.writes
        looks.reconcile()
    finally:
        informers.stop()
    assert before > 0
    assert kube.writes == before
