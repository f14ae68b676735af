"""list: selectors, pages, metadata alone."""

import pytest

from tests.sandbox.api.client import Api, canary, configmap

METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


@pytest.fixture
def four(api: Api, configmaps: str) -> str:
    """Four ConfigMaps with labels."""
    labels = {"a": {"app": "x", "tier": "front"}, "b": {"app": "x"}, "c": {"app": "y"}, "d": {}}
    for name, own in labels.items():
        api.post(configmaps, configmap(name, labels=own))
    return configmaps


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("app=x", "ab"),
        ("app==y", "c"),
        ("app!=x", "cd"),
        ("app", "abc"),
        ("!app", "d"),
        ("app in (x, y)", "abc"),
        ("app notin (x)", "cd"),
        ("app=x,tier=front", "a"),
        ("app=x,!tier", "b"),
        ("app in (x),tier notin (back)", "ab"),
    ],
)
def test_label_selectors(api: Api, four: str, selector: str, names: str) -> None:
    """Equality, sets, existence, and their combination."""
    found = api.get(four, labelSelector=selector).body["items"]
    assert "".join(item["metadata"]["name"] for item in found) == names


@pytest.mark.parametrize("selector", ["app in (", "=x", "a b"])
def test_a_broken_label_selector_is_400(api: Api, configmaps: str, selector: str) -> None:
    """What cannot be read is refused, not ignored."""
    assert api.get(configmaps, labelSelector=selector).status == 400


def test_field_selectors(api: Api, four: str, namespace: str) -> None:
    """metadata.name and metadata.namespace select, on every resource."""
    assert [item["metadata"]["name"] for item in api.get(four, fieldSelector="metadata.name=b").body["items"]] == ["b"]
    assert len(api.get(four, fieldSelector="metadata.name!=b").body["items"]) == 3
    everywhere = api.get("/api/v1/configmaps", fieldSelector=f"metadata.namespace={namespace}").body["items"]
    assert len(everywhere) == 4
    assert api.get(four, fieldSelector="data.x=1").status == 400


def test_events_are_selected_by_their_object(api: Api, namespace: str) -> None:
    """kubectl describe finds Events by involvedObject."""
    path = f"/api/v1/namespaces/{namespace}/events"
    for name in ("one", "two"):
        target = {"kind": "Canary", "name": name, "namespace": namespace}
        head = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": f"{name}.1"}}
        assert api.post(path, head | {"involvedObject": target, "reason": "Synced", "type": "Normal"}).status == 201
    found = api.get(path, fieldSelector="involvedObject.name=two,involvedObject.kind=Canary").body["items"]
    assert [event["involvedObject"]["name"] for event in found] == ["two"]


def test_a_list_has_a_head(api: Api, canaries: str, configmaps: str) -> None:
    """Items of custom resources carry their kind, those of built-in ones do not."""
    api.post(canaries, canary())
    api.post(configmaps, configmap("a"))
    custom = api.get(canaries).body
    assert (custom["kind"], custom["apiVersion"]) == ("CanaryList", "flagger.app/v1beta1")
    assert custom["metadata"]["resourceVersion"].isdigit()
    assert custom["items"][0]["kind"] == "Canary"
    assert "kind" not in api.get(configmaps).body["items"][0]


def test_pages(api: Api, four: str) -> None:
    """limit and continue walk through all objects once."""
    names: list[str] = []
    token = ""
    while True:
        page = api.get(four, limit="3", **({"continue": token} if token else {})).body
        names += [item["metadata"]["name"] for item in page["items"]]
        token = page["metadata"].get("continue", "")
        if not token:
            break
        assert page["metadata"]["remainingItemCount"] == 1
    assert names == ["a", "b", "c", "d"]


def test_a_broken_continue_token_is_400(api: Api, four: str) -> None:
    """A token of somebody else's making is refused."""
    assert api.get(four, limit="1", **{"continue": "nonsense"}).status == 400


def test_metadata_alone(api: Api, canaries: str) -> None:
    """PartialObjectMetadata has the whole metadata and nothing else."""
    made = api.post(canaries, canary())
    found = api.get(canaries, accept=METADATA_LIST).body
    assert (found["kind"], found["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    head = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
    assert found["items"] == [head | {"metadata": made.body["metadata"]}]
    assert api.get(f"{canaries}/podinfo", accept=METADATA).body == found["items"][0]


def test_tables_may_be_answered_by_objects(api: Api, canaries: str) -> None:
    """A client that prefers tables gets something that it can read."""
    api.post(canaries, canary())
    found = api.get(canaries, accept="application/json;as=Table;v=v1;g=meta.k8s.io,application/json").body
    assert found["kind"] in ("Table", "CanaryList")
