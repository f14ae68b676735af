"""The pods that stand behind Services, and where connections to their ports go."""

from typing import Any

import pytest

from handlers.sandbox.pods import workload
from handlers.sandbox.topology import Ports, Topology, topology


def a_pod(name: str, app: str, port: int, *, ready: bool = True, ending: bool = False) -> dict[str, Any]:
    """A pod of the Deployment `app` in the namespace test; connections to the port `port + 1000` are refused."""
    meta: dict[str, Any] = {
        "name": name,
        "namespace": "test",
        "labels": {"app": app},
        "annotations": {"sandbox.serinus.dev/port": str(port), "sandbox.serinus.dev/closed-port": str(port + 1000)},
        "ownerReferences": [{"kind": "Deployment", "name": app, "uid": app, "controller": True}],
    }
    if ending:
        meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {
        "metadata": meta,
        "spec": {"containers": [{"name": "app", "ports": []}]},
        "status": {"podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def a_service(name: str, namespace: str = "test", **selector: str) -> dict[str, Any]:
    """A Service that selects by labels, with one port."""
    spec = {"selector": selector, "ports": [{"port": 80, "targetPort": 8080}]}
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


def test_only_ready_pods_that_stay_are_endpoints() -> None:
    """A pod that is not ready, or is ending, gets nothing."""
    pods = [
        a_pod("one", "app", 1),
        a_pod("two", "app", 2, ready=False),
        a_pod("three", "app", 3, ending=True),
    ]
    found = topology([a_service("app", app="app")], pods, [])
    assert found.clusters == {"test/app/8080": frozenset({("127.0.0.1", 1)})}


def test_a_service_over_two_workloads_has_two_clusters() -> None:
    """Traffic is counted for the workload whose pod answers."""
    pods = [a_pod("one", "app", 1), a_pod("two", "app-primary", 2)]
    for pod in pods:
        pod["metadata"]["labels"]["part"] = "web"
    found = topology([a_service("web", part="web")], pods, [])
    assert found.shares(("test", "web"), 80) == [("test/app/8080", 1), ("test/app-primary/8080", 1)]


def test_a_service_over_some_pods_of_a_workload_does_not_lead_to_the_others() -> None:
    """While labels of a template change, a Service that asks for the new ones gets none of the old pods."""
    old, new = a_pod("one", "app", 1), a_pod("two", "app", 2)
    new["metadata"]["labels"]["tier"] = "web"
    found = topology([a_service("all", app="app"), a_service("web", app="app", tier="web")], [old, new], [])
    assert found.clusters == {
        "test/app/8080": frozenset({("127.0.0.1", 1), ("127.0.0.1", 2)}),
        "test/app/8080/web": frozenset({("127.0.0.1", 2)}),
    }
    assert found.shares(("test", "web"), 80) == [("test/app/8080/web", 1)]


def test_a_service_without_pods_keeps_its_workload() -> None:
    """Routes to a Deployment at 0 replicas stay valid, under the Deployment's name."""
    deployment = {
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {"template": {"metadata": {"labels": {"app": "podinfo"}}}},
    }
    found = topology([a_service("podinfo-canary", app="podinfo")], [], [deployment])
    assert found.shares(("test", "podinfo-canary"), 80) == [("test/podinfo/8080", 0)]


def test_namespaces_are_kept_apart() -> None:
    """A Service selects pods of its own namespace only."""
    found = topology([a_service("app", "other", app="app")], [a_pod("one", "app", 1)], [])
    assert found.clusters == {"other/app/8080": frozenset()}


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
    services: dict[tuple[str, str], Ports] = {("test", "app"): {}, ("other", "app"): {}}
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


HTTP, METRICS, DNS = (
    {"name": "http", "containerPort": 9898, "protocol": "TCP"},
    {"name": "metrics", "containerPort": 9797},
    {"name": "dns", "containerPort": 53, "protocol": "UDP"},
)


@pytest.mark.parametrize(
    ("declares", "target", "expected"),
    [
        pytest.param((HTTP, METRICS), 9898, 1, id="the first"),
        pytest.param((HTTP, METRICS), 9797, 1, id="the second"),
        pytest.param((HTTP, METRICS), "metrics", 1, id="by name"),
        pytest.param((HTTP, METRICS), 8080, 1001, id="not declared"),
        pytest.param((HTTP, METRICS), "web", None, id="no such name"),
        pytest.param((HTTP, DNS), 53, 1001, id="not TCP"),
        pytest.param((HTTP, DNS), "dns", None, id="a name that is not TCP's"),
        pytest.param((), 8080, 1, id="nothing declared"),
        pytest.param((), 9898, 1001, id="nothing declared, another port"),
        pytest.param((DNS,), 8080, 1, id="nothing declared for TCP"),
    ],
)
def test_a_pod_listens_on_the_ports_that_it_declares(
    declares: tuple[dict[str, Any], ...], target: int | str, expected: int | None
) -> None:
    """A number that it has not is refused; a name that it has not is no endpoint, as in Kubernetes."""
    service = a_service("app", app="app")
    service["spec"]["ports"] = [{"port": 80, "targetPort": target}]
    pod = a_pod("one", "app", 1)
    pod["spec"]["containers"][0]["ports"] = list(declares)
    (addresses,) = topology([service], [pod], []).clusters.values()
    assert addresses == ({("127.0.0.1", expected)} if expected else set())


@pytest.mark.parametrize(
    ("ports", "named", "asked", "expected"),
    [
        pytest.param([80], None, 9797, ["80"], id="the only port"),
        pytest.param([80], 80, 9797, ["80"], id="the port that is named"),
        pytest.param([80], 81, 80, [], id="a port that it has not"),
        pytest.param([80, 9797], None, 9797, ["9797"], id="of several the one that was asked for"),
        pytest.param([80, 9797], None, 1234, [], id="none that was asked for"),
        pytest.param([9797, 80], None, None, ["80"], id="through a gateway"),
        pytest.param([9797, 9898], None, None, [], id="through a gateway, without a port 80"),
        pytest.param([], None, 80, [], id="no port at all"),
    ],
)
def test_a_destination_means_a_port_of_its_service(
    ports: list[int], named: int | None, asked: int | None, expected: list[str]
) -> None:
    """As istiod finds it."""
    service = a_service("app", app="app")
    service["spec"]["ports"] = [{"port": port} for port in ports]
    destination = {"host": "app"} | ({"port": {"number": named}} if named else {})
    shares = topology([service], [], []).behind(destination, "test", asked)
    assert shares == [(f"test/app/{port}", 0) for port in expected]
