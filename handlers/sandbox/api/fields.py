"""Sets of field paths in the form of managedFields' fieldsV1, and the differences between objects.

A set is the JSON itself: `{"f:spec": {"f:replicas": {}}}`. A path is in the set if its node is empty or holds ".".
After structured-merge-diff (fieldpath, typed).
"""

from typing import Any, NamedTuple

from handlers.sandbox.api.shapes import Shape
from handlers.sandbox.api.status import Json

UNOWNED_ROOT = {"apiVersion", "kind"}
UNOWNED_METADATA = {
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "selfLink",
    "managedFields",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
}
ITSELF: Json = {}


class Difference(NamedTuple):
    """The paths that a write added, changed and took away."""

    added: Json
    modified: Json
    removed: Json


def difference(old: Json, new: Json, shape: Shape) -> Difference:
    """What a write of `new` over `old` does. Fields that nobody owns (name, uid, ...) are left out."""
    found = Difference({}, {}, {})
    _maps(_ownable(old), _ownable(new), shape, found)
    metadata = Difference({}, {}, {})
    before, after = _metadata(old), _metadata(new)
    _maps(before, after, shape.child("metadata"), metadata)
    for into, below in zip(found, metadata, strict=True):
        if below:
            into["f:metadata"] = below
    return found


def owned(config: Json, shape: Shape) -> Json:
    """The set that an applied configuration owns: its leaves, and the items of its keyed lists."""
    found: Json = _leaves(_ownable(config), shape)
    if metadata := _metadata(config):
        found["f:metadata"] = _leaves(metadata, shape.child("metadata"))
    return found


def same(left: Any, right: Any) -> bool:
    """Whether two values are the same JSON; to Python alone, true is 1."""
    return left is right or (left == right and _same_types(left, right))


def union(left: Json, right: Json) -> Json:
    """The paths in either set."""
    if not left or not right:
        return left or right
    found = dict(left)
    for key, node in right.items():
        mine = found.get(key)
        found[key] = node if mine is None else _union_nodes(mine, node)
    return found


def subtract(left: Json, right: Json) -> Json:
    """The paths of the left set that are not in the right one; the left one itself if nothing goes."""
    found = left
    for key, node in right.items():
        mine = left.get(key)
        if key == "." or mine is None:
            continue
        below = subtract(_below(mine), _below(node))
        member = is_member(mine) and not is_member(node)
        rest = {".": ITSELF, **below} if member and below else below
        if rest == mine and (rest or member):
            continue
        if found is left:
            found = dict(left)
        if rest or member:
            found[key] = rest
        else:
            del found[key]
    return found


def intersect(left: Json, right: Json) -> Json:
    """The paths in both sets."""
    found: Json = {}
    for key, node in right.items():
        mine = left.get(key)
        if key == "." or mine is None:
            continue
        below = intersect(_below(mine), _below(node))
        if is_member(mine) and is_member(node):
            found[key] = {".": ITSELF, **below} if below else {}
        elif below:
            found[key] = below
    return found


def is_member(node: Json) -> bool:
    """Whether the path that leads to this node is in the set."""
    return not node or "." in node


def paths(found: Json, before: str = "") -> list[str]:
    """The paths of a set as messages spell them: `.spec.containers[name="podinfo"].image`."""
    result = [before] if before and is_member(found) else []
    for key, node in found.items():
        if key != ".":
            result += paths(node, before + _text(key))
    return result


def _text(key: str) -> str:
    kind, _, rest = key.partition(":")
    if kind == "f":
        return f".{rest}"
    if kind == "v":
        return f"[={rest}]"
    pairs = rest[1:-1].replace('":', "=").replace(',"', ",")
    return f"[{pairs[1:]}]"


def _same_types(left: Any, right: Any) -> bool:
    if isinstance(left, dict):
        return all(below is right[name] or _same_types(below, right[name]) for name, below in left.items())
    if isinstance(left, list):
        return all(map(_same_types, left, right))
    return isinstance(left, bool) is isinstance(right, bool)


def _union_nodes(left: Json, right: Json) -> Json:
    both = union(_below(left), _below(right))
    return {".": ITSELF, **both} if both and (is_member(left) or is_member(right)) else both


def _below(node: Json) -> Json:
    return {key: value for key, value in node.items() if key != "."} if "." in node else node


def _ownable(value: Json) -> Json:
    return {key: below for key, below in value.items() if key not in UNOWNED_ROOT and key != "metadata"}


def _metadata(value: Json) -> Json:
    return {key: below for key, below in value.get("metadata", {}).items() if key not in UNOWNED_METADATA}


def _maps(old: Json, new: Json, shape: Shape, found: Difference) -> None:
    for name, after in new.items():
        before = old.get(name, found)
        if before is after:
            continue
        key, child = "f:" + name, shape.child(name)
        if before is not found:
            _values(before, after, child, key, found)
        elif child.solid:  # it was there, empty
            _values(type(after)() if isinstance(after, dict | list) else child.zero(), after, child, key, found)
        else:
            found.added[key] = whole(after, child)
    for name, before in old.items():
        if name not in new:
            found.removed["f:" + name] = whole(before, shape.child(name))


def _values(before: Any, after: Any, shape: Shape, key: str, found: Difference) -> None:
    if same(before, after):
        return
    below = Difference({}, {}, {})
    if isinstance(before, dict) and isinstance(after, dict) and not shape.atomic:
        _maps(before, after, shape, below)
    elif isinstance(before, list) and isinstance(after, list) and shape.merges():
        _lists(before, after, shape, below)
        if not any(below):
            return  # the order alone
    else:
        found.modified[key] = {}
        return
    for into, part in zip(found, below, strict=True):
        if part:
            into[key] = part


def _lists(before: list[Any], after: list[Any], shape: Shape, found: Difference) -> None:
    old = {shape.element(item): item for item in before}
    new = {shape.element(item): item for item in after}
    for key, item in new.items():
        if key not in old:
            found.added[key] = whole(item, shape.items)
        else:
            _values(old[key], item, shape.items, key, found)
    for key, item in old.items():
        if key not in new:
            found.removed[key] = whole(item, shape.items)


def whole(value: Any, shape: Shape) -> Json:
    """The node of a value that is new or gone as a whole: everything in it, and the containers themselves."""
    below = _children(value, shape, whole)
    return {".": ITSELF, **below} if below else below


def _leaves(value: Any, shape: Shape) -> Json:
    below = _children(value, shape, _leaves)
    if not isinstance(value, dict):
        return {key: {".": ITSELF, **node} if node else {} for key, node in below.items()}
    return {key: {".": ITSELF, **node} if node and shape.open else node for key, node in below.items()}


def _children(value: Any, shape: Shape, descend: Any) -> Json:
    if isinstance(value, dict) and not shape.atomic:
        return {"f:" + name: descend(below, shape.child(name)) for name, below in value.items()}
    if isinstance(value, list) and shape.merges():
        return {shape.element(item): descend(item, shape.items) for item in value}
    return {}
