"""Custom resources: pruning, defaults, validation, versions, and the definitions that we ship."""

from typing import Any

import pytest
import yaml

from handlers.sandbox.crds import definitions
from tests.sandbox.api.client import MERGE, Api, Json, canary, widgets

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def test_unknown_fields_are_pruned_with_a_warning(api: Api, widget_path: str, widget: Json) -> None:
    """What the schema does not know is dropped, at every depth, and told in a Warning header."""
    spec = {"size": 1, "bogus": 1, "parts": [{"name": "a", "odd": 2}], "free": {"any": {"thing": [1]}}}
    answer = api.post(widget_path, widget | {"spec": spec})
    assert "bogus" not in answer.body["spec"]
    assert answer.body["spec"]["parts"] == [{"name": "a", "count": 1}]
    assert answer.body["spec"]["free"] == {"any": {"thing": [1]}}
    assert 'unknown field \\"spec.bogus\\"' in answer.headers["Warning"]


def test_field_validation_strict_and_ignore(api: Api, widget_path: str, widget: Json) -> None:
    """Strict refuses unknown fields, Ignore says nothing."""
    body = widget | {"spec": {"size": 1, "bogus": 1}}
    refused = api.post(widget_path, body, fieldValidation="Strict")
    assert refused.status == 400
    assert 'strict decoding error: unknown field "spec.bogus"' in refused.body["message"]
    quiet = api.post(widget_path, body, fieldValidation="Ignore")
    assert quiet.status == 201
    assert "Warning" not in quiet.headers
    assert api.patch(f"{widget_path}/one", {"spec": {"bogus": 1}}, MERGE, fieldValidation="Strict").status == 422


def test_defaults_are_filled_in(api: Api, widget_path: str, widget: Json) -> None:
    """Defaults apply where a field is missing or null."""
    assert api.post(widget_path, widget).body["spec"] == {"size": 1, "color": "red"}
    assert api.patch(f"{widget_path}/one", {"spec": {"color": None}}).body["spec"]["color"] == "red"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"size": "x"}, 'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"'),
        ({"size": True}, 'spec.size: Invalid value: "boolean": spec.size in body must be of type integer: "boolean"'),
        ({"size": 11}, "spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10"),
        ({"size": 0}, "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"),
        ({"color": "red"}, "spec.size: Required value"),
        ({"size": None}, "spec.size: Required value"),
        ({"size": 1, "color": "blue"}, 'spec.color: Unsupported value: "blue": supported values: "red", "green"'),
        ({"size": 1, "code": "ABC"}, "spec.code: Invalid value: \"ABC\": spec.code in body should match '^[a-z]+$'"),
        ({"size": 1, "code": "abcdefg"}, "spec.code: Too long: may not be more than 5 bytes"),
        ({"size": 1, "code": "a"}, 'spec.code: Invalid value: "a": spec.code in body should be at least 2 chars long'),
        ({"size": 1, "port": True}, "spec.port: Invalid value:"),
        ({"size": 1, "labels": {"a": 1}}, "spec.labels.a: Invalid value:"),
        ({"size": 1, "parts": [{}]}, "spec.parts[0].name: Required value"),
        ({"size": 1, "parts": [{"name": "a"}] * 2}, 'spec.parts[1]: Duplicate value: {"name":"a"}'),
        ({"size": 1, "parts": [{"name": n} for n in "abcd"]}, "spec.parts: Too many: 4: must have at most 3 items"),
        ({"size": 1, "tags": ["a", "a"]}, 'spec.tags[1]: Duplicate value: "a"'),
        ({"size": 1, "either": {}}, "must validate one and only one schema (oneOf). Found none valid"),
        ({"size": 1, "either": {"a": "", "b": ""}}, "must validate one and only one schema (oneOf). Found 2 valid"),
    ],
)
def test_invalid_values_are_422(api: Api, widget_path: str, widget: Json, spec: Json, message: str) -> None:
    """Each rule of a schema refuses with the path and the words of the real server."""
    answer = api.post(widget_path, widget | {"spec": spec})
    assert (answer.status, answer.body["reason"]) == (422, "Invalid"), answer.body
    assert message in answer.body["message"]
    assert answer.body["details"]["causes"]


