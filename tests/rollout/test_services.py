"""The three Services: made, adopted, and kept as the spec says."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.rollout.objects import merge_patch
from handlers.rollout.objects.services import apex_service, canary_service, primary_service
from handlers.rollout.spec import canary as specs
from handlers.rollout.spec.canary import Canary

RECORDED = json.loads((Path(__file__).parents[1] / "samples/flagger/service-full.json").read_text())
FLUX = {"kustomize.toolkit.fluxcd.io/reconcile": "disabled", "helm.toolkit.fluxcd.io/driftDetection": "disabled"}
RENDER = {"podinfo-canary": canary_service, "podinfo-primary": primary_service, "podinfo": apex_service}
OWNER = {"kind": "Canary", "name": "podinfo", "uid": "u-1", "controller": True}
TEXTS = st.dictionaries(st.sampled_from(["a", "b", "c", "app"]), st.text(max_size=2), max_size=3)


def canary(**service: Any) -> Canary:
    """A Canary with this service section."""
    spec = {"targetRef": {"kind": "Deployment", "name": "podinfo"}, "skipAnalysis": True}
    spec["service"] = {"port": 9898} | service
    return specs.parse({"metadata": {"namespace": "default", "name": "podinfo", "uid": "u-1"}, "spec": spec})


def target(*containers: Any) -> dict[str, Any]:
    """A target with these containers."""
    return {"spec": {"template": {"spec": {"containers": list(containers)}}}}


def render(
    name: str, spec: Canary, existing: dict[str, Any] | None = None, source: dict[str, Any] | None = None
) -> dict[str, Any]:
    """One of the Services by its name."""
    return RENDER[name](spec, source or {}, "app", "podinfo", existing)


def written(service: dict[str, Any], *wrote: tuple[str, str], manager: str = "serinus") -> dict[str, Any]:
    """The Service as the API server shows it after these (field, key) were written by a manager."""
    fields: dict[str, Any] = {}
    for field, key in wrote:
        fields.setdefault(f"f:{field}", {})[f"f:{key}"] = {}
    entry = {"manager": manager, "fieldsV1": {"f:metadata": fields}}
    meta = service["metadata"]
    return {**service, "metadata": {**meta, "managedFields": [*meta.get("managedFields", []), entry]}}


@pytest.mark.parametrize("kind", ["svc web-canary", "svc web-primary", "svc web"])
def test_services_are_those_that_flagger_makes(kind: str) -> None:
    """Recorded scenario service-full: selectors, ports, labels and annotations of all three."""
    spec = canary(**RECORDED["service"])
    functions = {"svc web-canary": canary_service, "svc web-primary": primary_service, "svc web": apex_service}

    made = functions[kind](spec, {}, "app", "app", None)

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


def test_a_renamed_port_is_renamed() -> None:
    """ServiceRouter_Update: the Canary's new port name reaches the Service."""
    made = render("podinfo-canary", canary())

    assert merge_patch(made, render("podinfo-canary", canary(portName="grpc"), made)) == {
        "spec": {"ports": [{"name": "grpc", "protocol": "TCP", "port": 9898, "targetPort": 9898}]}
    }


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


def test_the_order_of_ports_says_nothing() -> None:
    """The same ports in another order are not a change."""
    source = target({"name": "podinfo", "ports": [{"name": "grpc", "containerPort": 9999}]})
    made = render("podinfo", canary(portDiscovery=True), source=source)
    turned = {**made, "spec": {**made["spec"], "ports": made["spec"]["ports"][::-1]}}

    assert merge_patch(turned, render("podinfo", canary(portDiscovery=True), turned, source)) == {}


