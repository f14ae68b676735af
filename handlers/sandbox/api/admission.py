"""What a client sent, on its way to being stored: who may write which part, what is filled in, what is refused."""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from handlers.sandbox.api import defaults, metadata, rules
from handlers.sandbox.api.apply import mistyped
from handlers.sandbox.api.custom import schema_of
from handlers.sandbox.api.managed import Manager
from handlers.sandbox.api.reads import presenter
from handlers.sandbox.api.request import Reply, Request
from handlers.sandbox.api.resources import CRDS, NAMESPACES, Resource
from handlers.sandbox.api.routing import Target
from handlers.sandbox.api.schema import ROOT
from handlers.sandbox.api.status import (
    ApiError,
    Cause,
    Json,
    Undecodable,
    bad_request,
    conflict,
    forbidden,
    invalid,
    missing,
)
from handlers.sandbox.api.store import Store
from handlers.sandbox.api.typed import OBJECT_META, Mismatch
from handlers.sandbox.api.validation import Rules

STALE = "the object has been modified; please apply your changes to the latest version and try again"
SUFFIXES = "bcdfghjklmnpqrstvwxz2456789"  # of generateName: no vowels, so no words


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One write under way: where, what, and who."""

    store: Store
    target: Target
    request: Request

    @property
    def dry(self) -> bool:
        """Whether nothing is to be stored."""
        return bool(self.request.query.get("dryRun"))

    def manager(self, operation: str = "Update") -> Manager:
        """Who writes: the fieldManager asked for, or the program's own name."""
        name = self.request.query.get("fieldManager") or self.request.user_agent.partition("/")[0] or "unknown"
        target = self.target
        return Manager(
            name=name,
            operation=operation,
            version=target.api_version,
            subresource=target.subresource,
            time=self.store.timestamp(),
        )

    def invalid(self, name: str, causes: list[Cause]) -> ApiError:
        """The refusal of an object that is not valid."""
        return invalid(self.target.resource.group, self.target.resource.kind, name, causes)

    def shown(self, status: int, found: Json, warnings: tuple[str, ...] = ()) -> Reply:
        """The reply that shows an object."""
        return Reply(status=status, body=presenter(self.target, self.request)(found), warnings=warnings)


class Received(NamedTuple):
    """What a client sent, as the server has read it, and the warnings about that."""

    body: Json
    warnings: tuple[str, ...] = ()


def received(call: Call, sent: Json, live: Json | None, *, nulls: bool = False) -> Received:
    """An object without unknown fields, of which it warns, and with a schema's defaults; raises Undecodable.

    `nulls`: those that a schema does not allow stay, to be refused.
    """
    version, unknown = call.target.version, list[str]()
    if version.type is not None:
        new = version.type.decoded(sent, live, unknown)
    else:
        new = sent | {"metadata": _metadata(sent, live, unknown)}
    if version.schema is not None:
        new = version.schema.cleaned(new, live, unknown, nulls=nulls)
    return Received(new, _told(call, unknown))


def _metadata(sent: Json, live: Json | None, unknown: list[str]) -> Json:
    own: list[str] = []
    try:
        found: Json = OBJECT_META.decoded(sent["metadata"], (live or {}).get("metadata"), own)
    except Mismatch as error:
        error.path.insert(0, "metadata")
        raise
    unknown += [f"metadata.{path}" for path in own]
    return found


def _told(call: Call, unknown: list[str]) -> tuple[str, ...]:
    unknown = [path for path in unknown if not (call.target.subresource == "" and path == "status")]
    how = call.request.query.get("fieldValidation") or "Warn"
    if not unknown or how == "Ignore":
        return ()
    texts = tuple(f'unknown field "{path}"' for path in sorted(unknown))
    if how == "Warn":
        return texts
    raise Undecodable(f"strict decoding error: {', '.join(texts)}")


def completed(call: Call, new: Json, live: Json | None) -> Json:
    """The object with the defaults of its kind."""
    return new if call.target.resource.custom else defaults.filled(call.store, call.target.resource, new, live)


def problems(call: Call, new: Json, live: Json | None) -> list[Cause]:
    """What is wrong with an object that is to be stored."""
    target = call.target
    found = metadata.problems(target.resource, new["metadata"], live["metadata"] if live else None)
    if target.version.schema is None:
        if target.resource.key == ("", "events"):  # its metadata is looked at only when the rest is good
            return rules.problems(target.resource, new, live) or found
        return found + rules.problems(target.resource, new, live) + schema_of(target.resource, new)
    broken: Rules.Found = []
    target.version.schema.validate(new, live, broken)
    return found + sorted(broken, key=lambda cause: cause.field)  # the server goes through maps in order of their keys


