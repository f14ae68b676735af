"""The rules of metadata: what a client may set, what only the server writes (apimachinery's validation/objectmeta.go)."""

import re
from typing import Any

from handlers.sandbox.api.resources import Resource
from handlers.sandbox.api.status import Cause, Json, bad_request
from handlers.sandbox.api.validation import quoted

ANNOTATIONS_LIMIT = 256 * 1024  # bytes
FIXED = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
IMMUTABLE = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
_DROPPED_IF_EMPTY = ("labels", "annotations", "finalizers", "ownerReferences", "managedFields", "generateName")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start"
    " and end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    f" '{_SUBDOMAIN.pattern}')"
)
_LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?")
_LABEL_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start"
    " and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is"
    " '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def tidy(metadata: Json) -> Json:
    """The metadata as the typed ObjectMeta would keep it, without nulls and empty maps; ApiError 400 for a label 1."""
    found = {
        name: value
        for name, value in metadata.items()
        if value is not None and (value or name not in _DROPPED_IF_EMPTY)
    }
    for name in ("labels", "annotations"):
        for value in (found.get(name) or {}).values():
            if not isinstance(value, str):
                kind = {bool: "bool", dict: "object", list: "array"}.get(type(value), "number")
                place = f"Go struct field ObjectMeta.metadata.{name} of type string"
                raise bad_request(f"json: cannot unmarshal {kind} into {place}")
    return found


def problems(resource: Resource, metadata: Json, live: Json | None) -> list[Cause]:
    """What is wrong with metadata that is to be stored."""
    found: list[Cause] = []
    if live is None:
        name = metadata["name"]
        if resource.group != "rbac.authorization.k8s.io" and not _SUBDOMAIN.fullmatch(name):
            found.append(_wrong("metadata.name", name, _SUBDOMAIN_RULE))
    labels = metadata.get("labels")
    if labels and (live is None or labels != live.get("labels")):
        bad = [value for value in labels.values() if not _LABEL.fullmatch(value)]
        found += [_wrong("metadata.labels", value, _LABEL_RULE) for value in bad]
    annotations = metadata.get("annotations")
    if annotations and (live is None or annotations is not live.get("annotations")):
        size = sum(len(name) + len(value) for name, value in annotations.items())
        if (
            size > ANNOTATIONS_LIMIT
            and sum(len(part.encode()) for pair in annotations.items() for part in pair) > ANNOTATIONS_LIMIT
        ):
            text = f"Too long: may not be more than {ANNOTATIONS_LIMIT} bytes"
            found.append(Cause("FieldValueTooLong", "metadata.annotations", text))
    return found + _owners(metadata) + (_finalizers(metadata, live) if live else [])


def fixed(sent: Json, live: Json) -> Json:
    """The sent metadata, with what only the server writes taken from the stored one."""
    return sent | {name: live[name] for name in FIXED if name in live}


def changed_fixed(sent: Json, live: Json) -> list[Cause]:
    """The fields that a client tried to change although only the server writes them."""
    return [
        _wrong(f"metadata.{name}", sent[name], "field is immutable")
        for name in IMMUTABLE
        if sent.get(name) is not None and sent[name] != live.get(name)
    ]


def named(resource: Resource, body: Any, version: str) -> Json:
    """The body as an object of the resource; ApiError 400 if it is something else."""
    if not isinstance(body, dict):
        raise bad_request("the body is not a JSON object")
    for field, expected in (("apiVersion", version), ("kind", resource.kind)):
        found = body.get(field, expected if not resource.custom else None)
        if found != expected:
            name = {"apiVersion": "API version", "kind": "kind"}[field]
            raise bad_request(f"the {name} in the data ({found or ''}) does not match the expected {name} ({expected})")
    if not isinstance(body.get("metadata") or {}, dict):
        raise bad_request("json: cannot unmarshal into Go struct field ObjectMeta.metadata")
    return body | {"apiVersion": version, "kind": resource.kind, "metadata": dict(body.get("metadata") or {})}


def _owners(metadata: Json) -> list[Cause]:
    found = []
    for at, owner in enumerate(metadata.get("ownerReferences") or ()):
        for name in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(name):
                where = (
                    f"metadata.ownerReferences[{at}].{name}" if name == "uid" else f"metadata.ownerReferences.{name}"
                )
                found.append(_wrong(where, "", f"{name} must not be empty"))
    return found


def _finalizers(metadata: Json, live: Json) -> list[Cause]:
    if "deletionTimestamp" not in live:
        return []
    new = [name for name in metadata.get("finalizers", ()) if name not in live.get("finalizers", ())]
    if not new:
        return []
    text = (
        f"Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers {quoted(new)}"
    )
    return [Cause("FieldValueForbidden", "metadata.finalizers", text)]


def _wrong(field: str, value: Any, text: str) -> Cause:
    return Cause("FieldValueInvalid", field, f"Invalid value: {quoted(value)}: {text}")
