"""How lists and maps of an object merge: item by item under a key, or as one value.

Built-in objects are known by field name (the `patchMergeKey` and `listMapKeys` of k8s.io/api), custom ones by the
`x-kubernetes-list-type`, `-list-map-keys` and `-map-type` of their schema.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from handlers.sandbox.api.status import Json

KEY_DEFAULTS = {"protocol": "TCP"}


class Shape:
    """One node. A map descends by `fields`, then `rest`; a list has `keys`, or is a set, or is one value (atomic)."""

    __slots__ = ("atomic", "fields", "items", "keys", "open", "rest", "solid", "unique")

    def __init__(self, *, atomic: bool = False, keys: tuple[str, ...] = (), unique: bool = False) -> None:
        self.fields: Mapping[str, Shape] = {}
        self.rest: Shape = self
        self.items: Shape = self
        self.atomic = atomic
        self.keys = keys
        self.unique = unique
        self.open = False
        self.solid = False  # always there in Go's struct, so that nobody ever adds it

    def child(self, name: str) -> Shape:
        """The shape below a field of a map."""
        return self.fields.get(name, self.rest)

    def merges(self) -> bool:
        """Whether a list of this shape merges item by item."""
        return bool(self.keys) or self.unique

    def element(self, item: Any) -> str:
        """The path element of a list item as fieldsV1 spells it: `k:{"name":"podinfo"}` or `v:"finalizer"`."""
        if self.unique:
            return "v:" + json.dumps(item)
        key = {name: item.get(name, KEY_DEFAULTS.get(name)) for name in self.keys if isinstance(item, dict)}
        known = {name: value for name, value in sorted(key.items()) if value is not None}
        return "k:" + json.dumps(known, separators=(",", ":"))


def _list(*keys: str, items: Shape | None = None) -> Shape:
    shape = Shape(keys=keys)
    shape.items = items or BUILTIN
    return shape


BUILTIN = Shape()
LEAF = Shape()
ATOMIC = Shape(atomic=True)
_CONTAINER = Shape()
_SPECIAL = {
    "conditions": _list("type"),
    "containers": _list("name", items=_CONTAINER),
    "initContainers": _list("name", items=_CONTAINER),
    "ephemeralContainers": _list("name", items=_CONTAINER),
    "env": _list("name"),
    "hostAliases": _list("ip"),
    "imagePullSecrets": _list("name"),
    "ownerReferences": _list("uid"),
    "podIPs": _list("ip"),
    "ports": _list("port", "protocol"),
    "secrets": _list("name"),
    "topologySpreadConstraints": _list("topologyKey", "whenUnsatisfiable"),
    "volumeDevices": _list("devicePath"),
    "volumeMounts": _list("mountPath"),
    "volumes": _list("name"),
    "finalizers": Shape(unique=True),
    **dict.fromkeys(("selector", "nodeSelector", "labelSelector", "involvedObject"), ATOMIC),
    **dict.fromkeys(("configMapKeyRef", "secretKeyRef", "fieldRef", "resourceFieldRef", "targetRef"), ATOMIC),
}
BUILTIN.fields = _SPECIAL


def _solid(shape: Shape) -> Shape:
    shape.fields, shape.rest, shape.items, shape.solid = _SPECIAL, BUILTIN, BUILTIN, True
    return shape


_SOLID = (
    "spec",
    "status",
    "template",
    "strategy",
    "updateStrategy",
    "jobTemplate",
    "metadata",
    "names",
    "loadBalancer",
)
_SPECIAL |= {name: _solid(Shape()) for name in _SOLID}
_SPECIAL["containers"].solid = True
_CONTAINER.fields = _SPECIAL | {"ports": _list("containerPort", "protocol")}
_CONTAINER.rest = BUILTIN


def of_schema(schema: Json) -> Shape:
    """The shape of a custom resource, from the root of its structural schema."""
    shape = _of_node(schema)
    shape.fields = {**shape.fields, "metadata": BUILTIN}
    return shape


def _of_node(schema: Json) -> Shape:
    kind = schema.get("x-kubernetes-list-type", "atomic")
    shape = Shape(
        atomic=schema.get("x-kubernetes-map-type") == "atomic",
        keys=tuple(schema.get("x-kubernetes-list-map-keys", ())) if kind == "map" else (),
        unique=kind == "set",
    )
    shape.fields = {name: _of_node(below) for name, below in schema.get("properties", {}).items()}
    values = schema.get("additionalProperties")
    shape.open = bool(values)
    shape.rest = _of_node(values) if isinstance(values, dict) else LEAF
    shape.items = _of_node(schema["items"]) if isinstance(schema.get("items"), dict) else LEAF
    return shape
