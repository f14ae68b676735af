"""create, get, replace: what the server adds, keeps and refuses."""

import re
from typing import Any

import pytest

from tests.sandbox.api.client import Api, canary, configmap, deployment


def test_create_sets_what_only_the_server_knows(api: Api, configmaps: str, namespace: str) -> None:
    """A created object has uid, resourceVersion, creationTimestamp and namespace."""
    answer = api.post(configmaps, configmap("a", {"k": "v"}))
    assert answer.status == 201
    meta = answer.body["metadata"]
    assert re.fullmatch(r"[0-9a-f-]{36}", meta["uid"])
    assert meta["resourceVersion"].isdigit()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", meta["creationTimestamp"])
    assert meta["namespace"] == namespace
    assert "generation" not in meta
    assert api.get(f"{configmaps}/a").body == answer.body


def test_create_ignores_what_a_client_may_not_set(api: Api, canaries: str) -> None:
    """A client's uid, generation and status do not reach the store."""
    mine: Any = canary() | {"status": {"phase": "Failed"}}
    mine["metadata"] |= {"uid": "mine", "generation": 7, "creationTimestamp": "2001-01-01T00:00:00Z"}
    answer = api.post(canaries, mine)
    assert answer.status == 201
    assert answer.body["metadata"]["uid"] != "mine"
    assert answer.body["metadata"]["generation"] == 1
    assert not answer.body["metadata"]["creationTimestamp"].startswith("2001")
    assert "status" not in answer.body


def test_generate_name_adds_five_letters(api: Api, configmaps: str) -> None:
    """generateName gives each object a name of its own."""
    body = configmap("")
    body["metadata"] = {"generateName": "run-"}
    names = {api.post(configmaps, body).body["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(re.fullmatch(r"run-[a-z0-9]{5}", name) for name in names)


def test_a_taken_name_is_409_already_exists(api: Api, configmaps: str) -> None:
    """Creating twice is refused with the reason AlreadyExists."""
    api.post(configmaps, configmap("a"))
    answer = api.post(configmaps, configmap("a"))
    assert answer.status == 409
    assert answer.body["reason"] == "AlreadyExists"
    assert answer.body["message"] == 'configmaps "a" already exists'
    assert answer.body["details"] == {"name": "a", "kind": "configmaps"}


def test_a_missing_object_is_404_not_found(api: Api, canaries: str) -> None:
    """The Status of a 404 names resource, group and object."""
    answer = api.get(f"{canaries}/nobody")
    assert (answer.status, answer.body["reason"]) == (404, "NotFound")
    assert answer.body["message"] == 'canaries.flagger.app "nobody" not found'
    assert answer.body["details"] == {"name": "nobody", "group": "flagger.app", "kind": "canaries"}


def test_an_unknown_resource_is_404(api: Api, namespace: str) -> None:
    """A path that is not served says so in the words that clients look for."""
    for path in (f"/api/v1/namespaces/{namespace}/nonsense", "/apis/nobody.example/v1/things"):
        answer = api.get(path)
        text = answer.body if isinstance(answer.body, str) else answer.body["message"]
        assert answer.status == 404
        assert "not found" in text or "could not find the requested resource" in text


def test_a_missing_namespace_is_404(api: Api) -> None:
    """Objects cannot be created in a namespace that is not there."""
    answer = api.post("/api/v1/namespaces/no-such-place/configmaps", configmap("a"))
    assert answer.status == 404
    assert answer.body["message"] == 'namespaces "no-such-place" not found'


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        pytest.param({"kind": "Secret"}, 400, "Secret", id="another kind"),
        pytest.param({"metadata": {"name": "a", "namespace": "other"}}, 400, "namespace", id="another namespace"),
        pytest.param({"metadata": {}}, 422, "name or generateName is required", id="no name"),
        pytest.param({"metadata": {"name": "Not_A_Name"}}, 422, "RFC 1123 subdomain", id="bad name"),
        pytest.param({"metadata": {"name": "a", "labels": {"x": "a b"}}}, 422, "a valid label must be", id="bad label"),
        pytest.param({"metadata": {"name": "a", "annotations": {"x": 1}}}, 400, "of type string", id="bad annotation"),
        pytest.param({"metadata": {"name": "a", "resourceVersion": "5"}}, 500, "should not be set", id="version"),
    ],
)
def test_bad_metadata_is_refused(api: Api, configmaps: str, change: Any, status: int, message: str) -> None:
    """What is wrong with the head of an object is said with the right status."""
    answer = api.post(configmaps, configmap("a") | change)
    assert answer.status == status, answer.body
    assert message in answer.body["message"]


def test_annotations_have_a_limit(api: Api, configmaps: str) -> None:
    """More than 256 KiB of annotations are refused."""
    answer = api.post(configmaps, configmap("a", annotations={"x": "y" * (256 * 1024)}))
    assert answer.status == 422
    assert "may not be more than 262144 bytes" in answer.body["message"]


def test_body_that_is_no_json_is_400(api: Api, configmaps: str) -> None:
    """A body that is JSON, but no object, is refused."""
    assert api.post(configmaps, [1, 2]).status == 400


def test_put_replaces_and_stale_put_conflicts(api: Api, configmaps: str) -> None:
    """A PUT with an old resourceVersion is 409 Conflict; without one it replaces a built-in object."""
    first = api.post(configmaps, configmap("a", {"k": "1"}))
    second = api.put(f"{configmaps}/a", first.body | {"data": {"k": "2"}})
    assert second.status == 200
    assert int(second.version) > int(first.version)
    stale = api.put(f"{configmaps}/a", first.body | {"data": {"k": "3"}})
    assert (stale.status, stale.body["reason"]) == (409, "Conflict")
    assert stale.body["message"] == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified;'
        " please apply your changes to the latest version and try again"
    )
    assert api.put(f"{configmaps}/a", configmap("a", {"k": "4"})).status == 200


