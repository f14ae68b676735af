"""delete: finalizers, grace, propagation; and what follows a write by itself: garbage collection, namespaces, CRDs.

The real server leaves the latter to controllers, which come a moment later; here it is done when the reply is sent.
"""

from handlers.sandbox.api import custom
from handlers.sandbox.api.reads import listed, presenter, selected, stored
from handlers.sandbox.api.request import Reply, Request
from handlers.sandbox.api.resources import CRDS, NAMESPACES, Key, Resource
from handlers.sandbox.api.routing import Target
from handlers.sandbox.api.status import Json, bad_request, conflict, success
from handlers.sandbox.api.store import Name, Store

FOREGROUND = "foregroundDeletion"
SHOWN = {"pods", "services", "serviceaccounts"}  # deletions of these answer with the object
GRACE = 30  # seconds that a running pod is given


def delete(store: Store, target: Target, request: Request) -> Reply:
    """Delete one object, or mark it if a finalizer or a running pod holds it."""
    live = stored(store, target)
    options = _options(request)
    _check(target, live, options)
    shown = presenter(target, request)
    if options.get("dryRun"):
        left: Json | None = None
    else:
        left = _delete(store, target.resource.key, (target.namespace, target.name), options)
    if left is not None:
        return Reply(status=200, body=shown(left))
    if target.resource.group == "" and target.resource.plural in SHOWN:
        return Reply(status=200, body=shown(live))
    meta = live["metadata"]
    return Reply(status=200, body=success(target.resource.group, target.resource.plural, meta["name"], meta["uid"]))


def delete_collection(store: Store, target: Target, request: Request) -> Reply:
    """Delete all objects that the selectors let through; answers with them."""
    options = _options(request)
    found = selected(store, target, request)
    for live in found if not options.get("dryRun") else ():
        meta = live["metadata"]
        if meta["uid"] in store.where:
            _delete(store, target.resource.key, (meta.get("namespace", ""), meta["name"]), options)
    return listed(target, request, found, {"resourceVersion": str(store.revision)})


def settle(store: Store, resource: Resource, live: Json | None, new: Json) -> None:
    """What follows from a write that has been stored."""
    meta = new["metadata"]
    name = (meta.get("namespace", ""), meta["name"])
    if resource.key == CRDS:
        custom.register(store, name)
    if "deletionTimestamp" in meta:
        if not meta.get("finalizers") and not _held(resource.key, new):
            _remove(store, resource.key, name)
        return
    owners = meta.get("ownerReferences")
    if owners and owners is not (live or {"metadata": {}})["metadata"].get("ownerReferences"):
        _collect(store, resource.key, name)


def _options(request: Request) -> Json:
    body = request.json() or {}
    if not isinstance(body, dict):
        raise bad_request("the body is no DeleteOptions")
    names = ("propagationPolicy", "gracePeriodSeconds", "dryRun")
    found = body | {name: request.query[name] for name in names if name in request.query}
    if body.get("orphanDependents") is True:
        found["propagationPolicy"] = "Orphan"
    return found


def _check(target: Target, live: Json, options: Json) -> None:
    resource, meta = target.resource, live["metadata"]
    wanted = options.get("preconditions") or {}
    for field, text in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        if wanted.get(field) not in (None, meta[field]):
            why = (
                f"the {text} in the precondition ({wanted[field]}) does not match the {text} in record ({meta[field]})"
            )
            fate = "deleted and then recreated" if field == "uid" else "modified"
            raise conflict("", resource.kind, meta["name"], f"{why}. The object might have been {fate}")


def _delete(store: Store, key: Key, name: Name, options: Json) -> Json | None:
    """Delete; the marked object if something still holds it, None if it is gone."""
    live = store.get(key, name)
    if live is None:
        return None
    policy = options.get("propagationPolicy") or "Background"
    uid = live["metadata"]["uid"]
    if policy == "Orphan":
        for dependent in list(store.owned_by(uid)):
            _disown(store, *dependent, {uid})
    elif policy == "Foreground":
        live = _mark(store, (key, name), live, grace=0, finalizer=FOREGROUND)
        for dependent in list(store.owned_by(uid)):
            _delete(store, *dependent, {"propagationPolicy": "Foreground"})
        _release(store, {uid})
        return store.get(key, name)
    grace = _grace(key, live, options)
    meta = live["metadata"]
    if meta.get("finalizers") or "deletionTimestamp" in meta or key in (NAMESPACES, CRDS) or grace:
        _mark(store, (key, name), live, grace=grace)
        _empty(store, key, live)
    if _unheld(store, key, name):
        _remove(store, key, name)
    return store.get(key, name)


def _unheld(store: Store, key: Key, name: Name) -> bool:
    live = store.get(key, name)
    return live is None or not (live["metadata"].get("finalizers") or _held(key, live) or _content(store, key, live))


