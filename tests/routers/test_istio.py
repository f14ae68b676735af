"""Istio's objects from weights and back."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.errors import BadCanary
from handlers.rollout.objects import DESTINATION_RULE, Ref, merge_patch
from handlers.rollout.spec import canary as specs
from handlers.rollout.spec.canary import Canary
from handlers.rollout.weights import Split, Weights
from handlers.routers import ROUTERS, istio

RECORDED = json.loads((Path(__file__).parents[1] / "samples/flagger/service-full.json").read_text())
FLUX = {"kustomize.toolkit.fluxcd.io/reconcile": "disabled", "helm.toolkit.fluxcd.io/driftDetection": "disabled"}
OWNER = {"kind": "Canary", "name": "podinfo", "uid": "u-1", "controller": True}
KUBECTL = "kubectl.kubernetes.io/last-applied-configuration"
FLAGGER = "flagger.kubernetes.app/original-configuration"
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


def adoptable(**annotations: str) -> dict[str, Any]:
    """A VirtualService that the user made."""
    return {
        "metadata": {"name": "podinfo", "labels": {"team": "web"}, "annotations": {"note": "1", **annotations}},
        "spec": {
            "hosts": ["a.example.com"],
            "gateways": ["istio/public"],
            "exportTo": ["."],
            "http": [{"route": [{"destination": {"host": "podinfo"}}]}],
        },
    }


def test_an_adopted_route_is_kept_as_it_was() -> None:
    """The first rendering saves the user's spec; labels, annotations and fields that are not ours stay."""
    existing = adoptable()

    adopted = routed(canary(apex={"labels": {"a": "1"}}), 0, False, existing)

    assert json.loads(adopted["metadata"]["annotations"].pop(istio.ORIGINAL)) == existing["spec"]
    assert adopted["metadata"] == {
        "name": "podinfo",
        "labels": {"team": "web", "a": "1"},
        "annotations": {"note": "1", **FLUX},
    }
    assert adopted["spec"]["exportTo"] == ["."]
    assert adopted["spec"]["hosts"] == ["podinfo"]


def test_later_renderings_keep_the_first_saved_spec() -> None:
    """What is saved is what the user wrote, never what we made of it."""
    adopted = routed(canary(), 0, False, adoptable())

    later = routed(canary(), 50, False, adopted)

    assert later["metadata"] == adopted["metadata"]


@pytest.mark.parametrize(
    "existing",
    [
        pytest.param(adoptable(**{KUBECTL: "{}"}), id="kubectl keeps it"),
        pytest.param(adoptable(**{FLAGGER: "{}"}), id="Flagger kept it"),
        pytest.param({"metadata": {"ownerReferences": [OWNER]}, "spec": {}}, id="it is ours"),
    ],
)
def test_nothing_is_saved_twice(existing: dict[str, Any]) -> None:
    """An object that is ours, or whose origin is kept already, gets no saved spec."""
    assert istio.ORIGINAL not in routed(canary(), 0, False, existing)["metadata"]["annotations"]


def test_an_adopted_destination_rule_keeps_what_is_not_ours() -> None:
    """Host and traffic policy follow the spec, also when it has no policy; subsets and labels stay."""
    ref = Ref(DESTINATION_RULE, "default", "podinfo-canary")
    spec = {"host": "x", "subsets": [{"name": "v1"}], "trafficPolicy": {"tls": {"mode": "SIMPLE"}}}
    existing = {"metadata": {"name": ref.name, "labels": {"team": "web"}}, "spec": spec}

    adopted = dict(istio.destinations(canary(), {ref: existing}))[ref]

    assert json.loads(adopted["metadata"]["annotations"][istio.ORIGINAL]) == spec
    assert adopted["metadata"]["labels"] == {"team": "web"}
    assert adopted["spec"] == {"host": "podinfo-canary", "subsets": [{"name": "v1"}]}


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
    extra=st.dictionaries(st.sampled_from(["exportTo", "tls", "x-1"]), st.lists(st.text(max_size=2)), max_size=2),
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


@pytest.mark.parametrize(
    ("kept", "rules"),
    [
        pytest.param({"hosts": ["a.test"], "http": []}, [], id="what was adopted is as it was"),
        pytest.param("{", [{"route": [{"destination": {"host": "podinfo"}, "weight": 100}]}], id="an unreadable one"),
        pytest.param(["a"], [{"route": [{"destination": {"host": "podinfo"}, "weight": 100}]}], id="no spec at all"),
    ],
)
def test_an_adopted_route_is_given_back(kept: Any, rules: list[Any]) -> None:
    """By the spec that it had; where nobody knows it any more, it leads to the apex Service.

    Flagger's TestIstioRouter_Finalize.
    """
    theirs = routed(canary(), 20, mirrored=False, existing=None)
    marks = {istio.ORIGINAL: kept if isinstance(kept, str) else json.dumps(kept)}
    theirs["metadata"] = {"name": "podinfo", "namespace": "default", "annotations": marks}
    ((ref, back),) = istio.restored(canary(), {canary().route_ref: theirs})
    assert ref == canary().route_ref
    assert back["spec"]["http"] == rules