@pytest.mark.parametrize("spec", [{"port": "http"}, {"port": 80}, {"maybe": None}, {"ratio": 1.5}, {"ratio": 1}])
def test_valid_values_are_kept(api: Api, widget_path: str, widget: Json, spec: Json) -> None:
    """int-or-string takes both, nullable takes null, a number may be whole."""
    answer = api.post(widget_path, widget | {"spec": {"size": 1} | spec})
    assert answer.status == 201, answer.body
    assert answer.body["spec"] == {"size": 1, "color": "red"} | spec


def test_updates_are_validated(api: Api, widget_path: str, widget: Json) -> None:
    """A patch of the spec or the status has to leave a valid object."""
    api.post(widget_path, widget)
    assert api.patch(f"{widget_path}/one", {"spec": {"size": 99}}).status == 422
    assert api.patch(f"{widget_path}/one/status", {"status": {"ready": True}}).status == 200
    assert api.patch(f"{widget_path}/one/status", {"status": {"ready": 1}}).status == 422


def test_a_definition_says_when_it_is_served(api: Api, widget_group: str) -> None:
    """A CRD gets the conditions that clients wait for, and its names completed."""
    found = api.get(f"{CRDS}/widgets.{widget_group}").body
    conditions = {item["type"]: item["status"] for item in found["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    assert found["spec"]["names"] | {"singular": "widget", "listKind": "WidgetList"} == found["spec"]["names"]
    assert found["status"]["storedVersions"] == ["v1"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metadata": {"name": "other"}}, 'must be spec.names.plural+"."+spec.group'),
        ({"spec": widgets("x.example.org")["spec"] | {"scope": "Everywhere"}}, "spec.scope: Unsupported value"),
    ],
)
def test_a_bad_definition_is_422(api: Api, change: Any, message: str) -> None:
    """A CRD whose name or scope is wrong is refused."""
    answer = api.post(CRDS, widgets("x.example.org") | change)
    assert answer.status == 422
    assert message in answer.body["message"]


@pytest.mark.usefixtures("embedded")
def test_a_deleted_definition_takes_its_objects(api: Api, namespace: str) -> None:
    """With the CRD its objects go, and the path is served no longer."""
    group = "gone.example.org"
    api.post(CRDS, widgets(group))
    path = f"/apis/{group}/v1/namespaces/{namespace}/widgets"
    head = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "a"}}
    assert api.post(path, head | {"spec": {"size": 1}}).status == 201
    api.delete(f"{CRDS}/widgets.{group}")
    assert api.get(path).status == 404
    api.post(CRDS, widgets(group))
    assert api.get(path).body["items"] == []
    api.delete(f"{CRDS}/widgets.{group}")


def test_versions_show_the_same_object(api: Api, namespace: str) -> None:
    """An object written in one served version is read in the other."""
    path = "/apis/networking.istio.io/{}/namespaces/" + namespace + "/virtualservices"
    body = {"apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService", "metadata": {"name": "v"}}
    route = {"destination": {"host": "podinfo-primary"}, "weight": 100}
    made = api.post(
        path.format("v1beta1"), body | {"spec": {"hosts": ["podinfo"], "http": [{"route": [route], "x": 1}]}}
    )
    assert made.body["apiVersion"] == "networking.istio.io/v1beta1"
    assert made.body["spec"]["http"] == [{"route": [route]}]
    found = api.get(path.format("v1") + "/v").body
    assert found["apiVersion"] == "networking.istio.io/v1"
    assert found["spec"] == made.body["spec"]
    changed = api.patch(path.format("v1") + "/v", {"spec": {"hosts": ["x"]}})
    assert (changed.status, changed.body["apiVersion"]) == (200, "networking.istio.io/v1")


