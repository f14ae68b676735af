"""The three Services: made, adopted, and kept as the spec says."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.rollout.objects import merge_patch
from handlers.rollout.objects.ownership import KEEPER
from handlers.rollout.objects.services import apex_service, canary_service, primary_service
from tests.rollout.services import OWNER, RENDER, TEXTS, behind, canary, render, target
from tests.rollout.test_service_metadata import FLUX

RECORDED = json.loads((Path(__file__).parents[1] / "samples/flagger/service-full.json").read_text())


@pytest.mark.parametrize("kind", ["svc web-canary", "svc web-primary", "svc web"])
def test_services_are_those_that_flagger_makes(kind: str) -> None:
    """Recorded scenario service-full: selectors, ports, labels and annotations of all three."""
    spec = canary(**RECORDED["service"])
    functions = {"svc web-canary": canary_service, "svc web-primary": primary_service, "svc web": apex_service}

    made = functions[kind](spec, behind({}, {"app": "app"}), None)

    expected = next(write for name, write in RECORDED["writes"] if name == kind)
    assert {part: made["spec"][part] for part in ("selector", "ports")} == {
        part: expected[part] for part in ("selector", "ports")
    }
    assert {part: made["metadata"][part] for part in ("labels", "annotations")} == {
        part: expected[part] for part in ("labels", "annotations")
    }


def test_a_made_service_belongs_to_its_canary() -> None:
    """It goes when the Canary goes, and is an ordinary ClusterIP Service."""
    made = render("podinfo-canary", canary())

    assert made["apiVersion"] == "v1"
    assert made["kind"] == "Service"
    assert made["metadata"]["name"] == "podinfo-canary"
    assert made["metadata"]["namespace"] == "default"
    assert made["metadata"]["ownerReferences"][0] | OWNER == made["metadata"]["ownerReferences"][0]
    assert made["spec"]["type"] == "ClusterIP"
    assert "clusterIP" not in made["spec"]


@pytest.mark.parametrize("name", RENDER)
def test_a_headless_service_has_no_address(name: str) -> None:
    """ServiceRouter_Create: headless, with the protocol of the spec."""
    made = render(name, canary(headless=True, appProtocol="http"))["spec"]

    assert made["clusterIP"] == "None"
    assert made["ports"] == [
        {"name": "http", "protocol": "TCP", "port": 9898, "targetPort": 9898, "appProtocol": "http"}
    ]


@pytest.mark.parametrize("name", RENDER)
def test_traffic_distribution_is_said(name: str) -> None:
    """ServiceRouter_TrafficDistribution: on all three."""
    assert render(name, canary(trafficDistribution="PreferClose"))["spec"]["trafficDistribution"] == "PreferClose"


@pytest.mark.parametrize(
    "drift",
    [
        pytest.param({"ports": [{"name": "http2-podinfo", "protocol": "TCP", "port": 8080}]}, id="ServiceRouter_Undo"),
        pytest.param(
            {
                "ports": [
                    {"name": "http", "protocol": "TCP", "port": 9898, "targetPort": 9898},
                    {"name": "more", "protocol": "TCP", "port": 1},
                ]
            },
            id="one port more",
        ),
        pytest.param({"selector": {"app": "somebody", "tier": "web"}}, id="selector"),
    ],
)
def test_drift_is_undone(drift: dict[str, Any]) -> None:
    """Ports and selector come back to what the spec says, and nothing else is touched.

    Flagger's TestServiceRouter_Undo.
    """
    made = render("podinfo-canary", canary())
    drifted = {**made, "spec": {**made["spec"], **drift, "sessionAffinity": "ClientIP"}}

    healed = render("podinfo-canary", canary(), drifted)

    assert healed["spec"] == made["spec"] | {"sessionAffinity": "ClientIP"}


def test_what_kubernetes_gave_a_service_stays() -> None:
    """Node ports (by the port's name), addresses and what we do not know survive; an old protocol goes."""
    made = render("podinfo", canary())
    given_by_server = {"clusterIP": "10.0.0.7", "type": "NodePort", "ipFamilies": ["IPv4"]}
    old = {"name": "http", "protocol": "TCP", "port": 80, "nodePort": 30080, "x-new": 1, "appProtocol": "http"}
    existing = {**made, "spec": {**made["spec"], **given_by_server, "ports": [old]}}

    body = render("podinfo", canary(), existing)["spec"]

    assert {key: body[key] for key in given_by_server} == given_by_server
    assert body["ports"] == [
        {"name": "http", "protocol": "TCP", "port": 9898, "targetPort": 9898, "nodePort": 30080, "x-new": 1}
    ]


def test_an_adopted_apex_gives_us_selector_and_ports() -> None:
    """A Service that the user made keeps its labels, annotations, owner and type; Flux is told to leave it alone,
    and other Canaries.

    Flagger's kubernetes/test-deployment.
    """
    existing = {
        "metadata": {
            "name": "podinfo",
            "labels": {"team": "web"},
            "annotations": {"note": "1"},
            "ownerReferences": [{"kind": "App", "name": "shop", "uid": "u-9"}],
        },
        "spec": {
            "type": "LoadBalancer",
            "selector": {"app": "podinfo", "tier": "web"},
            "ports": [{"name": "http", "port": 80, "nodePort": 30080}],
        },
    }
    spec = canary(apex={"labels": {"a": "1"}, "annotations": {"b": "2"}}, trafficDistribution="PreferClose")

    port = {"name": "http", "protocol": "TCP", "port": 9898, "targetPort": 9898, "nodePort": 30080}
    assert merge_patch(existing, render("podinfo", spec, existing)) == {
        "metadata": {"annotations": FLUX | {KEEPER: "podinfo"}},
        "spec": {"selector": {"app": "podinfo-primary", "tier": None}, "ports": [port]},
    }


def test_a_discovered_port_with_the_name_of_a_port_of_the_owner_gets_a_name_of_its_own() -> None:
    """Two ports of one Service may not have one name, and the owner's stays as it is."""
    theirs = {"name": "metrics", "protocol": "TCP", "port": 9100, "targetPort": 9100}
    existing = {
        "metadata": {"name": "podinfo"},
        "spec": {"selector": {"app": "podinfo"}, "ports": [{"name": "http", "port": 9898}, theirs]},
    }
    source = target({"name": "podinfo", "ports": [{"name": "metrics", "containerPort": 9090}]})

    ports = render("podinfo", canary(portDiscovery=True), existing, source)["spec"]["ports"]

    assert {port["name"]: port["port"] for port in ports} == {"http": 9898, "metrics": 9100, "metrics-9090": 9090}


@given(
    name=st.sampled_from(sorted(RENDER)),
    declared=st.fixed_dictionaries({"labels": TEXTS, "annotations": TEXTS}),
    present=st.fixed_dictionaries({"labels": TEXTS, "annotations": TEXTS}),
    owner=st.sampled_from([[OWNER], []]),
    unmanaged=st.lists(st.sampled_from(["a", "b"])),
    extra=st.dictionaries(st.sampled_from(["x-1", "clusterIP"]), st.text(max_size=3)),
    discovery=st.booleans(),
)
def test_rendering_a_service_twice_changes_nothing(  # noqa: PLR0913, PLR0917  one per drawn part
    name: str,
    declared: dict[str, Any],
    present: dict[str, Any],
    owner: list[dict[str, Any]],
    unmanaged: list[str],
    extra: dict[str, Any],
    discovery: bool,
) -> None:
    """Rendering is stable, keeps fields that it does not know, and leaves its arguments as they were."""
    sides = {"apex": declared, "canary": declared, "primary": declared}
    spec = canary(portDiscovery=discovery, unmanagedMetadata={"labels": unmanaged, "annotations": unmanaged}, **sides)
    source = target({"name": "podinfo", "ports": [{"name": "grpc", "containerPort": 9999}]})
    existing = {"metadata": {"name": name, "ownerReferences": owner, **present}, "spec": extra, "status": extra}
    before = copy.deepcopy((source, existing))

    once = render(name, spec, existing, source)
    made = render(name, spec, None, source)

    assert merge_patch(once, render(name, spec, once, source)) == {}
    assert merge_patch(made, render(name, spec, made, source)) == {}
    assert {key: once["spec"][key] for key in extra} == extra
    assert once["status"] == extra
    for field in ("labels", "annotations"):
        assert present[field].keys() <= once["metadata"].get(field, {}).keys()
    assert (source, existing) == before
