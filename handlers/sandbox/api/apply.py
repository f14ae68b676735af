"""Server-side apply: merge a configuration into an object, and take away what its owner no longer states."""

from typing import Any

from handlers.sandbox.api import fields
from handlers.sandbox.api.managed import Manager, applied, others
from handlers.sandbox.api.shapes import Shape
from handlers.sandbox.api.status import Json


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
