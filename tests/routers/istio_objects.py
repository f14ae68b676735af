"""Canaries, and Istio's objects that are made for them."""

from typing import Any

from hypothesis import strategies as st

from handlers.rollout.spec import canary as specs
from handlers.rollout.spec.canary import Canary
from handlers.rollout.weights import Split
from handlers.routers import istio

OWNER = {"kind": "Canary", "name": "podinfo", "uid": "u-1", "controller": True}
WEIGHT = st.integers(0, 100)
SERVICES = st.fixed_dictionaries(
    {"port": st.integers(1, 65535)},
    optional={
        "name": st.just("web"),
        "hosts": st.lists(st.sampled_from(["a.example.com", "*", "podinfo", "web.default.svc.cluster.local"])),
        "gateways": st.lists(st.sampled_from(["mesh", "istio-system/public"])),
        "portDiscovery": st.booleans(),
        "match": st.just([{"uri": {"prefix": "/"}}]),
        "rewrite": st.sampled_from([{"uri": "/"}, {"type": "ReplacePrefixMatch"}]),
        "timeout": st.just("15s"),
        "trafficPolicy": st.just({"tls": {"mode": "DISABLE"}}),
        "apex": st.just({"labels": {"a": "1"}, "annotations": {"b": "2"}}),
    },
)


def canary(**service: Any) -> Canary:
    """A Canary with this service section."""
    spec = {"targetRef": {"kind": "Deployment", "name": "podinfo"}, "skipAnalysis": True}
    spec["service"] = {"port": 9898} | service
    return specs.parse({"metadata": {"namespace": "default", "name": "podinfo", "uid": "u-1"}, "spec": spec})


def routed(spec: Canary, weight: int, mirrored: bool, existing: dict[str, Any] | None) -> dict[str, Any]:
    """The VirtualService at a weight."""
    return istio.route(spec, Split(weight=weight, mirrored=mirrored), existing)


def rule(virtual_service: dict[str, Any]) -> Any:
    """The only HTTP rule of a VirtualService."""
    (only,) = virtual_service["spec"]["http"]
    return only


def shares(virtual_service: dict[str, Any]) -> list[tuple[str, int]]:
    """Hosts and weights of the only rule, in order."""
    return [(side["destination"]["host"], side["weight"]) for side in rule(virtual_service)["route"]]
