"""VirtualServices as Envoy routes."""

from typing import Any

import pytest

from handlers.sandbox.envoy import route_file
from handlers.sandbox.istio import Shares, delegated, routes
from handlers.sandbox.topology import Topology

PODS = frozenset({("127.0.0.1", 1)})
TOPOLOGY = Topology(
    {"test/app": PODS, "test/app-primary": PODS, "other/app": PODS, "test/metrics": PODS},
    {
        ("test", "app"): {80: ("test/app-primary",)},
        ("test", "app-canary"): {80: ("test/app",)},
        ("other", "app"): {80: ("other/app",)},
        ("test", "alone"): {9898: ("test/app",), 9797: ("test/metrics",)},
    },
)


def lookup(destination: dict[str, Any]) -> Shares:
    """Services with one ready pod each, `gone` without any; all others do not exist."""
    shares = {"primary": [("test/primary", 1)], "canary": [("test/canary", 1)], "gone": [("test/gone", 0)]}
    return shares.get(destination["host"], [])


def to(host: str, weight: int | None = None, **more: Any) -> dict[str, Any]:
    """A destination."""
    return {"destination": {"host": host}} | ({} if weight is None else {"weight": weight}) | more


def translated(**route: Any) -> dict[str, Any]:
    """The only Envoy route of a VirtualService's route."""
    (found,) = routes([route], lookup)
    return found


def weights(route: dict[str, Any]) -> dict[str, int]:
    """Weight by cluster of an Envoy route."""
    return {part["name"]: part["weight"] for part in route["route"]["weighted_clusters"]["clusters"]}


def test_weights_are_taken_over() -> None:
    """Both destinations get their share."""
    assert weights(translated(route=[to("primary", 90), to("canary", 10)])) == {
        "test/primary": 9000,
        "test/canary": 1000,
    }


@pytest.mark.parametrize("weight", [None, 0, 30, 100])
def test_a_lone_destination_gets_everything(weight: int | None) -> None:
    """Istio reads a lone destination as 100 %, whatever its weight is."""
    assert translated(route=[to("primary", weight)])["route"]["cluster"] == "test/primary"


def test_weight_zero_gets_nothing() -> None:
    """Of two destinations the one without weight is left out."""
    assert translated(route=[to("primary", 100), to("canary", 0)])["route"]["cluster"] == "test/primary"


@pytest.mark.parametrize("destinations", [[], [to("primary", 0), to("canary", 0)]])
def test_no_weight_at_all_is_503(destinations: list[dict[str, Any]]) -> None:
    """As in Istio, nobody answers."""
    assert translated(route=destinations)["direct_response"]["status"] == 503


def test_a_destination_without_pods_keeps_its_share() -> None:
    """Its part of the requests fails with 503 instead of going to the other side unseen."""
    found = weights(translated(route=[to("primary", 50), to("gone", 25), to("missing", 25)]))
    assert found == {"test/primary": 5000, "test/gone": 2500, "unknown": 2500}


def test_a_service_over_two_workloads_is_split_by_pods() -> None:
    """Three pods of four get three quarters."""
    (route,) = routes([{"route": [to("web")]}], lambda _: [("test/a", 3), ("test/b", 1)])
    assert weights(route) == {"test/a": 75, "test/b": 25}


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({}, {"prefix": "/"}),
        ({"uri": {"exact": "/a"}}, {"path": "/a"}),
        ({"uri": {"prefix": "/a"}, "ignoreUriCase": True}, {"prefix": "/a", "case_sensitive": False}),
        ({"uri": {"regex": "/a.*"}}, {"safe_regex": {"regex": "/a.*"}}),
        (
            {"headers": {"cookie": {"regex": "^(.*?;)?(canary=always)(;.*)?$"}}},
            {
                "prefix": "/",
                "headers": [
                    {"name": "cookie", "string_match": {"safe_regex": {"regex": "^(.*?;)?(canary=always)(;.*)?$"}}}
                ],
            },
        ),
        ({"headers": {"x": {}}}, {"prefix": "/", "headers": [{"name": "x", "present_match": True}]}),
        (
            {"withoutHeaders": {"x": {"exact": "1"}}},
            {"prefix": "/", "headers": [{"name": "x", "string_match": {"exact": "1"}, "invert_match": True}]},
        ),
        (
            {"method": {"exact": "GET"}},
            {"prefix": "/", "headers": [{"name": ":method", "string_match": {"exact": "GET"}}]},
        ),
        (
            {"queryParams": {"v": {"prefix": "2"}}},
            {"prefix": "/", "query_parameters": [{"name": "v", "string_match": {"prefix": "2"}}]},
        ),
    ],
)
def test_a_match_is_taken_over(match: dict[str, Any], expected: dict[str, Any]) -> None:
    """Every kind of match has its counterpart."""
    assert translated(match=[match], route=[to("primary")])["match"] == expected