def isolated(target: Target, live: Json, new: Json) -> Json:
    """What a write may write at its path: through /status the status alone, elsewhere all but the status."""
    if target.subresource == "status":
        rest = live | {"metadata": _through_status(target.resource, live["metadata"], new["metadata"])}
        if "status" in new:
            return rest | {"status": new["status"]}
        return {name: value for name, value in rest.items() if name != "status"}
    if not target.version.status:
        return new
    if "status" in live:
        return new | {"status": live["status"]}
    new.pop("status", None)
    return new


def garbled(call: Call, sent: Json, live: Json) -> bool:
    """Whether what a custom resource cannot be given at this path does not fit its schema.

    Nobody looks at it, but ownership of fields cannot be told either, and is lost (fieldmanager.go, UpdateNoErrors).
    """
    if not call.target.resource.custom or not call.target.version.status:
        return False
    through_status = call.target.subresource == "status"
    dropped = {
        name: value
        for name, value in sent.items()
        if name not in ROOT and (name == "status") is not through_status and value is not live.get(name)
    }
    return any(mistyped(dropped, call.target.version.shape))


def _through_status(resource: Resource, live: Json, new: Json) -> Json:
    """The metadata after a write of the status; most of it can be written too, if built in (each strategy.go)."""
    match resource.key:
        case key if resource.custom or key == CRDS:
            return live | {"managedFields": new.get("managedFields", [])}
        case ("apps", "deployments"):
            return {**new, "labels": live["labels"]} if "labels" in live else _without(new, "labels")
        case ("", "pods"):
            name = "ownerReferences"
            return {**new, name: live[name]} if name in live else _without(new, name)
        case _:
            return new


def _without(value: Json, name: str) -> Json:
    return {key: below for key, below in value.items() if key != name}


def check_name(call: Call, name: str) -> None:
    """ApiError 400 if an object has another name than its path."""
    if name and name != call.target.name:
        where = f"the name on the URL ({call.target.name})"
        raise bad_request(f"the name of the object ({name}) does not match {where}")


def check_namespace_sent(call: Call, meta: Json) -> None:
    """ApiError 400 if an object has another namespace than its path."""
    if meta.get("namespace", call.target.namespace) != call.target.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")


def check_preconditions(call: Call, sent: Json, before: Json) -> None:
    """ApiError 409 if the write was meant for another revision."""
    resource = call.target.resource
    if sent.get("resourceVersion") not in (None, "", "0", before["resourceVersion"]):
        raise conflict(resource.group, resource.plural, before["name"], STALE)


def count(call: Call, live: Json, new: Json) -> None:
    """Raise the generation if the write changed what its kind counts: the spec, as a rule."""
    resource = call.target.resource
    if "generation" not in live["metadata"] or call.target.subresource == "status":
        return
    without = ("metadata", "status") if call.target.version.status or not resource.custom else ("metadata",)
    changed = any(new.get(name) != live.get(name) for name in {*new, *live} if name not in without)
    if resource.plural == "deployments" and resource.group == "apps":  # its strategy counts annotations as well
        changed = changed or new["metadata"].get("annotations") != live["metadata"].get("annotations")
    if changed:
        new["metadata"]["generation"] = live["metadata"]["generation"] + 1


def named(call: Call, meta: Json) -> Json:
    """The metadata of a new object with its namespace and name; ApiError 400 or 422 if they cannot be."""
    target = call.target
    check_namespace_sent(call, meta)
    if target.namespace:
        meta["namespace"] = target.namespace
    if meta.get("name"):
        return meta
    if not meta.get("generateName"):
        text = "Required value: name or generateName is required"
        raise call.invalid("", [Cause("FieldValueRequired", "metadata.name", text)])
    digest = hashlib.sha256(call.store.new_uid().encode()).digest()
    meta["name"] = meta["generateName"] + "".join(SUFFIXES[byte % len(SUFFIXES)] for byte in digest[:5])
    return meta


def check_namespace(call: Call, name: str) -> None:
    """ApiError 404 if the namespace of a new object is not there, 403 if it is on its way out."""
    namespace, resource = call.target.namespace, call.target.resource
    if not resource.namespaced:
        return
    if not namespace:
        raise bad_request("an empty namespace may not be set during creation")
    found = call.store.get(NAMESPACES, ("", namespace))
    if found is None:
        raise missing("", "namespaces", namespace)
    if "deletionTimestamp" in found["metadata"]:
        why = f"unable to create new content in namespace {namespace} because it is being terminated"
        raise forbidden(resource.group, resource.plural, name, why)