def test_put_of_a_custom_resource_needs_a_version(api: Api, canaries: str) -> None:
    """Custom resources cannot be replaced unconditionally."""
    api.post(canaries, canary())
    answer = api.put(f"{canaries}/podinfo", canary())
    assert answer.status == 422
    assert "must be specified for an update" in answer.body["message"]


def test_put_to_another_name_is_400(api: Api, configmaps: str) -> None:
    """The name in the body has to be the name in the path."""
    api.post(configmaps, configmap("a"))
    answer = api.put(f"{configmaps}/a", configmap("b"))
    assert answer.status == 400
    assert "does not match the name on the URL" in answer.body["message"]


def test_a_write_that_changes_nothing_moves_nothing(api: Api, canaries: str) -> None:
    """PUT, PATCH and status PATCH of what is there leave resourceVersion as it is."""
    made = api.post(canaries, canary())
    path = f"{canaries}/podinfo"
    assert api.put(path, made.body).version == made.version
    assert api.patch(path, {"spec": {"service": {"port": 9898}}}).version == made.version
    assert api.patch(path, {"spec": {"unknown": 1}}).version == made.version
    told = api.patch(f"{path}/status", {"status": {"phase": "Waiting"}})
    assert told.version != made.version
    assert api.patch(f"{path}/status", {"status": {"phase": "Waiting"}}).version == told.version


def test_generation_counts_the_spec_alone(api: Api, canaries: str) -> None:
    """Labels, annotations and status leave generation alone; the spec raises it."""
    api.post(canaries, canary())
    path = f"{canaries}/podinfo"
    assert api.patch(path, {"metadata": {"annotations": {"a": "b"}}}).body["metadata"]["generation"] == 1
    assert api.patch(f"{path}/status", {"status": {"iterations": 1}}).body["metadata"]["generation"] == 1
    assert api.patch(path, {"spec": {"skipAnalysis": True}}).body["metadata"]["generation"] == 2


def test_annotations_of_a_deployment_raise_its_generation(api: Api, deployments: str) -> None:
    """Deployments count annotations as well; labels they do not count."""
    api.post(deployments, deployment("a"))
    path = f"{deployments}/a"
    assert api.patch(path, {"metadata": {"labels": {"x": "y"}}}).body["metadata"]["generation"] == 1
    assert api.patch(path, {"metadata": {"annotations": {"x": "y"}}}).body["metadata"]["generation"] == 2


def test_status_writes_change_the_status_alone(api: Api, canaries: str) -> None:
    """Through /status neither spec nor labels nor annotations change."""
    made = api.post(canaries, canary())
    change = {"metadata": {"labels": {"x": "y"}}, "spec": {"suspend": True}, "status": {"canaryWeight": 5}}
    answer = api.patch(f"{canaries}/podinfo/status", change)
    assert answer.body["spec"] == made.body["spec"]
    assert "labels" not in answer.body["metadata"]
    assert answer.body["status"] == {"canaryWeight": 5}


def test_main_writes_leave_the_status_alone(api: Api, canaries: str) -> None:
    """Through the main path the status does not change."""
    api.post(canaries, canary())
    told = api.patch(f"{canaries}/podinfo/status", {"status": {"phase": "Waiting"}})
    answer = api.patch(f"{canaries}/podinfo", {"status": {"phase": "Failed"}, "spec": {"suspend": True}})
    assert answer.body["status"] == told.body["status"]
    assert answer.body["spec"]["suspend"] is True
    body = answer.body | {"status": None}
    assert api.put(f"{canaries}/podinfo", body).body["status"] == {"phase": "Waiting"}


def test_stale_status_put_conflicts(api: Api, canaries: str) -> None:
    """The status subresource guards resourceVersion as the main one does."""
    made = api.post(canaries, canary())
    api.patch(f"{canaries}/podinfo", {"metadata": {"labels": {"x": "y"}}})
    assert api.put(f"{canaries}/podinfo/status", made.body | {"status": {"phase": "Waiting"}}).status == 409


@pytest.mark.parametrize("field", ["uid", "creationTimestamp", "deletionTimestamp"])
def test_fixed_metadata_cannot_be_written(api: Api, configmaps: str, field: str) -> None:
    """What the server alone writes is not taken from a patch."""
    made = api.post(configmaps, configmap("a"))
    value = "2001-01-01T00:00:00Z" if field != "uid" else "11111111-1111-1111-1111-111111111111"
    answer = api.patch(f"{configmaps}/a", {"metadata": {field: value}})
    assert answer.status in (200, 409, 422)
    assert api.get(f"{configmaps}/a").body["metadata"].get(field) == made.body["metadata"].get(field)


def test_dry_run_stores_nothing(api: Api, configmaps: str) -> None:
    """dryRun=All answers as if, and leaves the store alone."""
    assert api.post(configmaps, configmap("a"), dryRun="All").status == 201
    assert api.get(f"{configmaps}/a").status == 404
    made = api.post(configmaps, configmap("a", {"k": "1"}))
    assert api.patch(f"{configmaps}/a", {"data": {"k": "2"}}, dryRun="All").body["data"] == {"k": "2"}
    assert api.delete(f"{configmaps}/a", dryRun="All").status == 200
    assert api.get(f"{configmaps}/a").body == made.body