def test_each_match_is_a_route_of_its_own() -> None:
    """The entries of `match` are alternatives; one by source labels never holds here."""
    matches = [{"uri": {"exact": "/a"}}, {"sourceLabels": {"app": "x"}}, {"uri": {"exact": "/b"}}]
    found = routes([{"match": matches, "route": [to("primary")]}], lookup)
    assert [route["match"]["path"] for route in found] == ["/a", "/b"]


@pytest.mark.parametrize(("asked", "expected"), [(80, ["/a", "/c"]), (81, ["/b", "/c"]), (None, ["/a", "/b", "/c"])])
def test_a_match_by_port_is_for_requests_to_this_port(asked: int | None, expected: list[str]) -> None:
    """A gateway's ports are not known, so one through it always holds."""
    matches = [{"uri": {"exact": "/a"}, "port": 80}, {"uri": {"exact": "/b"}, "port": 81}, {"uri": {"exact": "/c"}}]
    found = routes([{"match": matches, "route": [to("primary")]}], lookup, asked)
    assert [route["match"]["path"] for route in found] == expected


def test_timeout_and_retries() -> None:
    """Durations become seconds, status codes a list; without a timeout there is none, as in Istio."""
    retries = {"attempts": 3, "perTryTimeout": "100ms", "retryOn": "gateway-error,503"}
    found = translated(timeout="1m30s", retries=retries, route=[to("primary")])["route"]
    assert found["timeout"] == "90s"
    assert found["retry_policy"] == {
        "num_retries": 3,
        "per_try_timeout": "0.1s",
        "retry_on": "gateway-error,retriable-status-codes",
        "retriable_status_codes": [503],
    }
    assert translated(route=[to("primary")])["route"]["timeout"] == "0s"


def test_headers_of_route_and_destination() -> None:
    """A destination's headers stay with it: session affinity sets its cookie on the canary's answers only."""
    cookie = {"response": {"add": {"Set-Cookie": "c=50%"}}}
    found = translated(
        headers={"request": {"set": {"x-a": "1"}, "remove": ["x-b"]}},
        route=[to("primary", 50), to("canary", 50, headers=cookie)],
    )
    primary, canary = found["route"]["weighted_clusters"]["clusters"]
    assert canary["response_headers_to_add"] == [
        {"header": {"key": "Set-Cookie", "value": "c=50%%"}, "append_action": "APPEND_IF_EXISTS_OR_ADD"}
    ]
    assert "response_headers_to_add" not in primary
    assert found["request_headers_to_remove"] == ["x-b"]
    assert found["request_headers_to_add"][0]["append_action"] == "OVERWRITE_IF_EXISTS_OR_ADD"


def test_rewrites() -> None:
    """Paths and hosts are rewritten as the kind of match asks for."""
    rewrite = {"uri": "/new", "authority": "other"}
    by_prefix = translated(match=[{"uri": {"prefix": "/old"}}], rewrite=rewrite, route=[to("primary")])["route"]
    assert (by_prefix["prefix_rewrite"], by_prefix["host_rewrite_literal"]) == ("/new", "other")
    by_regex = translated(match=[{"uri": {"regex": "/o.*"}}], rewrite=rewrite, route=[to("primary")])["route"]
    assert by_regex["regex_rewrite"] == {"pattern": {"regex": "/o.*"}, "substitution": "/new"}


@pytest.mark.parametrize(
    ("mirror", "numerator"),
    [
        ({"mirror": {"host": "canary"}}, 1_000_000),
        ({"mirror": {"host": "canary"}, "mirrorPercentage": {"value": 0.5}}, 5_000),
        ({"mirror": {"host": "canary"}, "mirrorPercent": 0}, 0),
        ({"mirror": {"host": "canary"}, "mirror_percent": 20}, 200_000),
        ({"mirrors": [{"destination": {"host": "canary"}, "percentage": {"value": 30}}]}, 300_000),
    ],
)
def test_a_mirror_has_a_cluster_of_its_own(mirror: dict[str, Any], numerator: int) -> None:
    """So mirrored requests can be told from real ones; without a percentage all are mirrored."""
    (policy,) = translated(route=[to("primary")], **mirror)["route"]["request_mirror_policies"]
    assert policy["cluster"] == "test/canary~mirror"
    assert policy["runtime_fraction"]["default_value"]["numerator"] == numerator


