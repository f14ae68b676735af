"""The three patches; server-side apply has a file of its own."""

import threading
from typing import Any

import pytest

from tests.sandbox.api.client import JSON_PATCH, STRATEGIC, Api, canary, configmap, deployment


def test_merge_patch_merges_and_null_removes(api: Api, configmaps: str) -> None:
    """RFC 7386: maps merge, null removes, lists are replaced."""
    api.post(configmaps, configmap("a", {"keep": "1", "drop": "2"}))
    answer = api.patch(f"{configmaps}/a", {"data": {"drop": None, "new": "3"}})
    assert answer.body["data"] == {"keep": "1", "new": "3"}


def test_a_patch_with_a_version_guards_it(api: Api, canaries: str) -> None:
    """resourceVersion inside a merge patch makes it a compare-and-swap."""
    made = api.post(canaries, canary())
    swap = {"metadata": {"resourceVersion": made.version, "annotations": {"seq": "1"}}}
    assert api.patch(f"{canaries}/podinfo", swap).status == 200
    stale = api.patch(f"{canaries}/podinfo", swap)
    assert (stale.status, stale.body["reason"]) == (409, "Conflict")
    assert stale.body["details"]["name"] == "podinfo"


def test_concurrent_compare_and_swap_loses_nothing(api: Api, configmaps: str) -> None:
    """Four writers that retry on 409 count to forty together."""
    api.post(configmaps, configmap("a", {"n": "0"}))

    def count() -> None:
        done = 0
        while done < 10:
            found = api.get(f"{configmaps}/a")
            change = {
                "metadata": {"resourceVersion": found.version},
                "data": {"n": str(int(found.body["data"]["n"]) + 1)},
            }
            done += api.patch(f"{configmaps}/a", change).status == 200

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert api.get(f"{configmaps}/a").body["data"]["n"] == "40"


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        pytest.param([{"op": "add", "path": "/data/c", "value": "3"}], {"a": "1", "b": "2", "c": "3"}, id="add"),
        pytest.param([{"op": "replace", "path": "/data/a", "value": "9"}], {"a": "9", "b": "2"}, id="replace"),
        pytest.param([{"op": "remove", "path": "/data/a"}], {"b": "2"}, id="remove"),
        pytest.param([{"op": "move", "from": "/data/a", "path": "/data/c"}], {"b": "2", "c": "1"}, id="move"),
        pytest.param([{"op": "copy", "from": "/data/a", "path": "/data/c"}], {"a": "1", "b": "2", "c": "1"}, id="copy"),
        pytest.param(
            [{"op": "test", "path": "/data/a", "value": "1"}, {"op": "remove", "path": "/data/b"}],
            {"a": "1"},
            id="test",
        ),
    ],
)
def test_json_patch(api: Api, configmaps: str, operations: Any, expected: Any) -> None:
    """RFC 6902, operation by operation."""
    api.post(configmaps, configmap("a", {"a": "1", "b": "2"}))
    answer = api.patch(f"{configmaps}/a", operations, JSON_PATCH)
    assert answer.status == 200, answer.body
    assert answer.body["data"] == expected


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param({"op": "test", "path": "/data/a", "value": "2"}, id="failing test"),
        pytest.param({"op": "remove", "path": "/data/nothing"}, id="path that is not there"),
    ],
)
def test_json_patch_that_does_not_fit_is_422(api: Api, configmaps: str, operation: Any) -> None:
    """A patch that cannot be carried out is Invalid and changes nothing."""
    api.post(configmaps, configmap("a", {"a": "1"}))
    answer = api.patch(f"{configmaps}/a", [{"op": "add", "path": "/data/z", "value": "1"}, operation], JSON_PATCH)
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert answer.body["message"] == "the server rejected our request due to an error in our request"
    assert api.get(f"{configmaps}/a").body["data"] == {"a": "1"}


