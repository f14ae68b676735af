"""A Canary is read as Flagger reads it; every mistake is named by its field."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.errors import BadCanary
from handlers.rollout.spec.analysis import Analysis
from handlers.rollout.spec.canary import Canary, CanaryService, CustomMetadata, parse
from tests.rollout.examples import canary_object, seconds

ONLY_ISTIO = '"istio", the only provider of this version'
LABEL = "a DNS label of at most 55 characters"


def service(**fields: Any) -> CanaryService:
    """The service of a Canary with these fields in it."""
    return parse(canary_object(service={"port": 9898} | fields)).service


def test_the_smallest_canary_has_flaggers_defaults() -> None:
    """Target, port and a step are all that must be said."""
    canary = parse(canary_object())
    assert canary == Canary(
        namespace="test",
        name="podinfo",
        uid="u-1",
        generation=3,
        deleting=False,
        target_name="podinfo",
        service=CanaryService(apex="podinfo", port=9898, port_name="http", target_port=0),
        analysis=Analysis(interval=seconds(60), threshold=2, max_weight=50, step_weight=10),
        metrics_server="",
        ingress="podinfo",
        route="podinfo",
        progress_deadline=seconds(600),
        skip_analysis=False,
        suspend=False,
        annotations={},
    )


def test_a_canary_names_its_objects_as_flagger_does() -> None:
    """Target and primary by the target, Services and route by the apex."""
    canary = parse(canary_object(service={"port": 80, "name": "web"}))
    assert [str(ref) for ref in (canary.ref, canary.target, canary.primary, canary.route_ref)] == [
        "Canary test/podinfo",
        "Deployment test/podinfo",
        "Deployment test/podinfo-primary",
        "VirtualService test/web",
    ]
    assert str(canary.service_ref(canary.service.primary)) == "Service test/web-primary"
    assert canary.service.canary == "web-canary"


@pytest.mark.parametrize(
    ("spec", "name", "value"),
    [
        pytest.param({"progressDeadlineSeconds": 60}, "progress_deadline", seconds(60), id="deadline"),
        pytest.param({"progressDeadlineSeconds": 0}, "progress_deadline", seconds(0), id="a deadline of zero is one"),
        pytest.param({"skipAnalysis": True}, "skip_analysis", True, id="skipAnalysis"),
        pytest.param({"skipAnalysis": True, "analysis": {}}, "skip_analysis", True, id="without steps"),
        pytest.param({"analysis": None}, "skip_analysis", True, id="no analysis skips it, as Canary.SkipAnalysis"),
        pytest.param({"suspend": True}, "suspend", True, id="suspend"),
        pytest.param({"provider": "istio"}, "metrics_server", "", id="the provider by its name"),
        pytest.param({"provider": ""}, "metrics_server", "", id="or by default"),
        pytest.param({"metricsServer": "http://prom:9090"}, "metrics_server", "http://prom:9090", id="metricsServer"),
        pytest.param({"ingressRef": {"name": "in"}}, "ingress", "in", id="ingressRef, for templates"),
        pytest.param({"routeRef": {"name": "route"}}, "route", "route", id="routeRef, for templates"),
        pytest.param({"targetRef": {"name": "podinfo"}}, "target_name", "podinfo", id="a Deployment by default"),
        pytest.param({"autoscalerRef": None}, "suspend", False, id="nothing asked for"),
        pytest.param({"upstreamRef": {"name": "up"}}, "suspend", False, id="upstreamRef, for another ingress"),
        pytest.param({"revertOnDeletion": True}, "revert_on_deletion", True, id="revertOnDeletion"),
        pytest.param({"revertOnDeletion": False}, "revert_on_deletion", False, id="a false flag asks for nothing"),
    ],
)
def test_a_field_of_the_spec(spec: dict[str, Any], name: str, value: Any) -> None:
    """What is written, and what Flagger makes of it."""
    assert getattr(parse(canary_object(**spec)), name) == value


VERBATIM = {"trafficPolicy": {"tls": {"mode": "DISABLE"}}, "rewrite": {"uri": "/"}, "retries": {"attempts": 3}}
VERBATIM |= {"headers": {"request": {}}, "corsPolicy": {"allowOrigins": []}}


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({"portName": "grpc"}, "port_name", "grpc"),
        ({"targetPort": 8080}, "target_port", 8080),
        ({"targetPort": "8080"}, "target_port", 8080),
        ({"targetPort": "http"}, "target_port", "http"),
        ({"targetPort": None}, "target_port", 0),
        ({"appProtocol": "http"}, "app_protocol", "http"),
        ({"trafficDistribution": "PreferClose"}, "traffic_distribution", "PreferClose"),
        ({"portDiscovery": True}, "port_discovery", True),
        ({"headless": True}, "headless", True),
        ({"gateways": ["mesh"]}, "gateways", ("mesh",)),
        ({"hosts": ["a.test", "b.test"]}, "hosts", ("a.test", "b.test")),
        ({"delegation": True}, "delegation", True),
        ({"match": [{"uri": {"prefix": "/"}}]}, "match", ({"uri": {"prefix": "/"}},)),
        ({"timeout": "15s"}, "timeout", "15s"),
        (VERBATIM, "traffic_policy", VERBATIM["trafficPolicy"]),
        (VERBATIM, "rewrite", VERBATIM["rewrite"]),
        (VERBATIM, "retries", VERBATIM["retries"]),
        (VERBATIM, "headers", VERBATIM["headers"]),
        (VERBATIM, "cors_policy", VERBATIM["corsPolicy"]),
        ({"trafficPolicy": {}}, "traffic_policy", None),
        ({"apex": {"labels": {"a": "b"}}}, "apex_metadata", CustomMetadata(labels={"a": "b"})),
        ({"primary": {"annotations": {"a": "b"}}}, "primary_metadata", CustomMetadata(annotations={"a": "b"})),
        ({"canary": None}, "canary_metadata", CustomMetadata()),
        ({"unmanagedMetadata": {"labels": ["a"]}}, "unmanaged_labels", ("a",)),
        ({"unmanagedMetadata": {"annotations": ["b"]}}, "unmanaged_annotations", ("b",)),
        ({"mirror": False}, "mirror", False),
        ({"mirror": True}, "mirror", True),
        pytest.param(
            {"mirror": [{"backendRef": {"name": "x"}}]}, "mirror", False, id="the Gateway API's list of mirrors"
        ),
        ({"appProtocol": "TCP"}, "tcp", True),
    ],
)
def test_a_field_of_the_service(fields: dict[str, Any], name: str, value: Any) -> None:
    """What is written; Istio's own parts as they are."""
    assert getattr(service(**fields), name) == value