def test_delegates_are_put_in_place() -> None:
    """Both matches must hold, and a delegate that does not exist gives no route."""
    root: list[dict[str, Any]] = [
        {"match": [{"uri": {"prefix": "/a"}}], "delegate": {"name": "inner"}},
        {"delegate": {"name": "missing"}},
    ]
    inner = {"inner": [{"match": [{"headers": {"x": {"exact": "1"}}}], "route": [to("primary")]}]}
    (found,) = delegated(root, lambda wanted: inner.get(wanted["name"]))
    assert found["match"] == [{"uri": {"prefix": "/a"}, "headers": {"x": {"exact": "1"}}}]


def test_headers_of_root_and_delegate_must_both_hold() -> None:
    """A root that asks for one header does not lose it to a delegate that asks for another."""
    root: list[dict[str, Any]] = [{"match": [{"headers": {"a": {"exact": "1"}}}], "delegate": {"name": "inner"}}]
    inner = {"match": [{"headers": {"b": {"exact": "2"}}}], "route": [to("primary")]}
    (found,) = delegated(root, lambda _: [inner])
    assert found["match"] == [{"headers": {"a": {"exact": "1"}, "b": {"exact": "2"}}}]


def test_a_delegate_names_services_of_its_own_namespace() -> None:
    """A root in another namespace leads to the Services that the delegate means, also for copies of requests."""
    rule = {"route": [to("app")], "mirror": {"host": "app-canary"}}
    inner = {"metadata": {"name": "inner", "namespace": "test"}, "spec": {"hosts": [], "http": [rule]}}
    root = {
        "metadata": {"name": "root", "namespace": "other"},
        "spec": {"hosts": ["app.example.com"], "http": [{"delegate": {"name": "inner", "namespace": "test"}}]},
    }
    (config,) = route_file(TOPOLOGY, [inner, root])["resources"]
    (route,) = next(host["routes"] for host in config["virtual_hosts"] if "app.example.com" in host["domains"])
    assert route["route"]["cluster"] == "test/app-primary"
    assert route["route"]["request_mirror_policies"][0]["cluster"] == "test/app~mirror"


def a_virtual_service(name: str, created: str, hosts: list[str], target: str) -> dict[str, Any]:
    """A VirtualService in the namespace test with one destination."""
    meta = {"name": name, "namespace": "test", "creationTimestamp": created}
    return {"metadata": meta, "spec": {"hosts": hosts, "http": [{"route": [to(target)]}]}}


def hosts_of(*virtual_services: dict[str, Any]) -> dict[str, str]:
    """The cluster that each domain leads to."""
    (config,) = route_file(TOPOLOGY, virtual_services)["resources"]
    return {
        domain: host["routes"][0]["route"]["cluster"] for host in config["virtual_hosts"] for domain in host["domains"]
    }


def test_a_virtual_service_speaks_for_its_hosts() -> None:
    """It takes over all spellings of its Services; hosts without one keep the Service's own route."""
    found = hosts_of(a_virtual_service("app", "1", ["app", "app.example.com"], "app-canary"))
    assert found["app.test"] == found["app.test.svc.cluster.local"] == found["app.example.com"] == "test/app"
    assert found["app.example.com:*"] == "test/app"
    assert found["app.other"] == "other/app"
    assert found["app-canary"] == "test/app"


def test_each_port_of_a_service_is_a_domain() -> None:
    """Without a port 80 is meant, or the first of a Service that has none; a port that it has not is unknown."""
    found = hosts_of()
    assert found["app-canary.test"] == found["app-canary.test:80"] == "test/app"
    assert found["alone.test"] == found["alone.test:9898"] == "test/app"
    assert found["alone.test:9797"] == "test/metrics"
    assert "alone.test:80" not in found
    assert "alone.test:*" not in found


def test_a_short_name_in_two_namespaces_leads_nowhere() -> None:
    """Only a clear short name is a domain."""
    found = hosts_of()
    assert "app" not in found
    assert found["alone"] == "test/app"


def test_the_oldest_virtual_service_of_a_host_counts() -> None:
    """Envoy refuses a domain that is there twice, so the younger one has to give way."""
    young, old = a_virtual_service("a", "2", ["h"], "app-canary"), a_virtual_service("b", "1", ["h"], "app")
    assert hosts_of(young, old)["h"] == "test/app-primary"
