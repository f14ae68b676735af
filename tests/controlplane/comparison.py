"""Makes a drawn request, and shows of its answer what both servers must have in common."""

import json
from typing import Any

from tests.controlplane.bodies import MADE, NAMESPACE, PATHS
from tests.controlplane.requests import Call
from tests.sandbox.api.client import PATIENCE, Answer, Api, Json

END = "zz-end"
_OWN = ("uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "namespace")
_ADDRESSES = ("clusterIP", "clusterIPs")
_GENERATION = "deprecated.daemonset.template.generation"
"""Known difference: an annotation that a DaemonSet has, but not when only its metadata are asked for."""


def made(api: Api, namespace: str, call: Call) -> Answer:
    """The answer to a request in a namespace."""
    path = PATHS[call.kind].format(namespace)
    one = f"{path}/{call.name}" + (f"/{call.subresource}" if call.subresource else "")
    body = _placed(_guarded(api, f"{path}/{call.name}", call), namespace)
    query = {"fieldManager": call.manager} | ({"dryRun": "All"} if call.dry else {})
    query |= {"fieldValidation": "Strict"} if call.strict else {}
    accept = "application/json" + (";as=PartialObjectMetadata;g=meta.k8s.io;v=v1" if call.metadata_only else "")
    match call.verb:
        case "create":
            return api.call("POST", path, body, accept=accept, **query)
        case "put":
            return api.call("PUT", one, body, accept=accept, **query)
        case "patch":
            return api.call("PATCH", one, body, kind=call.content, accept=accept, **query)
        case "apply":
            query |= {"force": str(call.force).lower()}
            return api.call("PATCH", one, body, kind=call.content, accept=accept, **query)
        case "delete":
            return api.delete(one, {"propagationPolicy": "Background"} | ({"dryRun": ["All"]} if call.dry else {}))
        case "clear":
            return api.delete(path, **call.selector)
        case "list":
            return api.get(path, accept=accept.replace("Metadata;", "MetadataList;"), **call.selector)
        case _:
            return api.get(one, accept=accept)


def happened(api: Api, namespace: str, kind: str, since: str) -> list[Any]:
    """The events of a kind in a namespace from a version on; an object is made to know the last of them."""
    path = PATHS[kind].format(namespace)
    assert api.post(path, _placed(MADE[kind](END), namespace)).status == 201
    found: list[Any] = []
    for event in api.watch(path, seconds=PATIENCE, resourceVersion=since):
        if event["object"]["metadata"].get("name") == END:
            return found
        found.append((event["type"], _object(event["object"])))
    raise AssertionError(f"{kind}: the watch ended before the last event; seen: {found}")


def _placed(body: Any, namespace: str) -> Any:
    return json.loads(json.dumps(body).replace(NAMESPACE, namespace))


def _guarded(api: Api, path: str, call: Call) -> Any:
    if not call.guard or not isinstance(call.body, dict) or call.verb == "create":
        return call.body
    found = api.get(path)
    version = found.version if call.guard == "fresh" and found.status == 200 else "1"
    return call.body | {"metadata": {**call.body.get("metadata", {}), "resourceVersion": version}}


def shown(answer: Answer) -> Any:
    """Status, reason, the fields that a refusal names, and the object with its owners of fields."""
    body = answer.body
    if not isinstance(body, dict):
        return answer.status, body
    if body.get("kind") == "Status":
        details = body.get("details") or {}
        causes = {(cause.get("reason", ""), cause.get("field", "")) for cause in details.get("causes") or ()}
        # <nil>: CEL rules that were not come to
        return answer.status, body.get("reason", ""), sorted(cause for cause in causes if cause[1] != "<nil>")
    if "items" in body:
        items = body["items"]
        return answer.status, body["kind"], body["apiVersion"], items and list(map(_object, items))
    return answer.status, _object(body)


def _object(body: Json) -> Json:
    body = _without_chance(body)
    meta = {key: value for key, value in body["metadata"].items() if key not in _OWN}
    if _GENERATION in meta.get("annotations", {}):
        meta["annotations"].pop(_GENERATION)
        meta = {key: value for key, value in meta.items() if key != "annotations" or value}
    meta["deleted"] = "deletionTimestamp" in body["metadata"]
    entries = [{key: value for key, value in entry.items() if key != "time"} for entry in meta.pop("managedFields", ())]
    meta["managedFields"] = sorted(entries, key=lambda entry: json.dumps(entry, sort_keys=True))
    spec = {key: value for key, value in (body.get("spec") or {}).items() if key not in _ADDRESSES}
    return body | {"metadata": meta} | ({"spec": spec} if "spec" in body else {})


def _without_chance(body: Json) -> Json:
    """The object without its uid and the name that it was given, which are in a Job's selector and labels as well."""
    text = json.dumps(body)
    meta = body["metadata"]
    for name in ("uid", *(["name"] if "generateName" in meta else [])):
        if meta.get(name):
            text = text.replace(f'"{meta[name]}"', f'"<{name}>"')
    found: Json = json.loads(text)
    return found
