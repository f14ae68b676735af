"""What built-in objects may not be, and what is filled into them: the cases that users run into."""

from typing import Any

import pytest

from tests.sandbox.api.client import Answer, Api, Json, configmap, deployment
from tests.sandbox.api.test_api_typed import service

NEVER: Json = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b:1"}]}


def causes(answer: Answer) -> list[tuple[str, str]]:
    """The reasons of a refusal and the fields that they name."""
    assert answer.status == 422, answer.body
    return sorted((cause["reason"], cause["field"]) for cause in answer.body["details"]["causes"])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"data": {"bad key": "v"}}, [("FieldValueInvalid", "data[bad key]")]),
        ({"data": {"k": "v"}, "binaryData": {"k": "dg=="}}, [("FieldValueInvalid", "data[k]")]),
        ({"data": {"k": "v" * (1 << 20 | 1)}}, [("FieldValueTooLong", "[]")]),
    ],
    ids=["name", "twice", "size"],
)
def test_a_wrong_config_map_is_422(api: Api, configmaps: str, change: Json, expected: Any) -> None:
    """Keys are names of files, each stands in one of the two maps, and there is a limit."""
    found = api.post(configmaps, configmap("a") | change)
    assert causes(found) == expected


def test_an_immutable_config_map_stays(api: Api, configmaps: str) -> None:
    """Neither its data nor its being immutable changes."""
    api.post(configmaps, configmap("a", {"k": "v"}) | {"immutable": True})
    found = api.patch(f"{configmaps}/a", {"data": {"k": "w"}, "immutable": None})
    assert causes(found) == [("FieldValueForbidden", "data"), ("FieldValueForbidden", "immutable")]


def test_a_secret_of_a_type_has_its_keys(api: Api, namespace: str) -> None:
    """kubernetes.io/tls needs a certificate and a key, and the type cannot change."""
    path = f"/api/v1/namespaces/{namespace}/secrets"
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"k": "dg=="}}
    missing = [("FieldValueRequired", "data[tls.crt]"), ("FieldValueRequired", "data[tls.key]")]
    assert causes(api.post(path, body | {"type": "kubernetes.io/tls"})) == missing
    api.post(path, body)
    assert causes(api.patch(f"{path}/s", {"type": "other"})) == [("FieldValueInvalid", "type")]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"ports": [{"port": 0}]},
            [("FieldValueInvalid", "spec.ports[0].port"), ("FieldValueInvalid", "spec.ports[0].targetPort")],
        ),
        ({"ports": [{"port": 80, "targetPort": "no port!"}]}, [("FieldValueInvalid", "spec.ports[0].targetPort")]),
        ({"ports": [{"port": 80, "protocol": "ICMP"}]}, [("FieldValueNotSupported", "spec.ports[0].protocol")]),
        ({"ports": [{"port": 80, "name": "No Name"}]}, [("FieldValueInvalid", "spec.ports[0].name")]),
        (
            {"ports": [{"name": "a", "port": 1}, {"name": "a", "port": 1}]},
            [("FieldValueDuplicate", "spec.ports[1]"), ("FieldValueDuplicate", "spec.ports[1].name")],
        ),
        ({"type": "Unheard"}, [("FieldValueNotSupported", "spec.type")]),
        ({"trafficDistribution": "Nowhere"}, [("FieldValueNotSupported", "spec.trafficDistribution")]),
    ],
)
def test_a_wrong_port_or_type_of_a_service_is_422(api: Api, namespace: str, spec: Json, expected: Any) -> None:
    """Ports are numbers or names of ports, each once, and words are those that the server knows."""
    assert causes(api.post(f"/api/v1/namespaces/{namespace}/services", service(**spec))) == expected


