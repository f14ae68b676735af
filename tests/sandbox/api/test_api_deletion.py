"""delete: finalizers, preconditions, owners, namespaces, pods that run."""

from typing import Any

import pytest

from tests.sandbox.api.client import Answer, Api, Json, canary, configmap


def owned_by(owner: Json, **extra: Any) -> list[Json]:
    """ownerReferences to an object."""
    meta = owner["metadata"]
    head = {"apiVersion": owner["apiVersion"], "kind": owner["kind"]}
    return [head | {"name": meta["name"], "uid": meta["uid"]} | extra]


def test_delete_answers_with_a_status(api: Api, configmaps: str) -> None:
    """A deletion that is done is a Status with the uid; a second one is 404."""
    made = api.post(configmaps, configmap("a"))
    answer = api.delete(f"{configmaps}/a")
    assert (answer.status, answer.body["status"]) == (200, "Success")
    assert answer.body["details"] == {"name": "a", "kind": "configmaps", "uid": made.body["metadata"]["uid"]}
    assert api.delete(f"{configmaps}/a").status == 404


def test_a_finalizer_holds_an_object(api: Api, canaries: str) -> None:
    """The object stays with deletionTimestamp and a new generation until the last finalizer is taken away."""
    body = canary()
    body["metadata"]["finalizers"] = ["example.org/a", "example.org/b"]
    api.post(canaries, body)
    path = f"{canaries}/podinfo"
    meta = api.delete(path).body["metadata"]
    assert meta["deletionTimestamp"]
    assert (meta["deletionGracePeriodSeconds"], meta["generation"]) == (0, 2)
    assert api.patch(path, {"metadata": {"finalizers": ["example.org/b"]}}).status == 200
    more = api.patch(path, {"metadata": {"finalizers": ["example.org/b", "example.org/c"]}})
    assert more.status == 422
    assert "no new finalizers can be added" in more.body["message"]
    assert api.patch(path, {"metadata": {"finalizers": None}}).status == 200
    assert api.get(path).status == 404


def test_deleting_again_changes_nothing(api: Api, canaries: str) -> None:
    """An object that is being deleted is not touched by another DELETE."""
    body = canary()
    body["metadata"]["finalizers"] = ["example.org/a"]
    api.post(canaries, body)
    first = api.delete(f"{canaries}/podinfo")
    assert api.delete(f"{canaries}/podinfo").version == first.version
    api.patch(f"{canaries}/podinfo", {"metadata": {"finalizers": None}})


@pytest.mark.parametrize("field", ["uid", "resourceVersion"])
def test_delete_with_a_wrong_precondition_is_409(api: Api, configmaps: str, field: str) -> None:
    """Preconditions guard against deleting another object of the same name."""
    api.post(configmaps, configmap("a"))
    answer = api.delete(f"{configmaps}/a", {"preconditions": {field: "1"}})
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")
    assert api.get(f"{configmaps}/a").status == 200


def test_delete_collection_deletes_what_is_selected(api: Api, configmaps: str) -> None:
    """DELETE of a collection obeys the label selector."""
    for name, color in (("a", "red"), ("b", "red"), ("c", "blue")):
        api.post(configmaps, configmap(name, labels={"color": color}))
    answer = api.delete(configmaps, labelSelector="color=red")
    assert answer.status == 200
    assert [item["metadata"]["name"] for item in api.get(configmaps).body["items"]] == ["c"]


def test_dependents_go_with_their_owner(api: Api, canaries: str, configmaps: str) -> None:
    """What an object owns is deleted after it, and what that owns as well."""
    owner = api.post(canaries, canary()).body
    child = api.post(configmaps, configmap("child", ownerReferences=owned_by(owner))).body
    api.post(configmaps, configmap("grandchild", ownerReferences=owned_by(child)))
    api.post(configmaps, configmap("stranger"))
    api.delete(f"{canaries}/podinfo")
    api.until_gone(f"{configmaps}/child")
    api.until_gone(f"{configmaps}/grandchild")
    assert api.get(f"{configmaps}/stranger").status == 200


