"""How lists and maps of an object merge: item by item under a key, or as one value.

Built-in objects have the shapes of their Go types (`typed.py`), custom ones by the `x-kubernetes-list-type`,
`-list-map-keys` and `-map-type` of their schema.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from handlers.sandbox.api.status import Json


class Shape:
    """One node. A map descends by `fields`, then `rest`; a list has `keys`, or is a set, or is one value (atomic)."""

    __slots__ = (
        "atomic",
        "closed",
        "default",
        "fields",
        "items",
        "keys",
        "merge_key",
        "open",
        "rest",
        "solid",
        "type",
        "unique",
    )

    def __init__(self, *, atomic: bool = False, keys: tuple[str, ...] = (), unique: bool = False) -> None:
        self.fields: Mapping[str, Shape] = {}
        self.rest: Shape = self
        self.items: Shape = self
        self.atomic = atomic
        self.keys = keys
        self.unique = unique
        self.open = False
        self.closed = False  # whether an apply may state no other field
        self.merge_key: str | None = None  # of a strategic merge patch; empty: a set; None: one value
        self.type = ""  # map, list, string, numeric or boolean; empty: anything
        self.default: str | None = None  # of a list's key that an item does not state
        self.solid = False  # always there in Go's struct, so that nobody ever adds it

    def zero(self) -> Any:
        """What is there when nothing was put there."""
        return None

    def child(self, name: str) -> Shape:
        """The shape below a field of a map."""
        return self.fields.get(name, self.rest)

    def merges(self) -> bool:
        """Whether a list of this shape merges item by item."""
        return bool(self.keys) or self.unique

    def key_of(self, item: Any, name: str) -> Any:
        """One key of a list item, or its default; None if it has none."""
        found = item.get(name) if isinstance(item, dict) else None
        return self.items.child(name).default if found is None else found

    def element(self, item: Any) -> str:
        """The path element of a list item as fieldsV1 spells it: `k:{"name":"podinfo"}` or `v:"finalizer"`."""
        if self.unique:
            return "v:" + json.dumps(item)
        key = {name: self.key_of(item, name) for name in sorted(self.keys)}
        known = {name: value for name, value in key.items() if value is not None}
        return "k:" + json.dumps(known, separators=(",", ":"))


LEAF = Shape()
_SCALARS = {"object": "map", "array": "list", "integer": "numeric", "number": "numeric"}
_SCALARS |= {name: name for name in ("string", "boolean")}


def of_schema(schema: Json, metadata: Shape) -> Shape:
    """The shape of a custom resource, from the root of its structural schema and the shape of all metadata."""
    shape = _of_node(schema)
    shape.fields = {**shape.fields, "apiVersion": LEAF, "kind": LEAF, "metadata": metadata}
    return shape


def _of_node(schema: Json) -> Shape:
    kind = schema.get("x-kubernetes-list-type", "atomic")
    shape = Shape(
        atomic=schema.get("x-kubernetes-map-type") == "atomic",
        keys=tuple(schema.get("x-kubernetes-list-map-keys", ())) if kind == "map" else (),
        unique=kind == "set",
    )
    shape.type = _SCALARS.get(schema.get("type", ""), "")
    shape.default = schema.get("default")
    shape.fields = {name: _of_node(below) for name, below in schema.get("properties", {}).items()}
    values = schema.get("additionalProperties")
    shape.open = bool(values)
    shape.closed = shape.type == "map" and not values and not schema.get("x-kubernetes-preserve-unknown-fields")
    shape.rest = _of_node(values) if isinstance(values, dict) else LEAF
    shape.items = _of_node(schema["items"]) if isinstance(schema.get("items"), dict) else LEAF
    return shape