def test_a_headless_service_keeps_its_families(api: Api, namespace: str) -> None:
    """A replace that states clusterIP alone leaves what was allocated with it."""
    path = f"/api/v1/namespaces/{namespace}/services"
    made = api.post(path, service(clusterIP="None")).body["spec"]
    kept = api.put(f"{path}/s", service(clusterIP="None")).body["spec"]
    assert (kept["ipFamilies"], kept["ipFamilyPolicy"]) == (made["ipFamilies"], made["ipFamilyPolicy"])


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"progressDeadlineSeconds": 30, "minReadySeconds": 60},
            [("FieldValueInvalid", "spec.progressDeadlineSeconds")],
        ),
        (
            {"template": deployment("a", image="b:1")["spec"]["template"] | {"spec": NEVER}},
            [("FieldValueNotSupported", "spec.template.spec.restartPolicy")],
        ),
        ({"minReadySeconds": -1}, [("FieldValueInvalid", "spec.minReadySeconds")]),
        (
            {"selector": None},
            [("FieldValueInvalid", "spec.template.metadata.labels"), ("FieldValueRequired", "spec.selector")],
        ),
        (
            {"template": {"metadata": {"labels": {"app": "a", "l": "no value!"}}, "spec": {"containers": None}}},
            [("FieldValueInvalid", "spec.template.labels"), ("FieldValueRequired", "spec.template.spec.containers")],
        ),
        (
            {"template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "No Name"}]}}},
            [
                ("FieldValueInvalid", "spec.template.spec.containers[0].name"),
                ("FieldValueRequired", "spec.template.spec.containers[0].image"),
            ],
        ),
    ],
)
def test_a_wrong_workload_is_422(api: Api, deployments: str, spec: Json, expected: Any) -> None:
    """Times have to fit each other, and the template has to be a pod's."""
    assert causes(api.post(deployments, deployment("a", **spec))) == expected


def test_a_job_has_the_labels_of_its_pods_if_it_has_none(api: Api, namespace: str) -> None:
    """Its own stay as they are; a negative deadline is refused."""
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    head = {"apiVersion": "batch/v1", "kind": "Job"}
    spec = {"suspend": True, "template": {"spec": NEVER}}
    plain = api.post(path, head | {"metadata": {"name": "j"}, "spec": spec}).body["metadata"]
    assert plain["labels"]["batch.kubernetes.io/job-name"] == "j"
    own = api.post(path, head | {"metadata": {"name": "k", "labels": {"l": "m"}}, "spec": spec}).body["metadata"]
    assert own["labels"] == {"l": "m"}
    late = head | {"metadata": {"name": "l"}, "spec": spec | {"activeDeadlineSeconds": -1}}
    assert causes(api.post(path, late)) == [("FieldValueInvalid", "spec.activeDeadlineSeconds")]


def autoscaler(**spec: Any) -> Json:
    """A HorizontalPodAutoscaler of a Deployment that is not there."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "absent"}
    rest = {"scaleTargetRef": target, "maxReplicas": 4} | spec
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "a"},
        "spec": rest,
    }


def test_an_autoscaler_gets_its_defaults(api: Api, namespace: str) -> None:
    """It scales by CPU, and by rules of which one was touched."""
    path = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 60}}
    spec = api.post(path, autoscaler(behavior=behavior)).body["spec"]
    assert spec["minReplicas"] == 1
    assert spec["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 80}
    policy = {"type": "Percent", "value": 100, "periodSeconds": 15}
    assert spec["behavior"]["scaleDown"] == behavior["scaleDown"] | {"selectPolicy": "Max", "policies": [policy]}
    assert spec["behavior"]["scaleUp"]["stabilizationWindowSeconds"] == 0


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"minReplicas": 5}, [("FieldValueInvalid", "spec.maxReplicas")]),
        ({"minReplicas": 0}, [("FieldValueForbidden", "spec.metrics"), ("FieldValueInvalid", "spec.minReplicas")]),
        (
            {"scaleTargetRef": {}},
            [
                ("FieldValueInvalid", "spec.scaleTargetRef.apiVersion"),
                ("FieldValueRequired", "spec.scaleTargetRef.kind"),
                ("FieldValueRequired", "spec.scaleTargetRef.name"),
            ],
        ),
    ],
)
def test_a_wrong_autoscaler_is_422(api: Api, namespace: str, spec: Json, expected: Any) -> None:
    """Its bounds are in order, and it has a target."""
    path = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"
    assert causes(api.post(path, autoscaler(**spec))) == expected


def test_an_event_is_in_the_namespace_of_its_object(api: Api, namespace: str) -> None:
    """An Event about something elsewhere is refused."""
    path = f"/api/v1/namespaces/{namespace}/events"
    about = {"kind": "Canary", "name": "podinfo", "apiVersion": "flagger.app/v1beta1"}
    head = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}}
    found = api.post(path, head | {"involvedObject": about})
    assert causes(found) == [("FieldValueInvalid", "involvedObject.namespace")]
    assert api.post(path, head | {"involvedObject": about | {"namespace": namespace}}).status == 201
