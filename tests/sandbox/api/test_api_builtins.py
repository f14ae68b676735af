"""Built-in objects: the defaults that users see, and the refusals that they run into."""

import base64
from typing import Any

import pytest

from tests.sandbox.api.client import Api, Json, deployment

SERVICE: Json = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}


@pytest.fixture
def services(namespace: str) -> str:
    """The path of the Services of the test's namespace."""
    return f"/api/v1/namespaces/{namespace}/services"


def test_a_service_gets_an_address_and_defaults(api: Api, services: str) -> None:
    """clusterIP, type, protocol and targetPort are filled in."""
    spec = api.post(services, SERVICE | {"spec": {"selector": {"app": "x"}, "ports": [{"port": 80}]}}).body["spec"]
    assert spec["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert (spec["type"], spec["sessionAffinity"]) == ("ClusterIP", "None")
    assert spec["clusterIP"].startswith("10.")
    assert spec["clusterIPs"] == [spec["clusterIP"]]


def test_a_service_keeps_its_address(api: Api, services: str) -> None:
    """A replace without clusterIP keeps it; another one is refused."""
    body = SERVICE | {"spec": {"selector": {"app": "x"}, "ports": [{"port": 80}]}}
    made = api.post(services, body)
    kept = api.put(f"{services}/s", body)
    assert kept.body["spec"]["clusterIP"] == made.body["spec"]["clusterIP"]
    assert kept.version == made.version
    refused = api.patch(f"{services}/s", {"spec": {"clusterIP": "10.96.99.99"}})
    assert refused.status == 422
    assert "may not change once set" in refused.body["message"]


def test_a_headless_service_has_no_address(api: Api, services: str) -> None:
    """clusterIP None stays."""
    spec = {"clusterIP": "None", "selector": {"app": "x"}, "ports": [{"port": 80}]}
    assert api.post(services, SERVICE | {"spec": spec}).body["spec"]["clusterIPs"] == ["None"]


@pytest.mark.parametrize(
    ("spec", "field"),
    [({"selector": {"a": "b"}}, "spec.ports"), ({"ports": [{"port": 1}, {"port": 2}]}, "spec.ports[0].name")],
)
def test_a_wrong_service_is_422(api: Api, services: str, spec: Json, field: str) -> None:
    """A Service needs ports, and several ports need names."""
    answer = api.post(services, SERVICE | {"spec": spec})
    assert answer.status == 422
    assert f"{field}: Required value" in answer.body["message"]


def test_a_deployment_gets_its_defaults(api: Api, deployments: str) -> None:
    """replicas, strategy, deadlines, the pod's own defaults, and an empty status."""
    made = api.post(deployments, deployment("a")).body
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
    expected: Json = {"replicas": 1, "strategy": rolling, "progressDeadlineSeconds": 600, "revisionHistoryLimit": 10}
    assert made["spec"] | expected == made["spec"]
    assert made["status"] == {}
    pod = made["spec"]["template"]["spec"]
    assert (pod["restartPolicy"], pod["dnsPolicy"], pod["schedulerName"]) == (
        "Always",
        "ClusterFirst",
        "default-scheduler",
    )
    container = pod["containers"][0]
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["ports"] == [{"containerPort": 9898, "protocol": "TCP"}]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"selector": {"matchLabels": {"app": "b"}}}, "`selector` does not match template `labels`"),
        ({"selector": None}, "spec.selector: Required value"),
        ({"replicas": -1}, "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
    ],
)
def test_a_wrong_deployment_is_422(api: Api, deployments: str, spec: Json, message: str) -> None:
    """Selector, labels and replicas have to fit."""
    answer = api.post(deployments, deployment("a", **spec))
    assert answer.status == 422
    assert message in answer.body["message"]


def test_the_selector_of_a_deployment_is_immutable(api: Api, deployments: str) -> None:
    """A Deployment cannot come to select other pods."""
    api.post(deployments, deployment("a"))
    change = {"spec": {"selector": {"matchLabels": {"x": "y"}}, "template": {"metadata": {"labels": {"x": "y"}}}}}
    answer = api.patch(f"{deployments}/a", change)
    assert answer.status == 422
    assert "field is immutable" in answer.body["message"]


def test_a_deployment_is_scaled_through_scale(api: Api, deployments: str) -> None:
    """GET and PATCH of /scale read and write spec.replicas, and raise the generation."""
    api.post(deployments, deployment("a"))
    found = api.get(f"{deployments}/a/scale").body
    assert (found["kind"], found["spec"], found["status"]["selector"]) == ("Scale", {"replicas": 1}, "app=a")
    assert api.patch(f"{deployments}/a/scale", {"spec": {"replicas": 0}}).body["spec"] == {}
    assert api.put(f"{deployments}/a/scale", found | {"spec": {"replicas": 4}}).status == 409
    body = api.get(f"{deployments}/a").body
    assert (body["spec"]["replicas"], body["metadata"]["generation"]) == (0, 2)


def test_a_secret_codes_its_strings(api: Api, namespace: str) -> None:
    """stringData becomes data, and is not shown again."""
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}}
    made = api.post(f"/api/v1/namespaces/{namespace}/secrets", body).body
    assert made["data"] == {"a": base64.b64encode(b"b").decode()}
    assert made["type"] == "Opaque"
    assert "stringData" not in made


def test_a_job_selects_its_own_pods(api: Api, namespace: str) -> None:
    """A Job gets a selector of its uid; its pods may not restart always."""
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    pod: Any = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b:1"}]}
    body: Json = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {"template": {"spec": pod}},
    }
    made = api.post(path, body).body
    labels = made["spec"]["selector"]["matchLabels"]
    assert labels == {"batch.kubernetes.io/controller-uid": made["metadata"]["uid"]}
    assert made["spec"]["template"]["metadata"]["labels"]["job-name"] == "j"
    assert (made["spec"]["backoffLimit"], made["spec"]["completions"]) == (6, 1)
    del pod["restartPolicy"]
    refused = api.post(path, body | {"metadata": {"name": "k"}})
    assert 'restartPolicy: Required value: valid values: "OnFailure", "Never"' in refused.body["message"]


def test_a_pod_is_bound_once(api: Api, namespace: str) -> None:
    """The binding subresource sets nodeName and PodScheduled; a second one conflicts."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    head = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    spec = {"schedulerName": "this-test", "containers": [{"name": "c", "image": "i:1"}]}  # a cluster's own lets it be
    made = api.post(path, head | {"spec": spec})
    assert made.body["status"]["phase"] == "Pending"
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "p"},
        "target": {"kind": "Node", "name": "n"},
    }
    assert api.post(f"{path}/p/binding", binding).status == 201
    found = api.get(f"{path}/p").body
    assert found["spec"]["nodeName"] == "n"
    assert [(item["type"], item["status"]) for item in found["status"]["conditions"]] == [("PodScheduled", "True")]
    assert api.post(f"{path}/p/binding", binding).status == 409
    api.delete(f"{path}/p", {"gracePeriodSeconds": 0})


def test_a_namespace_is_labelled_and_active(api: Api, namespace: str) -> None:
    """A namespace carries its name as a label."""
    found = api.get(f"/api/v1/namespaces/{namespace}").body
    assert found["metadata"]["labels"] == {"kubernetes.io/metadata.name": namespace}
    assert found["status"] == {"phase": "Active"}
    assert found["spec"] == {"finalizers": ["kubernetes"]}