def test_a_dependent_with_another_owner_stays(api: Api, canaries: str, configmaps: str) -> None:
    """Only the reference to the owner that is gone is dropped."""
    one, two = (api.post(canaries, canary(name)).body for name in ("one", "two"))
    api.post(configmaps, configmap("a", ownerReferences=owned_by(one) + owned_by(two)))
    api.delete(f"{canaries}/one")

    def left(answer: Answer) -> bool:
        return [owner["name"] for owner in answer.body["metadata"]["ownerReferences"]] == ["two"]

    api.eventually(f"{configmaps}/a", left, "belongs to two")


def test_orphans_stay(api: Api, canaries: str, configmaps: str) -> None:
    """propagationPolicy Orphan leaves the dependents, without the reference."""
    owner = api.post(canaries, canary()).body
    api.post(configmaps, configmap("a", ownerReferences=owned_by(owner)))
    api.delete(f"{canaries}/podinfo", {"propagationPolicy": "Orphan"})
    api.until_gone(f"{canaries}/podinfo")
    assert "ownerReferences" not in api.get(f"{configmaps}/a").body["metadata"]


def test_foreground_deletion_waits_for_dependents(api: Api, canaries: str, configmaps: str) -> None:
    """With propagationPolicy Foreground the owner stays until its dependents are gone."""
    owner = api.post(canaries, canary()).body
    child = configmap("a", ownerReferences=owned_by(owner, blockOwnerDeletion=True), finalizers=["example.org/a"])
    api.post(configmaps, child)
    api.delete(f"{canaries}/podinfo", {"propagationPolicy": "Foreground"})
    assert api.get(f"{canaries}/podinfo").body["metadata"]["finalizers"] == ["foregroundDeletion"]
    api.eventually(f"{configmaps}/a", lambda answer: "deletionTimestamp" in answer.body["metadata"], "is deleted")
    api.patch(f"{configmaps}/a", {"metadata": {"finalizers": None}})
    api.until_gone(f"{canaries}/podinfo")


def test_an_object_of_an_absent_owner_is_collected(api: Api, canaries: str, configmaps: str) -> None:
    """What is created for an owner that is gone already does not stay."""
    owner = api.post(canaries, canary()).body
    api.delete(f"{canaries}/podinfo")
    assert api.post(configmaps, configmap("late", ownerReferences=owned_by(owner))).status == 201
    api.until_gone(f"{configmaps}/late")


def test_deleting_a_namespace_takes_its_objects(api: Api, namespace: str, configmaps: str, canaries: str) -> None:
    """A namespace goes with all that is in it."""
    api.post(configmaps, configmap("a"))
    api.post(canaries, canary())
    assert api.delete(f"/api/v1/namespaces/{namespace}").status == 200
    api.until_gone(f"/api/v1/namespaces/{namespace}")
    assert api.get(f"{canaries}/podinfo").status == 404


def test_a_terminating_namespace_takes_nothing_new(api: Api, namespace: str, canaries: str, configmaps: str) -> None:
    """While a finalizer holds something in it, a deleted namespace is Terminating and refuses new objects with 403."""
    body = canary()
    body["metadata"]["finalizers"] = ["example.org/a"]
    api.post(canaries, body)
    api.delete(f"/api/v1/namespaces/{namespace}")
    assert api.get(f"/api/v1/namespaces/{namespace}").body["status"]["phase"] == "Terminating"
    refused = api.post(configmaps, configmap("a"))
    assert (refused.status, refused.body["reason"]) == (403, "Forbidden")
    assert "because it is being terminated" in refused.body["message"]
    assert api.patch(f"{canaries}/podinfo", {"metadata": {"finalizers": None}}).status == 200


def test_a_running_pod_is_given_time(api: Api, namespace: str) -> None:
    """A pod on a node is marked and stays until its node agent deletes it with no grace; any other goes at once."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    spec = {"containers": [{"name": "c", "image": "i:1"}], "schedulerName": "nobody"}
    for name, node in (("placed", "n1"), ("waiting", "")):
        head = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}}
        assert api.post(path, head | {"spec": spec | ({"nodeName": node} if node else {})}).status == 201
    api.delete(f"{path}/waiting")
    assert api.get(f"{path}/waiting").status == 404
    marked = api.delete(f"{path}/placed", {"gracePeriodSeconds": 7})
    assert marked.body["metadata"]["deletionGracePeriodSeconds"] == 7
    assert api.get(f"{path}/placed").status == 200
    api.delete(f"{path}/placed", {"gracePeriodSeconds": 0})
    assert api.get(f"{path}/placed").status == 404
