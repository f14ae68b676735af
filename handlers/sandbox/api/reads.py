"""get, list and watch."""

import base64
import json
from collections.abc import Callable
from typing import Any

from handlers.sandbox.api import selectors
from handlers.sandbox.api.request import Reply, Request
from handlers.sandbox.api.routing import Target
from handlers.sandbox.api.status import Json, bad_request, missing
from handlers.sandbox.api.store import Store
from handlers.sandbox.api.watches import INITIAL_END, Scope, Watch

Shown = Callable[[Json], Json]


def get(store: Store, target: Target, request: Request) -> Reply:
    """One object."""
    return Reply(status=200, body=presenter(target, request)(stored(store, target)))


def stored(store: Store, target: Target) -> Json:
    """The stored object that a path names; ApiError 404."""
    found = store.get(target.resource.key, (target.namespace, target.name))
    if found is None:
        raise missing(target.resource.group, target.resource.plural, target.name)
    return found


def listing(store: Store, target: Target, request: Request) -> Reply:
    """All objects of a resource that the selectors let through, page by page if a limit is given."""
    metadata: Json = {"resourceVersion": str(store.revision)}
    found = selected(store, target, request)
    limit = _number(request, "limit")
    if limit or "continue" in request.query:
        found, metadata = _page(found, metadata, limit, request.query.get("continue", ""))
    if target.resource.custom:
        metadata.setdefault("continue", "")
    return listed(target, request, found, metadata)


def listed(target: Target, request: Request, found: list[Json], metadata: Json) -> Reply:
    """The list of some objects."""
    shown = presenter(target, request)
    items = [shown(item) for item in found]
    if metadata_only(request):
        head = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1"}
    else:
        head = {"kind": target.resource.list_kind, "apiVersion": target.api_version}
        if not target.resource.custom:  # as in typed lists of the real server
            items = [{key: value for key, value in item.items() if key not in ("kind", "apiVersion")} for item in items]
    found_none = metadata_only(request) and not items  # as Go has a list that nothing was put into
    return Reply(status=200, body=head | {"metadata": metadata, "items": None if found_none else items})


def selected(store: Store, target: Target, request: Request) -> list[Json]:
    """The stored objects that a path and its selectors mean, in order of namespace and name."""
    matches = _predicate(target, request)
    objects = store.table(target.resource.key).objects
    names = sorted(name for name in objects if not target.namespace or name[0] == target.namespace)
    return [objects[name] for name in names if matches(objects[name])]


def watch(store: Store, target: Target, request: Request) -> Reply:
    """The stream of what happens from a revision on; without one, what is there comes first."""
    query = request.query
    shown = presenter(target, request)
    head = {"kind": target.resource.kind, "apiVersion": target.api_version}

    def bookmark(revision: int, **annotations: str) -> Json:
        extra = {"annotations": annotations} if annotations else {}
        return {"type": "BOOKMARK", "object": head | {"metadata": {"resourceVersion": str(revision)} | extra}}

    since = query.get("resourceVersion", "")
    initial = query.get("sendInitialEvents") == "true"
    replay = since not in ("", "0") and not initial
    if replay and not since.isdigit():
        raise bad_request(f'Invalid value: "{since}": invalid resource version')
    stream = Watch(
        store,
        store.table(target.resource.key),
        Scope(matches=_watched(target, request), shown=shown, bookmark=bookmark),
        revision=int(since) if replay else store.revision,
        seconds=_number(request, "timeoutSeconds") or None,
    )
    stream.bookmarks = query.get("allowWatchBookmarks") == "true"
    if not replay and query.get("sendInitialEvents") != "false":
        stream.begin([{"type": "ADDED", "object": shown(found)} for found in selected(store, target, request)])
    if initial and stream.bookmarks:
        stream.begin([bookmark(store.revision, **{INITIAL_END: "true"})])
    return Reply(status=200, watch=stream)


def presenter(target: Target, request: Request) -> Shown:
    """How a stored object is shown: in the asked version, or its metadata alone. Shared with the store."""
    return _metadata_alone if metadata_only(request) else in_version(target)


def in_version(target: Target) -> Shown:
    """How a stored object is shown in the version of a path."""
    if target.version.name == target.resource.storage:
        return _as_stored
    version = target.api_version
    return lambda found: found | {"apiVersion": version}


def metadata_only(request: Request) -> bool:
    """Whether only metadata is asked for."""
    return bool(request.accept) and "as=PartialObjectMetadata" in request.accept


def _metadata_alone(found: Json) -> Json:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": found["metadata"]}


def _as_stored(found: Json) -> Json:
    return found


def _predicate(target: Target, request: Request) -> selectors.Predicate:
    by_label = request.query.get("labelSelector")
    by_field = request.query.get("fieldSelector")
    if target.name:
        by_field = f"metadata.name={target.name}"
    if not by_label and not by_field:
        return selectors.everything
    label = selectors.labels(by_label or "")
    field = selectors.fields(by_field or "", target.resource.kind)
    return lambda found: label(found) and field(found)


def _watched(target: Target, request: Request) -> selectors.Predicate:
    matches = _predicate(target, request)
    namespace = target.namespace
    if not namespace:
        return matches
    return lambda found: found["metadata"].get("namespace") == namespace and matches(found)


def _number(request: Request, name: str) -> int:
    text = request.query.get(name, "0")
    if not text.isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def _page(found: list[Json], metadata: Json, limit: int, token: str) -> tuple[list[Json], Json]:
    if token:
        start = _token(token)
        metadata = {"resourceVersion": start["rv"]}
        found = [item for item in found if _place(item) > tuple(start["after"])]
    if not limit or len(found) <= limit:
        return found, metadata
    left = len(found) - limit
    found = found[:limit]
    after = json.dumps({"rv": metadata["resourceVersion"], "after": _place(found[-1])})
    more = {"continue": base64.urlsafe_b64encode(after.encode()).decode(), "remainingItemCount": left}
    return found, metadata | more


def _place(item: Json) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _token(token: str) -> Any:
    try:
        found = json.loads(base64.urlsafe_b64decode(token))
        return {"rv": str(found["rv"]), "after": [str(part) for part in found["after"]]}
    except (ValueError, KeyError, TypeError):
        raise bad_request("invalid continue token: continue key is not valid") from None
