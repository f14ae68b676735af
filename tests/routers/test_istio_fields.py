"""What `spec.service` says, in Istio's objects."""

from dataclasses import replace
from typing import Any

import pytest

from handlers.errors import BadCanary
from handlers.rollout.weights import Split
from handlers.routers import istio
from tests.routers.istio_objects import canary, routed, rule


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("headers", {"request": {"add": {"x-a": "1"}, "remove": ["test"]}}, id="HTTPRequestHeaders"),
        pytest.param("corsPolicy", {"allowMethods": ["GET", "POST"], "x-new": 1}, id="CORS"),
        pytest.param("retries", {"attempts": 3}, id="retries"),
        pytest.param("timeout", "15s", id="timeout"),
        pytest.param("match", [{"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/b"}}], id="match"),
    ],
)
def test_parts_of_the_service_are_copied_onto_the_rule(field: str, value: Any) -> None:
    """Istio's own parts go through as they are written, and are absent when they are not.

    Flagger's TestIstioRouter_HTTPRequestHeaders, TestIstioRouter_CORS.
    """
    assert rule(routed(canary(**{field: value}), 0, False, None))[field] == value
    assert rule(routed(canary(), 0, False, None)).keys() == {"route"}


@pytest.mark.parametrize(
    ("rewrite", "expected"),
    [
        ({"uri": "/", "authority": "a.example.com", "type": "x"}, {"uri": "/", "authority": "a.example.com"}),
        ({"uri": "/", "authority": ""}, {"uri": "/"}),
        ({"type": "ReplacePrefixMatch"}, None),
    ],
)
def test_only_istios_part_of_a_rewrite_is_written(rewrite: dict[str, str], expected: dict[str, str] | None) -> None:
    """GetIstioRewrite: uri and authority; Istio refuses a rewrite that says nothing."""
    assert rule(routed(canary(rewrite=rewrite), 0, False, None)).get("rewrite") == expected


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        pytest.param([], ["podinfo"], id="none"),
        pytest.param(["a.example.com"], ["a.example.com", "podinfo"], id="another"),
        pytest.param(["podinfo", "a.example.com"], ["podinfo", "a.example.com"], id="the Service"),
        pytest.param(["*"], ["*"], id="all"),
        pytest.param(["podinfo.default.svc.cluster.local"], ["podinfo.default.svc.cluster.local"], id="full name"),
        pytest.param(
            ["podinfo.default.svc.corp.example"], ["podinfo.default.svc.corp.example"], id="own cluster domain"
        ),
        pytest.param(["podinfo.default"], ["podinfo.default", "podinfo"], id="a name that Istio does not complete"),
        pytest.param(
            ["podinfo.other.svc.cluster.local"],
            ["podinfo.other.svc.cluster.local", "podinfo"],
            id="a namesake in another namespace",
        ),
    ],
)
def test_the_apex_is_among_the_hosts_once(hosts: list[str], expected: list[str]) -> None:
    """The Service's own host is added unless it is given, by whatever name."""
    assert routed(canary(hosts=hosts), 0, False, None)["spec"]["hosts"] == expected


@pytest.mark.parametrize(
    ("gateways", "expected"),
    [([], ["mesh"]), (["mesh"], ["mesh"]), (["istio/public"], ["istio/public"])],
)
def test_the_mesh_is_the_default_gateway(gateways: list[str], expected: list[str]) -> None:
    """Gateways are those of the spec; without any, the sidecars."""
    assert routed(canary(gateways=gateways), 0, False, None)["spec"]["gateways"] == expected


@pytest.mark.parametrize(
    ("service", "port"),
    [
        pytest.param({"portDiscovery": True, "gateways": ["istio/public", "mesh"]}, {"number": 9898}, id="GatewayPort"),
        pytest.param({"portDiscovery": True, "delegation": True}, {"number": 9898}, id="Delegate"),
        pytest.param({"portDiscovery": True, "gateways": ["mesh", "istio/public"]}, None, id="mesh first"),
        pytest.param({"portDiscovery": True}, None, id="no gateway"),
        pytest.param({"gateways": ["istio/public"]}, None, id="one port only"),
    ],
)
def test_a_gateway_is_told_the_port(service: dict[str, Any], port: dict[str, int] | None) -> None:
    """Both destinations name the port when a gateway could not know which one is meant.

    Flagger's TestIstioRouter_GatewayPort.
    """
    for side in rule(routed(canary(**service), 0, False, None))["route"]:
        assert side["destination"].get("port") == port


def test_a_delegate_has_neither_hosts_nor_gateways() -> None:
    """Delegate, ok: also when it had them before.

    Flagger's TestIstioRouter_Delegate.
    """
    before = routed(canary(hosts=["a.example.com"]), 0, False, None)

    spec = routed(canary(delegation=True), 0, False, before)["spec"]

    assert spec["hosts"] == []
    assert "gateways" not in spec


def test_a_delegate_with_gateways_is_refused() -> None:
    """Delegate, invalid: the Canary is not read at all.

    Flagger's TestIstioRouter_Delegate.
    """
    with pytest.raises(BadCanary, match=r"spec\.service\.delegation"):
        canary(delegation=True, gateways=["istio/public-gateway", "mesh"])


def test_of_a_service_that_is_not_valid_only_the_weights_are_known() -> None:
    """A rollback changes these, and leaves all else of the route as it is."""
    rules = routed(canary(), 40, False, None)
    foreign = {"match": [{"uri": {"prefix": "/old"}}], "redirect": {"uri": "/new"}}
    shared = {**rule(rules), "timeout": "7s", "mirror": {"host": "podinfo-canary"}, "mirrorPercentage": {"value": 5}}
    unclear = replace(canary(), service=replace(canary().service, readable=False))
    there = {**rules, "spec": {**rules["spec"], "http": [foreign, shared]}}
    made = istio.route(unclear, Split(weight=0), there)
    assert made["spec"]["http"] == [foreign, {**rule(routed(canary(), 0, False, None)), "timeout": "7s"}]
    assert {**made, "spec": {**made["spec"], "http": there["spec"]["http"]}} == there
