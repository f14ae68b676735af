"""Kubernetes objects as JSON, and the smallest patch between two of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.rollout import objects
from handlers.rollout.objects import CANARY, SERVICE, Ref, generation, merge_patch, resource_version

LEAVES = st.integers() | st.text(max_size=3) | st.booleans()
VALUES = st.recursive(
    LEAVES | st.lists(LEAVES, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


def apply(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2, as it stands there."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = apply(result.get(key), value)
    return result


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        pytest.param({"a": 1}, {"a": 1}, {}, id="nothing"),
        pytest.param({"a": 1}, {"a": 2}, {"a": 2}, id="changed"),
        pytest.param({}, {"a": 1}, {"a": 1}, id="added"),
        pytest.param({"a": 1, "b": 2}, {"b": 2}, {"a": None}, id="removed"),
        pytest.param({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, {"a": {"c": 3}}, id="within"),
        pytest.param({"a": [1, 2]}, {"a": [1]}, {"a": [1]}, id="lists are replaced whole"),
        pytest.param({"a": {"b": 1}}, {"a": 1}, {"a": 1}, id="another type"),
        pytest.param({"a": {"b": {}}}, {"a": {"b": {}}}, {}, id="empty within"),
    ],
)
def test_a_patch_holds_only_what_differs(old: Any, new: Any, patch: Any) -> None:
    """Nothing is written that is so already."""
    assert merge_patch(old, new) == patch


@given(old=OBJECTS, new=OBJECTS)
def test_a_patch_turns_the_old_into_the_new(old: dict[str, Any], new: dict[str, Any]) -> None:
    """For any two objects, and it is empty only when they are equal."""
    patch = merge_patch(old, new)
    assert apply(old, patch) == new
    assert bool(patch) == (old != new)


@pytest.mark.parametrize("obj", [{}, {"metadata": None, "spec": None, "status": None}])
def test_what_is_missing_is_empty(obj: dict[str, Any]) -> None:
    """Absent and null parts are read alike."""
    assert objects.metadata(obj) == objects.spec(obj) == objects.status(obj) == {}
    assert objects.annotations(obj) == objects.labels(obj) == {}
    assert (resource_version(obj), generation(obj)) == ("", 0)


def test_metadata_is_read() -> None:
    """Guards and generations come from the metadata."""
    obj = {"metadata": {"resourceVersion": "7", "generation": 3, "annotations": {"a": "b"}, "labels": {"c": "d"}}}
    assert (resource_version(obj), generation(obj)) == ("7", 3)
    assert (objects.annotations(obj), objects.labels(obj)) == ({"a": "b"}, {"c": "d"})


def test_kinds_and_refs_are_named_as_kubernetes_does() -> None:
    """The core group has no name."""
    assert (CANARY.api_version, SERVICE.api_version) == ("flagger.app/v1beta1", "v1")
    assert str(Ref(CANARY, "test", "podinfo")) == "Canary test/podinfo"