def test_canary_analysis_is_another_name_of_analysis() -> None:
    """v1alpha3's name; `analysis` counts, if both are there (Canary.GetAnalysis)."""
    old = {"stepWeight": 5}
    assert parse(canary_object(analysis=None, canaryAnalysis=old)).analysis.step_weight == 5
    assert parse(canary_object(canaryAnalysis=old)).analysis.step_weight == 10
    with pytest.raises(BadCanary, match=r"^spec\.canaryAnalysis\.stepWeight: 101 is not between 0 and 100$"):
        parse(canary_object(analysis=None, canaryAnalysis={"stepWeight": 101}))


def test_a_deleted_canary_says_so() -> None:
    """By its deletionTimestamp."""
    obj = canary_object()
    obj["metadata"]["deletionTimestamp"] = "2026-03-04T12:00:00Z"
    assert parse(obj).deleting


def test_the_time_scale_divides_durations() -> None:
    """Interval and deadline alike."""
    canary = parse(canary_object(), scale=60)
    assert (canary.analysis.interval, canary.progress_deadline) == (seconds(1), seconds(10))


def test_a_rollback_needs_no_valid_spec() -> None:
    """Leniently read, what is invalid is as if it was not there; only the target must have a name."""
    broken = canary_object(analysis={"stepWeight": "ten"})
    assert parse(broken, lenient=True).analysis == Analysis()
    with pytest.raises(BadCanary):
        parse(broken)
    assert parse(canary_object(autoscalerRef={"kind": "VPA", "name": "a"}), lenient=True).autoscaler is None
    with pytest.raises(BadCanary):
        parse(canary_object(targetRef={}), lenient=True)
    wrong: dict[str, Any] = {
        "provider": "linkerd",
        "metricsServer": "no address",
        "progressDeadlineSeconds": -1,
        "suspend": "yes",
    }
    assert parse(canary_object(**wrong), lenient=True) == parse(canary_object())
    assert parse(canary_object(service={"port": 99999}), lenient=True).service == CanaryService(
        apex="podinfo", port=0, readable=False
    )
    assert parse(canary_object(), lenient=True) == parse(canary_object())


