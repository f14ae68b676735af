"""create, update and patch."""

from typing import cast

from handlers.sandbox.api import allocation, apply, deletion, fields, managed, metadata, patches, request
from handlers.sandbox.api.admission import (
    Call,
    Received,
    check_name,
    check_namespace,
    check_namespace_sent,
    check_preconditions,
    completed,
    count,
    garbled,
    isolated,
    named,
    problems,
    received,
)
from handlers.sandbox.api.managed import Manager
from handlers.sandbox.api.reads import in_version, stored
from handlers.sandbox.api.request import Reply, Request
from handlers.sandbox.api.schema import ROOT
from handlers.sandbox.api.shapes import Shape
from handlers.sandbox.api.status import (
    ApiError,
    Cause,
    Json,
    Undecodable,
    bad_request,
    conflict,
    exists,
    invalid,
    missing,
)
from handlers.sandbox.api.validation import quoted

MADE_BY_UPDATE = {("", "services"), ("", "endpoints"), ("", "events"), ("events.k8s.io", "events")} | {
    ("coordination.k8s.io", "leases"),
    *(
        ("rbac.authorization.k8s.io", f"{scope}{kind}")
        for scope in ("", "cluster")
        for kind in ("roles", "rolebindings")
    ),
}
"""A PUT creates these (AllowCreateOnUpdate in each kind's strategy.go)."""


def create(call: Call) -> Reply:
    """Store a new object; 201."""
    return _create(call, received(call, _sent(call), None), None)


def update(call: Call) -> Reply:
    """Replace an object."""
    resource = call.target.resource
    live = call.store.get(resource.key, (call.target.namespace, call.target.name))
    new, warnings = received(call, _sent(call), live)
    name = new["metadata"].setdefault("name", call.target.name)
    check_name(call, name)
    check_namespace_sent(call, new["metadata"])
    if live is None and resource.key in MADE_BY_UPDATE and not call.target.subresource:
        if new["metadata"].get("uid"):
            raise conflict(resource.group, resource.plural, name, "StorageError: invalid object, Code: 4")
        return _create(call, Received(new, warnings), None)
    if live is None:
        raise missing(resource.group, resource.plural, name)
    if call.target.resource.custom and not new["metadata"].get("resourceVersion"):
        text = "Invalid value: 0: must be specified for an update"
        raise invalid(
            resource.group, resource.plural, name, [Cause("FieldValueInvalid", "metadata.resourceVersion", text)]
        )
    if new["metadata"].get("uid") not in (None, "", live["metadata"]["uid"]):
        text = f"UID in precondition: {new['metadata']['uid']}, UID in object meta: {live['metadata']['uid']}"
        raise conflict(resource.group, resource.plural, name, f"Precondition failed: {text}")
    return write(call, live, Received(new, warnings), call.manager())


def patch(call: Call) -> Reply:
    """Change an object by one of the four patches; only an apply may create it."""
    kind = call.request.content_type.partition(";")[0].strip()
    custom = call.target.resource.custom
    known = [
        request.JSON_PATCH,
        request.MERGE_PATCH,
        *([] if custom else [request.STRATEGIC_PATCH]),
        request.APPLY_PATCH,
    ]
    if kind not in known:
        text = f"accepted media types include: {', '.join(known)}"
        raise ApiError(415, f"the body of the request was in an unknown format - {text}")
    if kind == request.APPLY_PATCH:
        return _apply(call)
    live = stored(call.store, call.target)
    new = patched(kind, in_version(call.target)(live), call.request, call.target.version.shape)
    try:
        sent = received(call, metadata.named(call.target.resource, new, call.target.api_version), live)
    except Undecodable as error:
        raise unpatchable(new, error) from None
    return write(call, live, sent, call.manager())


def unpatchable(new: Json, error: Undecodable) -> ApiError:
    """The refusal of a patch that makes an object which cannot be decoded."""
    text = f"Invalid value: {quoted(quoted(new))}: {error}"
    return invalid("", "", "", [Cause("FieldValueInvalid", "patch", text)])


def patched(kind: str, found: Json, sent: Request, shape: Shape) -> Json:
    """An object changed by a patch that is not an apply."""
    change = sent.json()
    if kind == request.JSON_PATCH:
        return cast(Json, patches.json_patch(found, change))
    if not isinstance(change, dict):
        raise bad_request(
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"
        )
    strategic = kind == request.STRATEGIC_PATCH
    return cast(Json, patches.strategic(found, change, shape) if strategic else patches.merge(found, change))


def write(call: Call, live: Json, sent: Received, manager: Manager, owned: Json | None = None) -> Reply:
    """Store a changed object, unless it is the same. `owned` is what an apply states; None for any other write."""
    target, resource = call.target, call.target.resource
    before = live["metadata"]
    meta = sent.body["metadata"]
    check_name(call, meta.get("name", ""))
    check_namespace_sent(call, meta)
    check_preconditions(call, meta, before)
    new = isolated(target, live, sent.body | {"apiVersion": live["apiVersion"]})
    new["metadata"] = metadata.fixed(new["metadata"], before)
    new = completed(call, new, live)
    lost = owned is None and garbled(call, sent.body, live)
    entries = [] if lost else _owners(call, live, new, manager, owned)
    if causes := metadata.changed_fixed(meta, before) + problems(call, new, live):
        raise call.invalid(before["name"], causes)
    count(call, live, new)
    _set_managed(new, entries)
    if fields.same(new, live):
        return call.shown(200, live, sent.warnings)
    if not call.dry:
        new = call.store.put(resource.key, (target.namespace, target.name), new)
        deletion.settle(call.store, resource, live, new)
    return call.shown(200, new, sent.warnings)


