"""The scale subresource: the replicas of anything, in one shape."""

from dataclasses import replace
from typing import Any

from handlers.sandbox.api.admission import Call, Received, check_name
from handlers.sandbox.api.reads import stored
from handlers.sandbox.api.request import APPLY_PATCH, Reply, Request
from handlers.sandbox.api.resources import Scale
from handlers.sandbox.api.status import ApiError, Cause, Json, Undecodable, invalid
from handlers.sandbox.api.typed import Typed
from handlers.sandbox.api.writes import patched, unpatchable, write

API_VERSION = "autoscaling/v1"
SCALE = Typed("autoscaling/v1.Scale")


def get(call: Call) -> Reply:
    """The Scale of an object."""
    return Reply(status=200, body=_shown(call, stored(call.store, call.target)))


def change(call: Call) -> Reply:
    """Set the replicas by PUT or PATCH of the Scale; the stored object changes under its own rules."""
    sent = _decoded(call.request.json()) if call.request.method == "PUT" else {}
    live = stored(call.store, call.target)
    kind = call.request.content_type.partition(";")[0].strip()
    if call.request.method == "PUT":
        asked = sent
    elif kind == APPLY_PATCH:
        raise ApiError(415, "server-side apply to the scale subresource is not supported")
    else:
        asked = _patched(kind, _shown(call, live), call.request)
    check_name(call, asked["metadata"].get("name", ""))
    replicas = asked["spec"].get("replicas", 0)
    if replicas < 0:
        text = f"Invalid value: {replicas}: must be greater than or equal to 0"
        raise invalid("autoscaling", "Scale", call.target.name, [Cause("FieldValueInvalid", "spec.replicas", text)])
    version = asked["metadata"].get("resourceVersion")
    new = _with(live, _scale(call).spec, replicas)
    new = new | {"apiVersion": call.target.api_version, "metadata": dict(live["metadata"])}
    if version:
        new["metadata"]["resourceVersion"] = version
    reply = write(call, live, Received(new), call.manager())
    return replace(reply, body=_shown(call, reply.body))


def _decoded(sent: Any) -> Json:
    found: Json = SCALE.decoded(sent or {}, None, [])
    return found


def _patched(kind: str, shown: Json, sent: Request) -> Json:
    new = patched(kind, shown, sent, SCALE)
    try:
        return _decoded(new)
    except Undecodable as error:
        raise unpatchable(new, error) from None


def _scale(call: Call) -> Scale:
    return call.target.version.scale or Scale()


def _shown(call: Call, found: Json) -> Json:
    scale = _scale(call)
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status: Json = {"replicas": _at(found, scale.status) or 0}
    selector = _at(found, scale.selector) if scale.selector else None
    if isinstance(selector, dict):
        selector = ",".join(f"{name}={value}" for name, value in sorted(selector.get("matchLabels", {}).items()))
    if selector:
        status["selector"] = selector
    meta = {name: found["metadata"][name] for name in names if name in found["metadata"]}
    replicas = _at(found, scale.spec)
    spec = {"replicas": replicas} if replicas else {}  # left out by Go when 0
    return {"kind": "Scale", "apiVersion": API_VERSION, "metadata": meta, "spec": spec, "status": status}


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _with(value: Json, path: tuple[str, ...], new: Any) -> Json:
    first, *rest = path
    return value | {first: _with(value.get(first) or {}, tuple(rest), new) if rest else new}
