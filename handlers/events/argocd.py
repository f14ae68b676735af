"""What Argo CD has synced, from the event that a notification template sends."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from handlers.events.event import Event
from handlers.events.fields import is_name, is_namespace, line_value, list_value, object_value, text_value

_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One object of the sync, by names that are safe to ask the API server for; group "" is core."""

    group: str
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """An Application after a sync. `app` and `revision` are for logs and may be empty."""

    app: str
    revision: str
    resources: tuple[Resource, ...]


def synced(event: Event) -> Synced:
    """Read `status.operationState.syncResult` of an Application, as the template puts it into `data`.

    An Application with several sources has revisions instead of a revision. Resources without a namespace, or with
    a name that no namespaced object can have (`system:viewer`), cannot belong to a canary and are left out.
    Raises BadEvent when a field has another type than Argo CD gives it.
    """
    data = object_value(event.data, "data")
    revisions = [text_value(item, "data.revisions") for item in list_value(data.get("revisions"), "data.revisions")]
    revision = text_value(data.get("revision"), "data.revision") or ",".join(revisions)
    return Synced(
        app=event.subject or "",
        revision=line_value(revision, "data.revision"),
        resources=tuple(_resources(list_value(data.get("resources"), "data.resources"))),
    )


def _resources(items: list[object]) -> Iterator[Resource]:
    for number, item in enumerate(items):
        where = f"data.resources[{number}]"
        fields = object_value(item, where)
        group, kind, namespace, name = (
            text_value(fields.get(key), f"{where}.{key}") for key in ("group", "kind", "namespace", "name")
        )
        if (not group or is_name(group)) and _KIND.fullmatch(kind) and is_namespace(namespace) and is_name(name):
            yield Resource(group=group, kind=kind, namespace=namespace, name=name)