def _content(store: Store, key: Key, live: Json) -> bool:
    """Whether a namespace or a CRD still has objects in it."""
    if key == NAMESPACES:
        return any(True for _ in _inside(store, live["metadata"]["name"]))
    return key == CRDS and bool(store.table((live["spec"]["group"], live["spec"]["names"]["plural"])).objects)


def _grace(key: Key, live: Json, options: Json) -> int:
    """The seconds that a pod which may be running is given; whoever runs it deletes it again with 0."""
    if (
        key != ("", "pods")
        or not live["spec"].get("nodeName")
        or live["status"].get("phase") in ("Succeeded", "Failed")
    ):
        return 0
    asked = options.get("gracePeriodSeconds")
    return int(asked if asked is not None else live["spec"].get("terminationGracePeriodSeconds", GRACE))


def _held(key: Key, live: Json) -> bool:
    return key == ("", "pods") and bool(live["metadata"].get("deletionGracePeriodSeconds"))


def _mark(store: Store, place: tuple[Key, Name], live: Json, *, grace: int, finalizer: str = "") -> Json:
    meta = dict(live["metadata"])
    if "deletionTimestamp" not in meta or grace < meta.get("deletionGracePeriodSeconds", 0):
        meta["deletionTimestamp"] = meta.get("deletionTimestamp", store.timestamp(grace))
        meta["deletionGracePeriodSeconds"] = grace
        if "generation" in meta:
            meta["generation"] += 1
    if finalizer and finalizer not in meta.get("finalizers", ()):
        meta["finalizers"] = [*meta.get("finalizers", ()), finalizer]
    new = live | {"metadata": meta}
    if place[0] == NAMESPACES:
        new["status"] = {"phase": "Terminating"}
    return live if new == live else store.put(*place, new)


def _remove(store: Store, key: Key, name: Name) -> None:
    """Take an object away, and after it all that hangs on it."""
    live = store.get(key, name)
    if live is None:
        return
    store.remove(key, name)
    meta = live["metadata"]
    if key == CRDS:
        custom.forget(store, live)
    for dependent in list(store.owned_by(meta["uid"])):
        _collect(store, *dependent)
    _release(store, {owner["uid"] for owner in meta.get("ownerReferences", ())})
    _finish(store, NAMESPACES, ("", meta.get("namespace", "")))
    if key[0]:
        _finish(store, CRDS, ("", f"{key[1]}.{key[0]}"))


def _finish(store: Store, key: Key, name: Name) -> None:
    live = store.get(key, name)
    if live is not None and "deletionTimestamp" in live["metadata"] and _unheld(store, key, name):
        _remove(store, key, name)


def _collect(store: Store, key: Key, name: Name) -> None:
    """Garbage collection of one object: it goes when all its owners are gone; else it forgets the absent ones."""
    live = store.get(key, name)
    if live is None:
        return
    owners = live["metadata"].get("ownerReferences", ())
    absent = {owner["uid"] for owner in owners if not _present(store, owner["uid"], name[0])}
    if len(absent) == len({owner["uid"] for owner in owners}):
        _delete(store, key, name, {})
    elif absent:
        _disown(store, key, name, absent)


def _present(store: Store, uid: str, namespace: str) -> bool:
    place = store.where.get(uid)
    return place is not None and place[1][0] in ("", namespace)


def _disown(store: Store, key: Key, name: Name, owners: set[str]) -> None:
    live = store.get(key, name)
    if live is None:
        return
    meta = dict(live["metadata"])
    meta["ownerReferences"] = [owner for owner in meta["ownerReferences"] if owner["uid"] not in owners]
    if not meta["ownerReferences"]:
        del meta["ownerReferences"]
    store.put(key, name, live | {"metadata": meta})


def _release(store: Store, owners: set[str]) -> None:
    """Let owners go that wait, deleted in the foreground, for the last of their dependents."""
    for uid in owners & store.where.keys():
        key, name = store.where[uid]
        live = store.get(key, name)
        if (
            live is None
            or FOREGROUND not in live["metadata"].get("finalizers", ())
            or any(True for _ in store.owned_by(uid))
        ):
            continue
        meta = dict(live["metadata"])
        meta["finalizers"] = [finalizer for finalizer in meta["finalizers"] if finalizer != FOREGROUND]
        if meta["finalizers"]:
            store.put(key, name, live | {"metadata": meta})
        else:
            _remove(store, key, name)


def _inside(store: Store, namespace: str) -> list[tuple[Key, Name]]:
    return [(key, name) for key, table in store.tables.items() for name in table.objects if name[0] == namespace]


def _empty(store: Store, key: Key, live: Json) -> None:
    """Delete what is in a namespace, or of a definition."""
    if key == NAMESPACES:
        for inside in _inside(store, live["metadata"]["name"]):
            _delete(store, *inside, {})
    elif key == CRDS:
        group, plural = live["spec"]["group"], live["spec"]["names"]["plural"]
        for name in list(store.table((group, plural)).objects):
            _delete(store, (group, plural), name, {})