def test_strategic_merge_finds_containers_by_name(api: Api, deployments: str) -> None:
    """A container is patched by its name, and the others stay."""
    body = deployment("a")
    body["spec"]["template"]["spec"]["containers"].append({"name": "sidecar", "image": "envoy:1"})
    api.post(deployments, body)
    change = {"spec": {"template": {"spec": {"containers": [{"name": "sidecar", "image": "envoy:2"}]}}}}
    containers = api.patch(f"{deployments}/a", change, STRATEGIC).body["spec"]["template"]["spec"]["containers"]
    assert {container["name"]: container["image"] for container in containers} == {
        "podinfod": "podinfo:6.0.0",
        "sidecar": "envoy:2",
    }


def test_strategic_merge_deletes_and_replaces(api: Api, deployments: str) -> None:
    """`$patch: delete` removes an item, `$patch: replace` a whole map."""
    body = deployment("a")
    body["spec"]["template"]["spec"]["containers"] += [{"name": "x", "image": "x:1"}]
    body["metadata"]["labels"] = {"one": "1", "two": "2"}
    api.post(deployments, body)
    change = {
        "metadata": {"labels": {"$patch": "replace", "three": "3"}},
        "spec": {"template": {"spec": {"containers": [{"name": "x", "$patch": "delete"}]}}},
    }
    answer = api.patch(f"{deployments}/a", change, STRATEGIC)
    assert answer.body["metadata"]["labels"] == {"three": "3"}
    assert [found["name"] for found in answer.body["spec"]["template"]["spec"]["containers"]] == ["podinfod"]


def test_strategic_merge_takes_items_of_one_key_together(api: Api, namespace: str) -> None:
    """Two new items under the same key become one, also when their types would keep them apart."""
    path = f"/api/v1/namespaces/{namespace}/services"
    spec = {"selector": {"app": "a"}, "ports": [{"name": "http", "port": 80}]}
    api.post(path, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": spec})
    new = [{"port": 1, "name": "one"}, {"port": 1, "protocol": "UDP"}]
    found = api.patch(f"{path}/s", {"spec": {"ports": new}}, STRATEGIC).body["spec"]["ports"]
    assert [(port["name"], port["port"], port["protocol"]) for port in found] == [
        ("one", 1, "UDP"),
        ("http", 80, "TCP"),
    ]


def test_strategic_merge_adds_environment_and_finalizers(api: Api, deployments: str) -> None:
    """Keyed lists grow by key, and lists of plain values are united."""
    api.post(deployments, deployment("a") | {"metadata": {"name": "a", "finalizers": ["example.org/x"]}})
    env = [{"name": "A", "value": "1"}]
    change: Any = {
        "metadata": {"finalizers": ["example.org/y"]},
        "spec": {"template": {"spec": {"containers": [{"name": "podinfod", "env": env}]}}},
    }
    api.patch(f"{deployments}/a", change, STRATEGIC)
    change["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "B", "value": "2"}]
    answer = api.patch(f"{deployments}/a", change, STRATEGIC)
    found = answer.body["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {item["name"]: item["value"] for item in found} == {"A": "1", "B": "2"}
    assert sorted(answer.body["metadata"]["finalizers"]) == ["example.org/x", "example.org/y"]
    api.patch(f"{deployments}/a", {"metadata": {"finalizers": None}})


@pytest.mark.parametrize("kind", [STRATEGIC, "application/json", "text/plain"])
def test_custom_resources_refuse_other_patches_with_415(api: Api, canaries: str, kind: str) -> None:
    """Strategic merge is for built-in objects alone."""
    api.post(canaries, canary())
    answer = api.patch(f"{canaries}/podinfo", {"spec": {"suspend": True}}, kind)
    assert (answer.status, answer.body["reason"]) == (415, "UnsupportedMediaType")
    assert "application/merge-patch+json" in answer.body["message"]


def test_patching_nothing_is_404(api: Api, configmaps: str) -> None:
    """A merge patch creates nothing."""
    assert api.patch(f"{configmaps}/a", {"data": {}}).status == 404
