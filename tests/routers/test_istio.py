"""Istio's objects from weights and back."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.rollout.objects import merge_patch
from handlers.rollout.weights import Weights
from handlers.routers import ROUTERS, istio
from tests.routers.istio_objects import OWNER, SERVICES, WEIGHT, canary, routed, rule, shares

RECORDED = json.loads((Path(__file__).parents[1] / "samples/flagger/service-full.json").read_text())
FLUX = {"kustomize.toolkit.fluxcd.io/reconcile": "disabled", "helm.toolkit.fluxcd.io/driftDetection": "disabled"}


def recorded(virtual_service: dict[str, Any]) -> dict[str, Any]:
    """A VirtualService in the short form of the recordings."""
    spec = virtual_service["spec"]
    short = {key: value for key, value in rule(virtual_service).items() if key != "route"}
    return {**spec, "http": [{"to": dict(shares(virtual_service)), **short}]}


@pytest.mark.parametrize(("nth", "weight"), list(enumerate([0, 50, 0])))
def test_routes_are_those_that_flagger_writes(nth: int, weight: int) -> None:
    """Recorded scenario service-full: every field of the VirtualService at each of its three writes."""
    writes = [write for name, write in RECORDED["writes"] if name == "vs"]

    assert recorded(routed(canary(**RECORDED["service"]), weight, False, None)) == writes[nth]


def test_destination_rules_are_those_that_flagger_writes() -> None:
    """Recorded scenario service-full: the canary's, then the primary's, with the traffic policy."""
    made = istio.destinations(canary(**RECORDED["service"]), {})

    writes = [(name, write) for name, write in RECORDED["writes"] if name.startswith("dr ")]
    assert [(f"dr {ref.name}", obj["spec"]) for ref, obj in made] == writes


def test_istio_is_the_router_of_its_provider() -> None:
    """A Canary's `provider: istio` finds this router."""
    assert ROUTERS["istio"] is istio


def test_made_objects_belong_to_their_canary() -> None:
    """Sync: two DestinationRules and a VirtualService with one rule and two routes, all owned by the Canary.

    Flagger's TestIstioRouter_Sync.
    """
    route = routed(canary(), 0, False, None)

    assert shares(route) == [("podinfo-primary", 100), ("podinfo-canary", 0)]
    for obj in (route, *(made for _, made in istio.destinations(canary(), {}))):
        assert obj["apiVersion"] == "networking.istio.io/v1beta1"
        assert obj["metadata"]["namespace"] == "default"
        assert obj["metadata"]["ownerReferences"][0] | OWNER == obj["metadata"]["ownerReferences"][0]
    assert route["kind"] == "VirtualService"
    assert route["metadata"]["annotations"] == FLUX
    assert "labels" not in route["metadata"]


def test_drift_of_hosts_and_gateways_is_put_right() -> None:
    """Sync: a host that the Canary adds comes in, a gateway that somebody added goes.

    Flagger's TestIstioRouter_Sync.
    """
    made = routed(canary(gateways=["istio/public", "mesh"]), 0, False, None)
    drifted = {**made, "spec": {**made["spec"], "gateways": ["istio/public", "mesh", "istio-system/test-gateway"]}}

    healed = routed(canary(gateways=["istio/public", "mesh"], hosts=["test.example.com"]), 0, False, drifted)

    assert healed["spec"]["gateways"] == ["istio/public", "mesh"]
    assert healed["spec"]["hosts"] == ["test.example.com", "podinfo"]


def test_weights_are_set() -> None:
    """SetRoutes, normal: 60/40 without a mirror, and nothing else changes.

    Flagger's TestIstioRouter_SetRoutes.
    """
    made = routed(canary(timeout="15s"), 0, False, None)

    set_to_40 = routed(canary(timeout="15s"), 40, False, made)

    assert shares(set_to_40) == [("podinfo-primary", 60), ("podinfo-canary", 40)]
    assert merge_patch(made, set_to_40).keys() == {"spec"}
    assert "mirror" not in rule(set_to_40)


def test_a_mirrored_route_copies_requests() -> None:
    """SetRoutes, mirror: all traffic to the primary and a copy to the canary; without it, no mirror is left over.

    Flagger's TestIstioRouter_SetRoutes.
    """
    mirrored = routed(canary(), 0, True, None)

    assert shares(mirrored) == [("podinfo-primary", 100), ("podinfo-canary", 0)]
    assert rule(mirrored)["mirror"] == {"host": "podinfo-canary"}
    assert "mirror" not in rule(routed(canary(), 0, False, mirrored))


