"""watch: replay, selectors, bookmarks, time limits, and 410 for what is forgotten."""

import threading
from itertools import islice
from typing import Any

import pytest

from handlers.sandbox.api.cluster import Cluster
from handlers.sandbox.api.request import Request
from tests.sandbox.api.client import Api, canary, configmap


def kinds(events: list[Any]) -> list[tuple[str, str]]:
    """Type and object name of each event."""
    return [(event["type"], event["object"]["metadata"]["name"]) for event in events]


def test_a_watch_tells_what_happened_since(api: Api, configmaps: str) -> None:
    """From a list's version on, a watch replays ADDED, MODIFIED and DELETED in order, each with its revision."""
    start = api.get(configmaps).version
    api.post(configmaps, configmap("a"))
    api.patch(f"{configmaps}/a", {"data": {"k": "v"}})
    api.delete(f"{configmaps}/a")
    events = list(islice(api.watch(configmaps, resourceVersion=start), 3))
    assert kinds(events) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions))


def test_a_watch_without_a_version_begins_with_what_is_there(api: Api, configmaps: str) -> None:
    """Without resourceVersion the present objects come as ADDED."""
    api.post(configmaps, configmap("a"))
    assert kinds(list(islice(api.watch(configmaps), 1))) == [("ADDED", "a")]


def test_a_watch_hears_of_later_writes(api: Api, canaries: str) -> None:
    """An event reaches a watch that is waiting for it."""
    start = api.get(canaries).version
    stream = api.watch(canaries, seconds=10, resourceVersion=start)
    thread = threading.Thread(target=api.post, args=(canaries, canary()))
    thread.start()
    event = next(stream)
    thread.join()
    assert (event["type"], event["object"]["kind"]) == ("ADDED", "Canary")
    stream.close()  # type: ignore[attr-defined]  # a generator


def test_a_watch_selects_by_label(api: Api, configmaps: str) -> None:
    """An object that begins to match is ADDED, one that stops is DELETED."""
    start = api.get(configmaps).version
    api.post(configmaps, configmap("a"))
    api.patch(f"{configmaps}/a", {"metadata": {"labels": {"on": "yes"}}})
    api.patch(f"{configmaps}/a", {"data": {"k": "v"}})
    api.patch(f"{configmaps}/a", {"metadata": {"labels": {"on": None}}})
    events = list(islice(api.watch(configmaps, resourceVersion=start, labelSelector="on=yes"), 3))
    assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "DELETED"]


def test_a_watch_selects_by_name(api: Api, configmaps: str) -> None:
    """metadata.name is a field selector of watches; timeoutSeconds ends them."""
    for name in ("a", "b"):
        api.post(configmaps, configmap(name))
    assert kinds(list(api.watch(configmaps, seconds=1, fieldSelector="metadata.name=b"))) == [("ADDED", "b")]


def test_initial_events_end_with_a_bookmark(api: Api, configmaps: str) -> None:
    """sendInitialEvents streams what is there and says when it is done."""
    api.post(configmaps, configmap("a"))
    query: dict[str, Any] = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
    }
    first, second = islice(api.watch(configmaps, **query), 2)
    assert (first["type"], second["type"]) == ("ADDED", "BOOKMARK")
    assert second["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_a_watch_of_metadata_alone(api: Api, canaries: str) -> None:
    """Metadata-only watches carry PartialObjectMetadata."""
    api.post(canaries, canary())
    (event,) = islice(api.watch(canaries, accept="application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"), 1)
    assert event["object"].keys() == {"kind", "apiVersion", "metadata"}
    assert event["object"]["kind"] == "PartialObjectMetadata"


@pytest.mark.usefixtures("embedded")
def test_a_forgotten_revision_is_410() -> None:
    """A watch from a revision that the log has dropped is told so with an ERROR event, and ends."""
    cluster = Cluster(log_size=2)
    path = "/api/v1/namespaces/default/configmaps"
    for name in ("a", "b", "c", "d"):
        cluster.call("POST", path, configmap(name))
    reply = cluster.handle(Request(method="GET", path=path, query={"watch": "true", "resourceVersion": "2"}))
    assert reply.watch is not None
    events = list(reply.watch)
    assert [event["type"] for event in events] == ["ERROR"]
    assert events[0]["object"]["code"] == 410
    assert events[0]["object"]["reason"] == "Expired"


@pytest.mark.usefixtures("embedded")
def test_closing_a_watch_ends_it_at_once() -> None:
    """`close` wakes the thread that waits in `next`."""
    reply = Cluster().handle(Request(method="GET", path="/api/v1/pods", query={"watch": "true"}))
    assert reply.watch is not None
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(list(reply.watch or ())))
    thread.start()
    reply.watch.close()
    thread.join(timeout=30)
    assert found == [[]]
