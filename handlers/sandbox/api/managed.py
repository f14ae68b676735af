"""metadata.managedFields: who wrote which field last (structured-merge-diff's Updater, apimachinery's package)."""

import json
from dataclasses import dataclass
from typing import Any

from handlers.sandbox.api import fields
from handlers.sandbox.api.shapes import Shape
from handlers.sandbox.api.status import ApiError, Json

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """Who writes: a field manager, with what kind of write, through which version and subresource, and when."""

    name: str
    operation: str  # Apply or Update
    version: str  # apiVersion
    subresource: str
    time: str

    def wrote(self, entry: Json) -> bool:
        """Whether an entry of managedFields is this manager's own."""
        return bool(
            entry.get("manager") == self.name
            and entry.get("operation") == self.operation
            and entry.get("subresource", "") == self.subresource
            and (self.operation == "Apply" or entry.get("apiVersion") == self.version)
        )

    def entry(self, owned: Json) -> Json:
        """This manager's entry of managedFields, owning a set of fields as of now."""
        entry: Json = {"manager": self.name, "operation": self.operation, "apiVersion": self.version, "time": self.time}
        entry |= {"fieldsType": "FieldsV1", "fieldsV1": owned}
        return entry | {"subresource": self.subresource} if self.subresource else entry


def entries_of(live: Json | None, new: Json) -> list[Json]:
    """The entries to start from: those the writer sent, else the stored ones. `[{}]` resets them."""
    sent = new.get("metadata", {}).get("managedFields")
    if sent == [{}]:
        return []
    stored = live["metadata"].get("managedFields") if live else None
    if sent and (live or all(entry.get("fieldsV1") is not None for entry in sent)):
        return list(sent)
    return list(stored or [])


def after_update(live: Json | None, new: Json, shape: Shape, manager: Manager) -> list[Json]:
    """ManagedFields after an update: the writer owns what it changed, and everybody else loses it."""
    entries = entries_of(live, new)
    change = fields.difference(live or {}, new, shape)
    if not any(change) or (live and not entries):  # once reset, they come back with the next apply
        return entries
    touched = fields.union(change.added, change.modified)
    mine: Json = {}
    found: list[Json] = []
    for entry in entries:
        if manager.wrote(entry):
            mine = entry["fieldsV1"]
        else:
            _keep(found, entry, touched, change.removed)
    mine = fields.union(fields.subtract(mine, change.removed), touched)
    return _ordered([*found, manager.entry(mine)] if mine else found)


def after_apply(  # noqa: PLR0913 an apply is of six things
    live: Json, new: Json, shape: Shape, manager: Manager, owned: Json, *, force: bool
) -> list[Json]:
    """ManagedFields after a server-side apply; ApiError 409 names the fields that others own, unless it is forced."""
    change = fields.difference(live, new, shape)
    touched = fields.union(change.added, change.modified)
    conflicts: list[tuple[Json, Json]] = []
    found: list[Json] = []
    for entry in entries_of(live, new):
        if manager.wrote(entry):
            if entry["fieldsV1"] == owned and entry["apiVersion"] == manager.version and not any(change):
                return entries_of(live, new)
            continue
        if shared := fields.intersect(entry["fieldsV1"], touched):
            conflicts.append((entry, shared))
        _keep(found, entry, touched, change.removed)
    if conflicts and not force and not _moves_over(live, shape, manager, conflicts):
        raise _conflicts(conflicts)
    return _ordered([*found, manager.entry(owned)] if owned else found)


def applied(live: Json, manager: Manager) -> Json:
    """The set that this manager's last apply owned."""
    for entry in live["metadata"].get("managedFields", ()):
        if manager.wrote(entry):
            return dict(entry["fieldsV1"])
    return {}


def others(live: Json, manager: Manager) -> Json:
    """The union of what everybody else owns."""
    found: Json = {}
    for entry in live["metadata"].get("managedFields", ()):
        if not manager.wrote(entry):
            found = fields.union(found, entry["fieldsV1"])
    return found


def _moves_over(live: Json, shape: Shape, manager: Manager, conflicts: list[tuple[Json, Json]]) -> bool:
    """Whether kubectl takes back what it wrote itself by client-side apply (managedfields' lastappliedmanager.go)."""
    text = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    if manager.name != "kubectl" or not text:
        return False
    mine = fields.owned(json.loads(text), shape)
    return not any(fields.subtract(shared, mine) for _, shared in conflicts)


def _keep(found: list[Json], entry: Json, touched: Json, removed: Json) -> None:
    before = entry["fieldsV1"]
    left = fields.subtract(fields.subtract(before, touched), removed)
    if left:
        found.append(entry if left is before else entry | {"fieldsV1": left})


def _ordered(entries: list[Json]) -> list[Json]:
    def key(entry: Json) -> tuple[Any, ...]:
        names = ("operation", "time", "manager", "apiVersion", "subresource")
        return tuple(entry.get(name) or "" for name in names)

    return sorted(entries, key=key)


def _conflicts(conflicts: list[tuple[Json, Json]]) -> ApiError:
    causes = []
    lines: list[str] = []
    for entry, shared in conflicts:
        who = _who(entry)
        where = fields.paths(shared)
        reason = {"reason": "FieldManagerConflict", "message": f"conflict with {who}"}
        causes += [reason | {"field": path} for path in where]
        if len(where) == len(conflicts) == 1:
            lines.append(f"conflict with {who}: {where[0]}")
        else:
            lines.append(f"conflicts with {who}:")
            lines += [f"- {path}" for path in where]
    number = f"{len(causes)} conflict" + ("s" if len(causes) > 1 else "")
    return ApiError(409, f"Apply failed with {number}: " + "\n".join(lines), details={"causes": causes})


def _who(entry: Json) -> str:
    who = f'"{entry["manager"]}"'
    if entry.get("subresource"):
        who += f' with subresource "{entry["subresource"]}"'
    return f"{who} using {entry['apiVersion']}" if entry["operation"] == "Update" else who