def test_an_adopted_apex_gives_us_selector_and_ports() -> None:
    """A Service that the user made keeps its labels, annotations, owner and type; Flux is told to leave it alone.

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
        "metadata": {"annotations": FLUX},
        "spec": {"selector": {"app": "podinfo-primary", "tier": None}, "ports": [port]},
    }


@pytest.mark.parametrize(
    ("owner", "ours"),
    [
        pytest.param([OWNER], True, id="owned"),
        pytest.param([OWNER | {"kind": "Deployment"}], False, id="owner ref but kind not Canary"),
        pytest.param([OWNER | {"name": "notpodinfo", "uid": "u-2"}], False, id="owner ref but another Canary"),
        pytest.param([], False, id="no owner ref"),
        pytest.param(None, False, id="nothing known"),
    ],
)
def test_only_an_owned_service_gets_labels(owner: Any, ours: bool) -> None:
    """ServiceRouter_isOwnedByCanary: what another made keeps its labels."""
    existing = {"metadata": {"name": "podinfo", "ownerReferences": owner}, "spec": {}}

    assert ("labels" in render("podinfo", canary(), existing)["metadata"]) is ours


def test_metadata_is_declared_for_each_service() -> None:
    """ServiceRouter_InitializeMetadata: the canary's has it, the primary's has only what Flux needs to see."""
    spec = canary(canary={"labels": {"test": "test"}, "annotations": {"test": "test"}})

    assert render("podinfo-canary", spec)["metadata"]["labels"] == {"test": "test", "app": "podinfo-canary"}
    assert render("podinfo-canary", spec)["metadata"]["annotations"] == {"test": "test", **FLUX}
    assert render("podinfo-primary", spec)["metadata"]["labels"] == {"app": "podinfo-primary"}
    assert render("podinfo-primary", spec)["metadata"]["annotations"] == FLUX


def test_changed_metadata_is_brought_in() -> None:
    """ServiceRouter_ReconcileMetadata: new values are written, and what we declared before and declare no more goes."""
    before = canary(apex={"labels": {"test": "test"}, "annotations": {"test": "test"}})
    after = canary(apex={"labels": {"test": "test1"}, "annotations": {"test1": "test"}})
    ours = [("labels", "test"), ("labels", "app"), ("annotations", "test"), *(("annotations", key) for key in FLUX)]
    existing = written(render("podinfo", before), *ours)

    patch = merge_patch(existing, render("podinfo", after, existing))

    assert patch == {"metadata": {"labels": {"test": "test1"}, "annotations": {"test": None, "test1": "test"}}}


@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_strangers_metadata_stays(field: str) -> None:
    """What others wrote, or wrote as well, or we wrote under our own prefix, is not ours to remove.

    Flagger's TestServiceRouter_UnmanagedAnnotations, TestServiceRouter_UnmanagedLabels.
    """
    made = render("podinfo", canary())
    keys = {"theirs": "1", "both": "1", "serinus.dev/step": "n-1"}
    marked = {**made, "metadata": {**made["metadata"], field: made["metadata"][field] | keys}}
    existing = written(written(marked, (field, "both"), (field, "serinus.dev/step")), (field, "both"), manager="argocd")

    assert merge_patch(existing, render("podinfo", canary(), existing)) == {}


@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_unmanaged_metadata_is_left_to_others(field: str) -> None:
    """ServiceRouter_Unmanaged*: declared values come back, unmanaged ones keep the value that somebody gave them.

    Flagger's TestServiceRouter_UnmanagedAnnotations, TestServiceRouter_UnmanagedLabels,
    TestServiceRouter_UnmanagedMetadata_AnnotationsAndLabels.
    """
    spec = canary(apex={field: {"test": "expected", "open": "ours"}}, unmanagedMetadata={field: ["open", "absent"]})
    made = render("podinfo", spec)
    changed = {"test": "newvalue", "open": "theirs"}
    existing = {**made, "metadata": {**made["metadata"], field: made["metadata"][field] | changed}}

    found = render("podinfo", spec, existing)["metadata"][field]

    assert {key: found.get(key) for key in ("test", "open", "absent")} == {
        "test": "expected",
        "open": "theirs",
        "absent": None,
    }


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
