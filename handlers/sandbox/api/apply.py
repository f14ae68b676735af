"""Server-side apply: merge a configuration into an object, and take away what its owner no longer states."""

import json
from collections.abc import Iterator
from typing import Any

from handlers.sandbox.api import fields
from handlers.sandbox.api.managed import Manager, applied, others
from handlers.sandbox.api.shapes import Shape
from handlers.sandbox.api.status import Json

_TYPES: dict[str, type | tuple[type, ...]] = {
    "map": dict,
    "list": list,
    "string": str,
    "numeric": (int, float),
    "boolean": bool,
}
_EXPECTED = {"numeric": "numeric (int or float)"}


def applied_onto(live: Json, config: Json, shape: Shape, manager: Manager) -> Json:
    """The object after an apply: what the last apply stated, this one does not, and nobody else owns, is gone."""
    merged: Json = _merge(live, config, shape)
    stated = fields.owned(config, shape)
    gone = fields.subtract(fields.subtract(applied(live, manager), stated), others(live, manager))
    if not gone:
        return merged
    keep = fields.union(stated, others(live, manager))
    pruned: Json = _without(merged, gone, keep, shape)
    return pruned


def _merge(live: Any, config: Any, shape: Shape) -> Any:
    if config is None and (
        (isinstance(live, dict) and not shape.atomic) or (isinstance(live, list) and shape.merges())
    ):
        return live
    if isinstance(live, dict) and isinstance(config, dict) and not shape.atomic:
        found = dict(live)
        for name, value in config.items():
            found[name] = _merge(live[name], value, shape.child(name)) if name in live else value
        return found
    if isinstance(live, list) and isinstance(config, list) and shape.merges():
        stated = {shape.element(item): item for item in config}
        merged = []
        for item in live:
            key = shape.element(item)
            merged.append(_merge(item, stated.pop(key), shape.items) if key in stated else item)
        return [*merged, *stated.values()]
    return config


def _without(value: Any, gone: Json, keep: Json, shape: Shape) -> Any:
    if isinstance(value, dict):
        found = {}
        for name, below in value.items():
            key = "f:" + name
            node = gone.get(key)
            if node is None:
                found[name] = below
            elif not (fields.is_member(node) and key not in keep):
                left = _without(below, node, keep.get(key, {}), shape.child(name))
                if left or key in keep or not below:
                    found[name] = left
        return found
    if isinstance(value, list) and shape.merges():
        items = []
        for item in value:
            key = shape.element(item)
            node = gone.get(key)
            if node is None:
                items.append(item)
            elif not (fields.is_member(node) and key not in keep):
                items.append(_without(item, node, keep.get(key, {}), shape.items))
        return items
    return value


def mistyped(value: Any, shape: Shape, path: str = "") -> Iterator[str]:
    """What does not fit in an applied configuration (structured-merge-diff's typed/validate.go)."""
    good = _TYPES.get(shape.type)
    if value is None or good is None:
        return
    if not isinstance(value, good) or (isinstance(value, bool) and shape.type != "boolean"):
        yield f"{path}: expected {_EXPECTED.get(shape.type, shape.type)}, got {_shown(value)}"
    elif isinstance(value, dict):
        for name, below in value.items():
            if shape.closed and name not in shape.fields:
                yield f"{path}.{name}: field not declared in schema"
            else:
                yield from mistyped(below, shape.child(name), f"{path}.{name}")
    elif isinstance(value, list):
        yield from _mistyped_list(value, shape, path)


def _mistyped_list(value: list[Any], shape: Shape, path: str) -> Iterator[str]:
    seen: set[str] = set()
    for at, item in enumerate(value):
        absent = [key for key in shape.keys if shape.key_of(item, key) is None]
        if absent:
            text = f'associative list with keys has an element that omits key field "{absent[0]}"'
            yield f"{path}: element {at}: {text} (and doesn't have default value)"
            continue
        where = f"[{at}]"
        if shape.merges():
            where = shape.element(item)
            if where in seen:
                yield f"{path}: duplicate entries for key {where}"
            seen.add(where)
        yield from mistyped(item, shape.items, path + where)


def _shown(value: Any) -> str:
    return f"&value.valueUnstructured{{Value:{json.dumps(value)}}}" if not isinstance(value, str) else "string"
