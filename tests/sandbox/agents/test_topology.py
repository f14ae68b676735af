"""Which pods stand behind which Service."""

from typing import Any

import pytest

from handlers.sandbox.pods import workload
from handlers.sandbox.topology import Topology, topology


def a_pod(name: str, app: str, port: int, *, ready: bool = True, ending: bool = False) -> dict[str, Any]:
    """A pod of the Deployment `app` in the namespace test."""
    meta: dict[str, Any] = {
        "name": name,
        "namespace": "test",
        "labels": {"app": app},
        "annotations": {"sandbox.serinus.dev/port": str(port)},
        "ownerReferences": [{"kind": "Deployment", "name": app, "uid": app, "controller": True}],
    }
    if ending:
        meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {
        "metadata": meta,
        "status": {"podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def a_service(name: str, namespace: str = "test", **selector: str) -> dict[str, Any]:
    """A Service that selects by labels."""
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"selector": selector}}


def test_only_ready_pods_that_stay_are_endpoints() -> None:
    """A pod that is not ready, or is ending, gets nothing."""
    pods = [
        a_pod("one", "app", 1),
        a_pod("two", "app", 2, ready=False),
        a_pod("three", "app", 3, ending=True),
    ]
    found = topology([a_service("app", app="app")], pods, [])
    assert found.clusters == {"test/app": frozenset({("127.0.0.1", 1)})}


def test_a_service_over_two_workloads_has_two_clusters() -> None:
    """Traffic is counted for the workload whose pod answers."""
    pods = [a_pod("one", "app", 1), a_pod("two", "app-primary", 2)]
    for pod in pods:
        pod["metadata"]["labels"]["part"] = "web"
    found = topology([a_service("web", part="web")], pods, [])
    assert found.shares(("test", "web")) == [("test/app", 1), ("test/app-primary", 1)]


def test_a_service_without_pods_keeps_its_workload() -> None:
    """Routes to a Deployment at 0 replicas stay valid, under the Deployment's name."""
    deployment = {
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {"template": {"metadata": {"labels": {"app": "podinfo"}}}},
    }
    found = topology([a_service("podinfo-canary", app="podinfo")], [], [deployment])
    assert found.shares(("test", "podinfo-canary")) == [("test/podinfo", 0)]


def test_namespaces_are_kept_apart() -> None:
    """A Service selects pods of its own namespace only."""
    found = topology([a_service("app", "other", app="app")], [a_pod("one", "app", 1)], [])
    assert found.clusters == {"other/app": frozenset()}


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("app", ("test", "app")),
        ("app.test", ("test", "app")),
        ("app.test.svc", ("test", "app")),
        ("app.other.svc.cluster.local", ("other", "app")),
        ("app.example.com", None),
        ("missing", None),
    ],
)
def test_a_host_names_a_service(host: str, expected: tuple[str, str] | None) -> None:
    """A short name is meant in the namespace of the object that uses it."""
    services: dict[tuple[str, str], tuple[str, ...]] = {("test", "app"): (), ("other", "app"): ()}
    assert Topology({}, services).resolve(host, "test") == expected


def test_a_pod_of_a_replica_set_belongs_to_its_deployment() -> None:
    """On a real cluster the Deployment's name is found through the ReplicaSet's."""
    owners = [{"kind": "ReplicaSet", "name": "my-app-5d4f", "controller": True}]
    meta = {"name": "my-app-5d4f-x", "labels": {"pod-template-hash": "5d4f"}, "ownerReferences": owners}
    assert workload({"metadata": meta}) == "my-app"


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ({"port": 1, "name": "tcp"}, {1}),
        ({"port": 1, "name": "tcp-mysql"}, {1}),
        ({"port": 1, "name": "db", "appProtocol": "TCP"}, {1}),
        ({"port": 1, "name": "tcp", "appProtocol": "http"}, set()),
        ({"port": 1, "name": "http"}, set()),
        ({"port": 1, "protocol": "TCP"}, set()),
    ],
)
def test_a_port_is_tcp_by_its_name_or_its_application_protocol(port: dict[str, Any], expected: set[int]) -> None:
    """As Istio selects protocols; `protocol: TCP` is true of HTTP as well."""
    service = a_service("app", app="app")
    service["spec"]["ports"] = [port]
    assert topology([service], [], []).tcp_ports == {(("test", "app"), number) for number in expected}
