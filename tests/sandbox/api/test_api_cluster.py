"""The cluster without HTTP: what in-process users rely on."""

import copy
import json
import threading
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.errors import BadSetting
from handlers.sandbox.api import fields, patches
from handlers.sandbox.api.cluster import Cluster
from handlers.sandbox.api.request import Request
from handlers.sandbox.api.shapes import LEAF
from handlers.sandbox.crds import install_crds
from tests.sandbox.api.client import Json, canary, configmap

MAPS = "/api/v1/namespaces/default/configmaps"
CANARIES = "/apis/flagger.app/v1beta1/namespaces/default/canaries"
PATIENT = settings(max_examples=50)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text("abc", max_size=2), below, max_size=3),
    max_leaves=8,
)
json_maps = st.dictionaries(st.text("abc", max_size=2), json_values, max_size=4)


@pytest.fixture
def cluster() -> Cluster:
    """A cluster with our CRDs."""
    found = Cluster()
    install_crds(found)
    return found


def test_time_and_uids_are_handed_in() -> None:
    """A cluster of one's own clock and uids answers the same every time."""

    def made() -> Any:
        uids = count()
        found = Cluster(now=lambda: datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC), new_uid=lambda: f"uid-{next(uids)}")
        return found.call("POST", MAPS, configmap("a")).body

    assert made() == made()
    assert made()["metadata"]["creationTimestamp"] == "2030-01-02T03:04:05Z"
    assert made()["metadata"]["uid"].startswith("uid-")


def test_a_callers_body_is_its_own(cluster: Cluster) -> None:
    """Neither changing what was sent nor what `json()` gave back reaches the store."""
    body = configmap("a", {"k": "v"})
    before = copy.deepcopy(body)
    mine = cluster.call("POST", MAPS, body).json()
    assert body == before
    body["data"]["k"] = "changed"
    mine["data"]["k"] = "changed"
    assert cluster.call("GET", f"{MAPS}/a").body["data"] == {"k": "v"}


def test_bytes_and_plain_json_are_the_same(cluster: Cluster) -> None:
    """A body may be bytes, as HTTP brings it, or JSON."""
    coded = cluster.handle(
        Request(method="POST", path=MAPS, body=json.dumps(configmap("a")).encode(), query={"dryRun": "All"})
    )
    plain = cluster.call("POST", MAPS, configmap("a"), query={"dryRun": "All"})
    assert coded.status == plain.status == 201
    assert coded.body["metadata"].keys() == plain.body["metadata"].keys()


def test_yaml_bodies_are_read(cluster: Cluster) -> None:
    """YAML is accepted, and a date in it stays a string."""
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {day: 2030-01-02}\n"
    reply = cluster.handle(Request(method="POST", path=MAPS, body=text, content_type="application/yaml"))
    assert reply.body["data"] == {"day": "2030-01-02"}


def test_copies_go_their_own_ways(cluster: Cluster) -> None:
    """A copy has the objects, revisions and logs of its original, and shares no later write."""
    cluster.call("POST", CANARIES, canary())
    twin = cluster.copy()
    assert twin.call("GET", CANARIES).body == cluster.call("GET", CANARIES).body
    twin.call("PATCH", f"{CANARIES}/podinfo", {"spec": {"suspend": True}})
    cluster.call("DELETE", f"{CANARIES}/podinfo")
    assert twin.call("GET", f"{CANARIES}/podinfo").body["spec"]["suspend"] is True
    assert cluster.call("GET", f"{CANARIES}/podinfo").status == 404


def test_an_old_object_is_not_changed_by_a_later_write(cluster: Cluster) -> None:
    """What a reader holds stays as it was read."""
    cluster.call("POST", MAPS, configmap("a", {"k": "1"}))
    held = cluster.call("GET", f"{MAPS}/a").body
    before = copy.deepcopy(held)
    cluster.call("PATCH", f"{MAPS}/a", {"data": {"k": "2"}, "metadata": {"labels": {"l": "m"}}})
    cluster.call("DELETE", f"{MAPS}/a")
    assert held == before


def test_threads_share_one_counter(cluster: Cluster) -> None:
    """Revisions are unique whatever thread writes."""
    found: list[str] = []

    def write(who: int) -> None:
        for number in range(50):
            reply = cluster.call("POST", MAPS, configmap(f"m-{who}-{number}"))
            found.append(reply.body["metadata"]["resourceVersion"])

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 200


def test_a_definition_that_is_refused_is_told() -> None:
    """install_crds fails loudly, here because the definitions are there already."""
    found = Cluster()
    install_crds(found)
    with pytest.raises(BadSetting, match="already exists"):
        install_crds(found)


@PATIENT
@given(json_maps, json_maps)
def test_merge_patch_of_what_was_patched_changes_nothing(target: Json, patch: Json) -> None:
    """RFC 7386 is idempotent, and leaves its input alone."""
    before = copy.deepcopy(target)
    once = patches.merge(target, patch)
    assert patches.merge(once, patch) == once
    assert target == before


@PATIENT
@given(json_maps, json_maps)
def test_json_patch_leaves_its_input_alone(target: Json, value: Json) -> None:
    """Operations work on parts of their own."""
    before = copy.deepcopy(target)
    found = patches.json_patch(
        target, [{"op": "add", "path": "/new", "value": value}, {"op": "remove", "path": "/new"}]
    )
    assert found == {name: below for name, below in before.items() if name != "new"}
    assert target == before


@PATIENT
@given(json_maps, json_maps)
def test_a_difference_is_empty_only_between_equals(old: Json, new: Json) -> None:
    """managedFields change exactly when the object does."""
    changes = fields.difference({"spec": old}, {"spec": new}, LEAF)
    assert any(changes) is not fields.same(old, new)


@PATIENT
@given(json_maps, json_maps)
def test_sets_of_fields_obey_their_laws(left: Json, right: Json) -> None:
    """Union, difference and intersection of sets of fields are those of sets."""
    a, b = (set(fields.paths(fields.whole(value, LEAF))) for value in (left, right))
    one, two = (fields.whole(value, LEAF) for value in (left, right))
    assert set(fields.paths(fields.union(one, two))) == a | b
    assert set(fields.paths(fields.subtract(one, two))) == a - b
    assert set(fields.paths(fields.intersect(one, two))) == a & b