@pytest.mark.parametrize(
    ("http", "expected"),
    [
        pytest.param(rule(routed(canary(), 0, False, None)), Weights(100, 0), id="GetRoutes"),
        pytest.param(rule(routed(canary(), 0, True, None)), Weights(100, 0, mirrored=True), id="GetRoutes: mirror"),
        pytest.param(
            {
                "route": [
                    {"destination": {"host": "podinfo-canary.default.svc.cluster.local"}, "weight": 30},
                    {"destination": {"host": "podinfo-primary.default.svc.cluster.local"}, "weight": 70},
                ]
            },
            Weights(70, 30),
            id="full names, in another order",
        ),
        pytest.param(
            {
                "route": [
                    {"destination": {"host": "podinfo-primary"}},
                    {"destination": {"host": "podinfo-canary"}, "weight": 100},
                ]
            },
            Weights(0, 100),
            id="no weight is zero",
        ),
        pytest.param({"route": [{"destination": {"host": "podinfo-primary"}, "weight": 100}]}, None, id="one side"),
        pytest.param(
            {"route": [{"destination": {"host": "podinfo-primary"}}, {"destination": {"host": "podinfo-canary"}}]},
            None,
            id="no weights at all",
        ),
        pytest.param({"route": [{"destination": {"host": "podinfo"}}]}, None, id="an adopted route"),
        pytest.param({"redirect": {"uri": "/"}}, None, id="no route"),
        pytest.param({"route": [{}]}, None, id="no destination"),
    ],
)
def test_weights_are_read_back(http: dict[str, Any], expected: Weights | None) -> None:
    """What a rule does is told by both its sides; other rules before it are passed over.

    Flagger's TestIstioRouter_GetRoutes.
    """
    other = {"route": [{"destination": {"host": "elsewhere"}, "weight": 100}]}

    assert istio.weights(canary(), {"spec": {"http": [other, http]}}) == expected


def test_an_empty_route_has_no_weights() -> None:
    """A VirtualService without HTTP rules leads nowhere."""
    assert istio.weights(canary(), {"spec": {"tcp": []}}) is None


def test_the_fence_of_a_step_survives() -> None:
    """Rendering keeps the nonce that another step has written, though we are its field manager."""
    made = routed(canary(), 0, False, None)
    fields: dict[str, Any] = {"f:metadata": {"f:annotations": {"f:serinus.dev/step": {}}}}
    made["metadata"] |= {
        "annotations": made["metadata"]["annotations"] | {"serinus.dev/step": "n-1"},
        "managedFields": [{"manager": "serinus", "fieldsV1": fields}],
    }

    assert merge_patch(made, routed(canary(), 0, False, made)) == {}


@given(service=SERVICES, weight=WEIGHT, mirrored=st.booleans())
def test_weights_survive_the_round_trip(service: dict[str, Any], weight: int, mirrored: bool) -> None:
    """What is rendered reads back the same, and the two sides always share the whole traffic."""
    route = routed(canary(**service), weight, mirrored, None)

    assert istio.weights(canary(**service), route) == Weights(100 - weight, weight, mirrored)
    assert sum(share for _, share in shares(route)) == 100


@given(
    service=SERVICES,
    steps=st.lists(WEIGHT, min_size=1, max_size=4),
    owner=st.sampled_from([[OWNER], []]),
    extra=st.dictionaries(st.sampled_from(["exportTo", "x-1"]), st.lists(st.text(max_size=2)), max_size=2),
)
def test_rendering_twice_changes_nothing(
    service: dict[str, Any], steps: list[int], owner: list[dict[str, Any]], extra: dict[str, Any]
) -> None:
    """Whatever the way to a weight, rendering it again is stable, keeps unknown fields and changes no argument."""
    spec = canary(**service)
    existing = {"metadata": {"ownerReferences": owner, "annotations": {"note": "1"}}, "spec": extra, "x-top": extra}
    rules = dict.fromkeys(istio.destination_refs(spec), existing)
    before = copy.deepcopy((existing, service))

    route: dict[str, Any] = existing
    for weight in steps:
        route = routed(spec, weight, False, route)
    once = dict(istio.destinations(spec, rules))

    assert merge_patch(route, routed(spec, steps[-1], False, route)) == {}
    assert merge_patch(once, dict(istio.destinations(spec, once))) == {}
    for obj in (route, *once.values()):
        assert {key: obj["spec"][key] for key in extra} == extra
        assert obj["x-top"] == extra
        assert obj["metadata"]["annotations"]["note"] == "1"
    assert (existing, service) == before
