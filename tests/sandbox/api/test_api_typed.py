"""Built-in objects are read by their Go types, and requests are looked at in the server's order."""

from typing import Any

import pytest

from tests.sandbox.api.client import MERGE, STRATEGIC, Answer, Api, Json, canary, configmap, deployment
from tests.sandbox.api.test_api_apply import managers


def service(name: str = "s", **spec: Any) -> Json:
    """A Service of one port."""
    rest = {"selector": {"app": "a"}, "ports": [{"port": 80}]} | spec
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": rest}


@pytest.fixture
def services(namespace: str) -> str:
    """The path of the Services of the test's namespace."""
    return f"/api/v1/namespaces/{namespace}/services"


def test_unknown_fields_of_built_in_objects_go(api: Api, deployments: str) -> None:
    """What the type does not have is dropped with a warning, or refused when the client is strict."""
    body = deployment("a", unheard=1)
    body["spec"]["template"]["spec"]["containers"][0]["unheard"] = 2
    made = api.post(deployments, body, dryRun="All")
    assert made.status == 201
    assert "unheard" not in made.body["spec"]
    assert "unheard" not in made.body["spec"]["template"]["spec"]["containers"][0]
    refused = api.post(deployments, body, fieldValidation="Strict")
    assert refused.status == 400
    assert 'unknown field "spec.template.spec.containers[0].unheard"' in refused.body["message"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": {"k": 1}}, "cannot unmarshal number into Go struct field ConfigMap.data of type string"),
        ({"data": "text"}, "cannot unmarshal string into Go struct field ConfigMap.data of type map[string]string"),
        ({"metadata": {"name": "a", "labels": {"l": 1}}}, "of type string"),
        ({"metadata": {"name": "a", "labels": "l"}}, "of type map[string]string"),
        ({"binaryData": {"b": "no base64!"}}, "illegal base64 data"),
        ({"immutable": "yes"}, "cannot unmarshal string into Go struct field ConfigMap.immutable of type bool"),
    ],
)
def test_a_wrong_type_is_400(api: Api, configmaps: str, change: Json, message: str) -> None:
    """A body that does not fit its type cannot be read."""
    answer = api.post(configmaps, configmap("a") | change)
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")
    assert message in answer.body["message"]


@pytest.mark.parametrize("kind", [MERGE, STRATEGIC])
def test_a_patch_to_a_wrong_type_is_422(api: Api, deployments: str, kind: str) -> None:
    """The patch can be read, and is named as what is not valid."""
    api.post(deployments, deployment("a"))
    answer = api.patch(f"{deployments}/a", {"spec": {"progressDeadlineSeconds": "soon"}}, kind)
    assert answer.status == 422
    assert answer.body["details"]["causes"][0]["field"] == "patch"


def test_a_null_label_or_value_is_empty(api: Api, configmaps: str, canaries: str) -> None:
    """In a map of strings null is the empty string, for custom resources as well."""
    body = configmap("a") | {"data": {"k": None}}
    body["metadata"]["annotations"] = {"n": None}
    made = api.post(configmaps, body).body
    assert (made["data"], made["metadata"]["annotations"]) == ({"k": ""}, {"n": ""})
    custom = canary()
    custom["metadata"]["labels"] = {"l": None}
    assert api.post(canaries, custom).body["metadata"]["labels"] == {"l": ""}


def test_what_is_empty_is_left_out_as_its_tag_says(api: Api, deployments: str) -> None:
    """A pointer to 0 stays, a plain 0 or false does not."""
    spec = api.post(deployments, deployment("a", replicas=0, minReadySeconds=0, paused=False)).body["spec"]
    assert spec["replicas"] == 0
    assert not {"minReadySeconds", "paused"} & spec.keys()


@pytest.mark.parametrize(
    ("change", "field"),
    [({"data": {"k": 1}}, ".data.k"), ({"unheard": 1}, ".unheard"), ({"data": ["k"]}, ".data")],
)
def test_apply_of_a_mistyped_field_is_500(api: Api, configmaps: str, change: Json, field: str) -> None:
    """An apply is held to the schema before it is merged."""
    answer = api.apply(f"{configmaps}/a", configmap("a") | change, "me")
    assert answer.status == 500
    assert f"failed to create typed patch object (/a; /v1, Kind=ConfigMap): {field}: " in answer.body["message"]


def test_apply_of_a_mistyped_custom_field_is_500(api: Api, canaries: str) -> None:
    """So is one of a custom resource."""
    answer = api.apply(f"{canaries}/podinfo", canary(analysis={"stepWeight": "20"}), "me")
    assert answer.status == 500
    assert ".spec.analysis.stepWeight: expected numeric (int or float), got " in answer.body["message"]


