"""TCP ports of Services as Envoy listeners."""

import socket
from collections import Counter
from math import sqrt
from typing import Any

import pytest

from handlers.sandbox.process import SandboxError
from handlers.sandbox.tcp import listener_file
from handlers.sandbox.topology import Topology
from tests.sandbox.agents.place import Place

PODS = frozenset({("127.0.0.1", 1)})
TOPOLOGY = Topology(
    {"test/app": PODS, "test/app-primary": PODS, "test/gone": frozenset()},
    {
        ("test", "app"): {6379: ("test/app-primary",)},
        ("test", "app-primary"): {6379: ("test/app-primary",)},
        ("test", "app-canary"): {6379: ("test/app",)},
        ("test", "gone"): {6379: ("test/gone",)},
    },
    frozenset({(("test", "app"), 6379)}),
)


def to(host: str, weight: int) -> dict[str, Any]:
    """A destination."""
    return {"destination": {"host": host}, "weight": weight}


def split(*tcp: dict[str, Any], created: str = "1") -> dict[str, Any]:
    """A VirtualService of the host `app` with TCP routes."""
    meta = {"name": "app", "namespace": "test", "creationTimestamp": created}
    return {"metadata": meta, "spec": {"hosts": ["app"], "tcp": list(tcp)}}


def clusters(*virtual_services: dict[str, Any]) -> dict[str, int] | str:
    """What the only listener does: weights by cluster, or the name of the cluster that there is not."""
    (listener,) = listener_file(TOPOLOGY, virtual_services)["resources"]
    assert listener["name"] == "tcp/test/app/6379"
    config = listener["filter_chains"][0]["filters"][0]["typed_config"]
    if "cluster" in config:
        return str(config["cluster"])
    return {part["name"]: part["weight"] for part in config["weighted_clusters"]["clusters"]}


HALVES = [to("app-primary", 50), to("app-canary", 50)]


@pytest.mark.parametrize(
    ("tcp", "expected"),
    [
        ([{"route": [to("app-primary", 90), to("app-canary", 10)]}], {"test/app-primary": 9000, "test/app": 1000}),
        ([{"route": [to("app-primary", 100), to("app-canary", 0)]}], {"test/app-primary": 10000}),
        ([{"route": [to("app-canary", 0)]}], {"test/app": 100}),
        ([{"route": [to("gone", 0), to("app-canary", 0)]}], "unknown"),
        ([{"match": [{"port": 1}], "route": [to("app-canary", 0)]}, {"route": HALVES[:1]}], {"test/app-primary": 100}),
        ([{"match": [{"port": 6379}], "route": [to("app-canary", 0)]}, {"route": HALVES}], {"test/app": 100}),
        ([{"match": [{"sourceLabels": {"a": "b"}}], "route": [to("app-canary", 0)]}], {"test/app-primary": 1}),
        ([], {"test/app-primary": 1}),
    ],
    ids=["weights", "zero", "lone", "nobody", "other-port", "port", "source-labels", "no-routes"],
)
def test_tcp_routes_are_taken_over(tcp: list[dict[str, Any]], expected: object) -> None:
    """The first route for the port counts; without any the Service's own pods get the connections."""
    assert clusters(split(*tcp)) == expected


def test_the_oldest_virtual_service_of_a_service_counts() -> None:
    """As for HTTP."""
    young = split({"route": [to("app-canary", 0)]}, created="2")
    assert clusters(young, split({"route": [to("app-primary", 0)]})) == {"test/app-primary": 100}


def connections(place: Place, number: int) -> Counter[str]:
    """Which version took each of so many connections to the TCP port of `app`; `closed` where nobody did."""
    found = Counter[str]()
    address = place.sandbox.tcp_address(place.namespace, "app", 6379)
    for _ in range(number):
        with socket.create_connection(address, timeout=30) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
        found[answer.partition("x-version: ")[2].partition("\r\n")[0] or "closed"] += 1
    return found


def test_connections_are_split_by_weight(place: Place) -> None:
    """Real connections: all to the pods at first, a third to the canary by a VirtualService, none for weight 0."""
    place.canary_setup()

    def listens() -> bool:
        try:
            return connections(place, 1) == {"1": 1}
        except SandboxError:
            return False

    spec = {"ports": [{"name": "tcp", "port": 6379, "targetPort": 8080}]}
    meta = place.meta("app")
    place.sandbox.apply({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
    place.eventually(listens, "the port is open")
    where = place.sandbox.tcp_address(place.namespace, "app", 6379)
    kind = {"apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService", "metadata": meta}
    for share in (30, 0):
        routes = [to("app-primary", 100 - share), to("app-canary", share)]
        place.sandbox.apply(kind | {"spec": {"hosts": ["app"], "tcp": [{"route": routes}]}})
        if share:
            place.eventually(lambda: "2" in connections(place, 5), "the canary answers")
            found = connections(place, 300)
            assert abs(found["2"] - 90) < 5 * sqrt(300 * 0.3 * 0.7)
            assert found["1"] + found["2"] == 300
    place.eventually(lambda: connections(place, 30) == {"1": 30}, "the canary gets nothing any more")
    assert place.sandbox.tcp_address(place.namespace, "app", 6379) == where