SERVED = {"targetRef": {"kind": "Service", "name": "a"}}
HPA = {"kind": "HorizontalPodAutoscaler", "name": "a"}
SCALERS = "one of HorizontalPodAutoscaler, ScaledObject"
BAD = [
    ({"provider": "linkerd"}, f"spec.provider: 'linkerd' is not {ONLY_ISTIO}"),
    ({"provider": 1}, "spec.provider: 1 is not a string"),
    ({"autoscalerRef": {"name": "hpa"}}, "spec.autoscalerRef.kind: is required"),
    ({"autoscalerRef": {"kind": "VPA", "name": "a"}}, f"spec.autoscalerRef.kind: 'VPA' is not {SCALERS}"),
    ({"autoscalerRef": {"kind": "ScaledObject"}}, "spec.autoscalerRef.name: is required"),
    (
        {"autoscalerRef": HPA | {"name": "a/b"}},
        "spec.autoscalerRef.name: 'a/b' is not a DNS name of at most 245 characters",
    ),
    (
        {"autoscalerRef": HPA | {"primaryScalerReplicas": {"minReplicas": -1}}},
        "spec.autoscalerRef.primaryScalerReplicas.minReplicas: -1 is not between 0 and 2147483647",
    ),
    (
        {"autoscalerRef": HPA | {"primaryScalerQueries": {"a": 1}}},
        "spec.autoscalerRef.primaryScalerQueries.a: 1 is not a string",
    ),
    (
        {"targetRef": {"kind": "DaemonSet", "name": "a"}, "autoscalerRef": HPA},
        f"spec.autoscalerRef: {HPA!r} is not possible with a DaemonSet, which has no replicas",
    ),
    ({"targetRef": None}, "spec.targetRef.name: is required"),
    (
        {"targetRef": {"kind": "StatefulSet", "name": "a"}},
        "spec.targetRef.kind: 'StatefulSet' is not one of Deployment, DaemonSet, Service",
    ),
    (
        SERVED | {"service": {"port": 80, "name": "b"}},
        "spec.service.name: 'b' is not 'a', the Service that spec.targetRef names",
    ),
    ({"targetRef": {"name": "No_Name"}}, f"spec.targetRef.name: 'No_Name' is not {LABEL}"),
    ({"targetRef": {"name": "a" * 56}}, f"spec.targetRef.name: '{'a' * 56}' is not {LABEL}"),
    ({"service": None}, "spec.service.port: is required"),
    ({"service": {"port": 0}}, "spec.service.port: 0 is not between 1 and 65535"),
    ({"service": {"port": 80, "name": "-a"}}, f"spec.service.name: '-a' is not {LABEL}"),
    ({"service": {"port": 80, "mirror": {}}}, "spec.service.mirror: {} is not true or false"),
    ({"service": {"port": 80, "targetPort": 70000}}, "spec.service.targetPort: 70000 is not between 0 and 65535"),
    ({"service": {"port": 80, "targetPort": "70000"}}, "spec.service.targetPort: 70000 is not between 0 and 65535"),
    ({"service": {"port": 80, "targetPort": []}}, "spec.service.targetPort: [] is not a whole number"),
    (
        {"service": {"port": 80, "delegation": True, "hosts": ["a"]}},
        "spec.service.delegation: True is not possible together with hosts or gateways",
    ),
    ({"service": {"port": 80, "hosts": [""]}}, "spec.service.hosts[0]: is required"),
    ({"service": {"port": 80, "match": ["a"]}}, "spec.service.match[0]: 'a' is not an object"),
    ({"service": {"port": 80, "retries": 3}}, "spec.service.retries: 3 is not an object"),
    ({"service": {"port": 80, "apex": {"labels": {"a": 1}}}}, "spec.service.apex.labels.a: 1 is not a string"),
    ({"progressDeadlineSeconds": -1}, "spec.progressDeadlineSeconds: -1 is not between 0 and 100000000"),
    ({"skipAnalysis": "yes"}, "spec.skipAnalysis: 'yes' is not true or false"),
    (
        {"metricsServer": "prom:9090"},
        "spec.metricsServer: '(not shown)' is not an http or https URL with a host and without credentials",
    ),
    ({"analysis": []}, "spec.analysis: [] is not an object"),
]


@pytest.mark.parametrize(("spec", "message"), BAD, ids=[message for _, message in BAD])
def test_a_bad_canary_is_named(spec: dict[str, Any], message: str) -> None:
    """Field, value, what was expected."""
    with pytest.raises(BadCanary) as caught:
        parse(canary_object(**spec))
    assert str(caught.value) == message


def test_another_provider_by_setting_is_refused_alike() -> None:
    """The setting stands in for an absent field."""
    with pytest.raises(BadCanary) as caught:
        parse(canary_object(), provider="kuma")
    assert str(caught.value) == f"spec.provider: 'kuma' is not {ONLY_ISTIO}"


def test_a_port_name_of_another_script_is_a_name() -> None:
    """Python takes superscripts for digits; the API server will say what is wrong with the name."""
    assert service(targetPort="\N{SUPERSCRIPT TWO}").target_port == "\N{SUPERSCRIPT TWO}"


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, inner in pairs for found in _paths(inner, (*path, key)))]


FULL = canary_object(
    service={"port": 9898, "targetPort": "http", "hosts": ["a"], "match": [{"uri": {}}], "apex": {"labels": {}}}
    | VERBATIM
)["spec"] | {"metricsServer": "http://prom", "ingressRef": {"name": "a"}, "progressDeadlineSeconds": 60}
FULL["analysis"] |= {
    "stepWeights": [1, 2],
    "webhooks": [{"name": "a", "url": "http://a", "timeout": "1s", "metadata": {"a": "b"}}],
    "metrics": [{"name": "a", "templateRef": {"name": "a"}, "interval": "1m", "thresholdRange": {"min": 1}}],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(path=st.sampled_from(_paths(FULL)), value=JSON)
def test_whatever_a_spec_holds_is_read_or_refused(path: tuple[Any, ...], value: Any) -> None:
    """No value at any place raises anything but BadCanary."""

    def replaced(old: Any, rest: tuple[Any, ...]) -> Any:
        if not rest:
            return value
        if isinstance(old, list):
            return [replaced(item, rest[1:]) if index == rest[0] else item for index, item in enumerate(old)]
        return {**old, rest[0]: replaced(old[rest[0]], rest[1:])}

    with suppress(BadCanary):
        assert parse({**canary_object(), "spec": replaced(FULL, path)}).analysis.interval >= seconds(10)