def test_apply_does_not_make_an_object_of_another_uid(api: Api, configmaps: str) -> None:
    """Who states a uid means an object that was there."""
    body = configmap("a")
    body["metadata"]["uid"] = "made-up"
    answer = api.apply(f"{configmaps}/a", body, "me")
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")


def test_apply_of_a_null_list_leaves_it(api: Api, services: str) -> None:
    """Null for a list with keys states no item of it; those of others stay."""
    api.post(services, service())
    answer = api.apply(f"{services}/s", service(ports=None), "me")
    assert (answer.status, [port["port"] for port in answer.body["spec"]["ports"]]) == (200, [80])


def test_conflicts_of_an_apply_come_first(api: Api, configmaps: str) -> None:
    """They are told even when the object has changed meanwhile."""
    api.post(configmaps, configmap("a", {"k": "1"}))
    body = configmap("a", {"k": "2"}, resourceVersion="1")
    answer = api.apply(f"{configmaps}/a", body, "me")
    assert answer.status == 409
    assert [cause["reason"] for cause in answer.body["details"]["causes"]] == ["FieldManagerConflict"]


def test_apply_keeps_a_null_that_a_schema_refuses(api: Api, canaries: str) -> None:
    """Other writes drop it, so that the field is missing; an apply states it."""
    body = canary(targetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": None})
    assert "spec.targetRef.name: Required value" in api.post(canaries, body).body["message"]
    applied = api.apply(f"{canaries}/podinfo", body, "me")
    assert 'spec.targetRef.name in body must be of type string: "null"' in applied.body["message"]


def test_put_makes_a_service_but_no_config_map(api: Api, services: str, configmaps: str) -> None:
    """Some kinds are created by an update of what is not there."""
    assert api.put(f"{services}/s", service()).status == 201
    assert api.put(f"{configmaps}/a", configmap("a")).status == 404
    body = service("t")
    body["metadata"]["uid"] = "made-up"
    assert api.put(f"{services}/t", body).status == 409


def test_a_body_is_read_before_its_object(api: Api, configmaps: str, deployments: str) -> None:
    """What cannot be read, or is for another place, is 400 also where there is nothing."""
    elsewhere = configmap("a", namespace="elsewhere")
    answers = (
        api.put(f"{configmaps}/a", configmap("a") | {"data": {"k": 1}}),
        api.put(f"{configmaps}/a", configmap("other")),
        api.put(f"{configmaps}/a", elsewhere),
        api.put(f"{deployments}/a/scale", {"spec": {"replicas": "two"}}),
    )
    assert [answer.status for answer in answers] == [400] * 4
    api.post(configmaps, configmap("a"))
    assert api.patch(f"{configmaps}/a", {"metadata": {"namespace": "elsewhere"}}).status == 400


def test_what_is_not_valid_is_told_before_what_is_there(api: Api, configmaps: str) -> None:
    """An invalid object under a taken name is 422."""
    api.post(configmaps, configmap("a"))
    assert api.post(configmaps, configmap("a", labels={"l": "not a value!"})).status == 422


def test_apply_to_the_status_of_nothing_is_404(api: Api, canaries: str) -> None:
    """It is looked for before the body is looked at."""
    body = canary() | {"status": {"canaryWeight": "ten"}}
    assert api.apply(f"{canaries}/podinfo/status", body, "me").status == 404


def test_the_status_of_a_deployment_carries_annotations(api: Api, deployments: str) -> None:
    """A PUT of the status writes all metadata but the labels, of a built-in object."""
    made = api.post(deployments, deployment("a", replicas=0)).body
    changed = {**made["metadata"], "annotations": {"n": "v"}, "labels": {"l": "m"}}
    del changed["resourceVersion"]
    meta = api.put(f"{deployments}/a/status", made | {"metadata": changed}).body["metadata"]
    assert meta["annotations"]["n"] == "v"
    assert "labels" not in meta


def test_owners_are_lost_with_a_mistyped_status(api: Api, canaries: str) -> None:
    """A status that is dropped at the main path, and does not fit, leaves nobody owning anything."""
    made = api.post(canaries, canary() | {"status": {"canaryWeight": "ten"}})
    assert (made.status, managers(made.body)) == (201, {})


def test_generation_stays_as_sent_where_nobody_counts(api: Api, configmaps: str) -> None:
    """A ConfigMap keeps the generation that it was made with."""
    made = api.post(configmaps, configmap("a", generation=7))
    assert made.body["metadata"]["generation"] == 7
    assert api.patch(f"{configmaps}/a", {"metadata": {"generation": 9}}).body["metadata"]["generation"] == 7


def test_an_empty_list_of_metadata_is_null(api: Api, configmaps: str) -> None:
    """As Go encodes a list that nothing was put into."""
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    found: Answer = api.get(configmaps, accept=accept, labelSelector="no=body")
    assert found.body["items"] is None
