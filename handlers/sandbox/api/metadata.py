"""The rules of metadata: what a client may set, what only the server writes (apimachinery's objectmeta.go)."""

import re
from typing import Any

from handlers.sandbox.api.resources import Resource
from handlers.sandbox.api.status import Cause, Json, bad_request, invalid
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
IMMUTABLE = ("uid", "deletionTimestamp", "deletionGracePeriodSeconds")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start"
    " and end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    f" '{_SUBDOMAIN.pattern}')"
)
_LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?")
_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]")
_KEY_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric"
    " character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is"
    " '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_LABEL_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start"
    " and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is"
    " '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def problems(resource: Resource, metadata: Json, live: Json | None) -> list[Cause]:
    """What is wrong with metadata that is to be stored."""
    found: list[Cause] = []
    if live is None:
        name = metadata["name"]
        if resource.group != "rbac.authorization.k8s.io" and not _SUBDOMAIN.fullmatch(name):
            found.append(_wrong("metadata.name", name, _SUBDOMAIN_RULE))
    labels = metadata.get("labels")
    if labels and (live is None or labels != live.get("labels")):
        found += label_problems(labels, "metadata.labels")
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


def label_problems(labels: Json, field: str) -> list[Cause]:
    """What is wrong with the names and values of some labels."""
    found = [_wrong(field, name, _KEY_RULE) for name in labels if not _KEY.fullmatch(name)]
    return found + [_wrong(field, value, _LABEL_RULE) for value in labels.values() if not _LABEL.fullmatch(value)]


def fixed(sent: Json, live: Json) -> Json:
    """The sent metadata, with what only the server writes taken from the stored one."""
    found = sent | {name: live[name] for name in FIXED if name in live}
    if "generation" not in live:
        found.pop("generation", None)
    return found


def changed_fixed(sent: Json, live: Json) -> list[Cause]:
    """The fields that a client tried to change although only the server writes them."""
    return [
        _wrong(f"metadata.{name}", sent[name], "field is immutable")
        for name in IMMUTABLE
        if sent.get(name) is not None and sent[name] != live.get(name)
    ]


def named(resource: Resource, body: Any, version: str) -> Json:
    """The body as an object of the resource; ApiError 400 or 422 if it is something else."""
    if not isinstance(body, dict):
        raise bad_request("the body is not a JSON object")
    if (found := body.get("apiVersion", "" if resource.custom else version)) != version:
        what = f"the API version in the data ({found})"
        raise bad_request(f"{what} does not match the expected API version ({version})")
    if (kind := body.get("kind", "" if resource.custom else resource.kind)) != resource.kind and resource.custom:
        name = (body.get("metadata") or {}).get("name", "")
        cause = Cause("FieldValueInvalid", "kind", f"Invalid value: {quoted(kind)}: must be {resource.kind}")
        raise invalid(resource.group, kind, name, [cause])
    if kind != resource.kind:
        raise bad_request(f"the kind in the data ({kind}) does not match the expected kind ({resource.kind})")
    if not isinstance(body.get("metadata") or {}, dict):
        raise bad_request("json: cannot unmarshal into Go struct field ObjectMeta.metadata")
    return body | {"apiVersion": version, "kind": resource.kind, "metadata": dict(body.get("metadata") or {})}


def _owners(metadata: Json) -> list[Cause]:
    found = []
    for owner in metadata.get("ownerReferences") or ():
        for name in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(name):
                text = "version must not be empty" if name == "apiVersion" else "must not be empty"
                found.append(_wrong(f"metadata.ownerReferences.{name}", "", text))
    return found


def _finalizers(metadata: Json, live: Json) -> list[Cause]:
    if "deletionTimestamp" not in live:
        return []
    new = [name for name in metadata.get("finalizers", ()) if name not in live.get("finalizers", ())]
    if not new:
        return []
    names = "[]string{" + ", ".join(map(quoted, new)) + "}"
    text = "no new finalizers can be added if the object is being deleted, found new finalizers"
    return [Cause("FieldValueForbidden", "metadata.finalizers", f"Forbidden: {text} {names}")]


def _wrong(field: str, value: Any, text: str) -> Cause:
    return Cause("FieldValueInvalid", field, f"Invalid value: {quoted(value)}: {text}")
