"""Ports of the three Services: the spec's, and those that are discovered."""

from typing import Any

import pytest

from handlers.rollout.objects import merge_patch
from tests.rollout.services import canary, render, target


@pytest.mark.parametrize(
    ("service", "port"),
    [
        pytest.param({}, {"name": "http", "port": 9898, "targetPort": 9898}, id="the port itself"),
        pytest.param({"targetPort": 80}, {"name": "http", "port": 9898, "targetPort": 80}, id="TargetPortNumber"),
        pytest.param({"targetPort": "8080"}, {"name": "http", "port": 9898, "targetPort": 8080}, id="number in quotes"),
        pytest.param({"targetPort": "web"}, {"name": "http", "port": 9898, "targetPort": "web"}, id="TargetPortName"),
        pytest.param({"portName": "grpc"}, {"name": "grpc", "port": 9898, "targetPort": 9898}, id="port name"),
    ],
)
def test_the_port_is_that_of_the_spec(service: dict[str, Any], port: dict[str, Any]) -> None:
    """Numbers, names and defaults of the port that the analysis is about.

    Flagger's TestServiceRouter_Create.
    """
    assert render("podinfo", canary(**service))["spec"]["ports"] == [port | {"protocol": "TCP"}]


@pytest.mark.parametrize(
    ("service", "found"),
    [
        pytest.param(
            {"port": 9898}, {"http": 9898, "metrics": 8080, "tcp-podinfo-2": 8888, "tcp-side-0": 7070}, id="port"
        ),
        pytest.param(
            {"port": 80, "targetPort": 9898},
            {"http": 80, "metrics": 8080, "tcp-podinfo-2": 8888, "tcp-side-0": 7070},
            id="number",
        ),
        pytest.param(
            {"port": 80, "targetPort": "web"},
            {"http": 80, "metrics": 8080, "tcp-podinfo-2": 8888, "tcp-side-0": 7070},
            id="name",
        ),
        pytest.param(
            {"port": 80, "targetPort": 1},
            {"http": 80, "web": 9898, "metrics": 8080, "tcp-podinfo-2": 8888, "tcp-side-0": 7070},
            id="another",
        ),
    ],
)
def test_other_ports_are_discovered(service: dict[str, Any], found: dict[str, int]) -> None:
    """PortDiscovery: every port of every container but the one of the spec, and none of a mesh's sidecars."""
    ports = [
        {"name": "web", "containerPort": 9898},
        {"name": "metrics", "containerPort": 8080},
        {"containerPort": 8888},
    ]
    source = target(
        {"name": "istio-proxy", "ports": [{"name": "status", "containerPort": 15020}]},
        {"name": "envoy", "ports": [{"containerPort": 15021}]},
        {"name": "podinfo", "ports": ports},
        {"name": "side", "ports": [{"containerPort": 7070}]},
        {"name": "quiet"},
    )

    made = render("podinfo", canary(portDiscovery=True, **service), source=source)["spec"]["ports"]

    assert {port["name"]: port["port"] for port in made} == found
    assert all(port["targetPort"] == port["port"] for port in made[1:])
    assert len(render("podinfo", canary(**service), source=source)["spec"]["ports"]) == 1


def test_a_renamed_port_is_renamed() -> None:
    """ServiceRouter_Update: the Canary's new port name reaches the Service."""
    made = render("podinfo-canary", canary())

    assert merge_patch(made, render("podinfo-canary", canary(portName="grpc"), made)) == {
        "spec": {"ports": [{"name": "grpc", "protocol": "TCP", "port": 9898, "targetPort": 9898}]}
    }


def test_the_order_of_ports_says_nothing() -> None:
    """The same ports in another order are not a change."""
    source = target({"name": "podinfo", "ports": [{"name": "grpc", "containerPort": 9999}]})
    made = render("podinfo", canary(portDiscovery=True), source=source)
    turned = {**made, "spec": {**made["spec"], "ports": made["spec"]["ports"][::-1]}}

    assert merge_patch(turned, render("podinfo", canary(portDiscovery=True), turned, source)) == {}


def test_a_port_whose_every_name_is_taken_is_left_out() -> None:
    """Names of ports are unique in a Service: the number is added once, and the API server would refuse a second."""
    ports = [("side", 8081), ("side-8082", 9090), ("side", 8082)]
    source = target({"name": "podinfo", "ports": [{"name": name, "containerPort": number} for name, number in ports]})

    made = render("podinfo", canary(portDiscovery=True), source=source)["spec"]["ports"]

    assert [port["name"] for port in made] == ["http", "side", "side-8082"]