def _owners(call: Call, live: Json, new: Json, manager: Manager, owned: Json | None) -> list[Json]:
    shape = call.target.version.shape
    if owned is None:
        return managed.after_update(live, new, shape, manager)
    force = call.request.query.get("force") == "true"
    return managed.after_apply(live, new, shape, manager, owned, force=force)


def _create(call: Call, sent: Received, owned: Json | None) -> Reply:
    store, target, resource = call.store, call.target, call.target.resource
    new = dict(sent.body)
    meta = named(call, new["metadata"])
    name = meta["name"]
    check_namespace(call, name)
    stale = bool(meta.get("resourceVersion")) and call.request.method == "POST"
    new["metadata"] = _of_new(call, meta)
    if target.version.status:
        new.pop("status", None)
    new["apiVersion"] = resource.api_version(resource.storage)
    new = completed(call, new, None)
    if owned is None:
        lost = garbled(call, sent.body, {})
        _set_managed(new, [] if lost else managed.after_update(None, new, target.version.shape, call.manager()))
    else:
        _set_managed(new, [call.manager("Apply").entry(owned)])
    allocation.allocate(store, resource, new)
    if causes := problems(call, new, None):
        raise call.invalid(name, causes)
    if stale:
        raise ApiError(500, "resourceVersion should not be set on objects to be created")
    if store.get(resource.key, (target.namespace, name)) is not None:
        raise exists(resource.group, resource.plural, name)
    if not call.dry:
        new = store.put(resource.key, (target.namespace, name), new)
        deletion.settle(store, resource, None, new)
    return call.shown(201, new, sent.warnings)


def _of_new(call: Call, meta: Json) -> Json:
    """The metadata of a new object, with what only the server writes."""
    ignored = ("resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")
    found = {name: value for name, value in meta.items() if name not in ignored}
    found |= {"uid": call.store.new_uid(), "creationTimestamp": call.store.timestamp()}
    counted = call.target.resource.counts or call.target.resource.custom
    return found | {"generation": 1} if counted else found


def _apply(call: Call) -> Reply:
    target, query = call.target, call.request.query
    if not query.get("fieldManager"):
        causes = [Cause("FieldValueRequired", "fieldManager", "Required value: is required for apply patch")]
        raise invalid("meta.k8s.io", "PatchOptions", "", causes)
    live = call.store.get(target.resource.key, (target.namespace, target.name))
    if live is None and target.subresource:
        raise missing(target.resource.group, target.resource.plural, target.name)
    config = _sent(call)
    meta = config["metadata"]
    if meta.get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    meta.setdefault("name", target.name)
    stated = _stated(call, config)
    owned = fields.owned(stated, target.version.shape)
    if live is None:
        return _apply_new(call, config, owned)
    manager = call.manager("Apply")
    merged = apply.applied_onto(live, stated, target.version.shape, manager)
    try:
        return write(call, live, received(call, merged, live, nulls=True), manager, owned)
    except (ApiError, Undecodable) as error:
        _owners(call, live, merged, manager, owned)  # conflicts are told before anything else
        raise _inconvertible(call, config, error) if isinstance(error, Undecodable) else error from None


def _apply_new(call: Call, config: Json, owned: Json) -> Reply:
    meta = config["metadata"]
    try:
        sent = received(call, config, None, nulls=True)
    except Undecodable as error:
        raise _inconvertible(call, config, error) from None
    check_name(call, meta["name"])
    if meta.get("uid"):
        why = f"uid mismatch: the provided object specified uid {meta['uid']}, and no existing object was found"
        raise conflict(call.target.resource.group, call.target.resource.plural, call.target.name, why)
    return _create(call, sent, owned)


def _inconvertible(call: Call, config: Json, error: Undecodable) -> ApiError:
    return ApiError(500, f"failed to convert new object ({_who(call, config)}) to proper version: {error}")


def _who(call: Call, config: Json) -> str:
    place = f"{config['metadata'].get('namespace', '')}/{config['metadata']['name']}"
    resource = call.target.resource
    return f"{place}; {resource.group}/{call.target.version.name}, Kind={resource.kind}"


def _stated(call: Call, config: Json) -> Json:
    """What an apply may state at this path: the status alone, or all but the status; ApiError 500 if it is mistyped."""
    target = call.target
    for wrong in apply.mistyped(config, target.version.shape):
        raise ApiError(500, f"failed to create typed patch object ({_who(call, config)}): {wrong}")
    if target.subresource == "status":
        return {name: value for name, value in config.items() if name in ROOT or name == "status"}
    if target.version.status:
        config.pop("status", None)
    return config


def _sent(call: Call) -> Json:
    return metadata.named(call.target.resource, call.request.json(), call.target.api_version)


def _set_managed(new: Json, entries: list[Json]) -> None:
    if entries:
        new["metadata"]["managedFields"] = entries
    else:
        new["metadata"].pop("managedFields", None)