FULL = """
provider: istio
metricsServer: http://prometheus:9090
targetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}
progressDeadlineSeconds: 60
autoscalerRef:
  {apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, name: podinfo, primaryScalerReplicas: {maxReplicas: 5}}
service:
  port: 9898
  targetPort: http
  gateways: [public]
  hosts: [app.example.com]
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}, loadBalancer: {simple: ROUND_ROBIN}}
  match: [{uri: {prefix: /}, headers: {x-a: {exact: b}}}]
  rewrite: {uri: /}
  retries: {attempts: 3, perTryTimeout: 1s, retryOn: 5xx}
  corsPolicy: {allowOrigins: [{exact: "*"}], maxAge: 24h}
  headers: {request: {add: {x-b: c}}}
  apex: {labels: {a: b}, annotations: {c: d}}
analysis:
  interval: 1m
  threshold: 5
  maxWeight: 50
  stepWeights: [1, 2, 10, 80]
  stepWeightPromotion: 25
  mirror: true
  mirrorWeight: 100
  match: [{headers: {user-agent: {regex: ".*Firefox.*"}}}]
  metrics:
    - {name: request-success-rate, thresholdRange: {min: 99.5}, interval: 1m}
    - {name: mine, templateRef: {name: t, namespace: ns}, thresholdRange: {max: 500}, templateVariables: {a: b}}
  alerts: [{name: on-call, severity: error, providerRef: {name: slack, namespace: flagger}}]
  webhooks:
    - {name: smoke, type: pre-rollout, url: "http://tester/", timeout: 15s, metadata: {cmd: "curl x"}, retries: 2}
  sessionAffinity: {cookieName: c, maxAge: 21600, sameSite: None}
"""


def test_a_full_canary_keeps_every_field(api: Api, canaries: str) -> None:
    """Nothing that Flagger documents is pruned by the definition that we ship."""
    spec = yaml.safe_load(FULL)
    answer = api.post(canaries, canary() | {"spec": spec}, fieldValidation="Strict")
    assert answer.status == 201, answer.body
    assert answer.body["spec"] == spec


@pytest.mark.usefixtures("embedded")
@pytest.mark.parametrize("mirror", [True, False, [{"backendRef": {"name": "podinfo-canary", "port": 9898}}]])
def test_service_mirror_takes_a_boolean(api: Api, canaries: str, mirror: Any) -> None:
    """spec.service.mirror may be a boolean, which Flagger's own definition refuses, or Flagger's list."""
    answer = api.post(canaries, canary(service={"port": 80, "mirror": mirror}), fieldValidation="Strict")
    assert answer.status == 201, answer.body
    assert answer.body["spec"]["service"]["mirror"] == mirror


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"targetRef": {"kind": "Deployment", "name": "x"}}, "spec.targetRef.apiVersion"),
        ({"targetRef": {"apiVersion": "v1", "kind": "Pod", "name": "x"}}, "spec.targetRef.kind"),
        ({"analysis": {"interval": "1m", "threshold": 5}}, "spec.analysis"),
        ({"analysis": {"interval": "soon", "threshold": 5, "stepWeight": 5}}, "spec.analysis.interval"),
        ({"provider": "carrier-pigeon"}, "spec.provider"),
        ({"service": {}}, "spec.service.port"),
    ],
)
def test_a_wrong_canary_is_422(api: Api, canaries: str, change: Json, field: str) -> None:
    """What Flagger's definition refuses, ours refuses as well."""
    answer = api.post(canaries, canary(**change))
    assert answer.status == 422
    assert field in answer.body["message"]


def test_an_unknown_phase_is_422(api: Api, canaries: str) -> None:
    """status.phase is one of Flagger's."""
    api.post(canaries, canary())
    assert api.patch(f"{canaries}/podinfo/status", {"status": {"phase": "Flying"}}).status == 422
    assert api.patch(f"{canaries}/podinfo/status", {"status": {"phase": "WaitingPromotion"}}).status == 200


def test_the_shipped_definitions_have_printer_columns() -> None:
    """kubectl shows the phase and weight of canaries as with Flagger."""
    found = {item["metadata"]["name"]: item["spec"]["versions"][0] for item in definitions()}
    columns = [column["name"] for column in found["canaries.flagger.app"]["additionalPrinterColumns"]]
    assert columns[:2] == ["Status", "Weight"]
    assert set(found) == {
        "alertproviders.flagger.app",
        "canaries.flagger.app",
        "metrictemplates.flagger.app",
        "virtualservices.networking.istio.io",
        "destinationrules.networking.istio.io",
        "scaledobjects.keda.sh",
    }
