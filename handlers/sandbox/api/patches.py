"""Patches on plain JSON: RFC 7386 (merge), RFC 6902 (JSON patch), and the strategic merge of built-in objects."""

from typing import Any

from handlers.sandbox.api.shapes import Shape
from handlers.sandbox.api.status import ApiError, Json, bad_request

DIRECTIVES = ("$patch", "$retainKeys")


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386. Untouched parts of the target are shared with the result, and the target is not changed."""
    if not isinstance(patch, dict):
        return patch
    found = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        elif isinstance(value, dict):
            found[name] = merge(found.get(name), value)
        else:
            found[name] = value
    return found


def strategic(target: Any, patch: Any, shape: Shape) -> Any:
    """Kubernetes' strategic merge: lists with a merge key merge item by item; `$patch` replaces or deletes."""
    if isinstance(patch, dict):
        if patch.get("$patch") == "replace":
            return {name: value for name, value in patch.items() if name != "$patch"}
        return _strategic_map(target if isinstance(target, dict) else {}, patch, shape)
    if isinstance(patch, list) and shape.merge_key is not None:
        return _strategic_list(target if isinstance(target, list) else [], patch, shape)
    return patch


def _strategic_map(target: Json, patch: Json, shape: Shape) -> Json:
    found = dict(target)
    for name in patch.get("$retainKeys", ()) and set(target) - set(patch["$retainKeys"]):
        del found[name]
    for name, value in patch.items():
        if name.startswith("$deleteFromPrimitiveList/"):
            field = name.partition("/")[2]
            found[field] = [item for item in found.get(field, []) if item not in value]
        elif name.startswith("$setElementOrder/") or name in DIRECTIVES:
            continue
        elif value is None:
            found.pop(name, None)
        else:
            found[name] = strategic(found.get(name), value, shape.child(name))
    for name, order in patch.items():
        if name.startswith("$setElementOrder/"):
            _reorder(found, name.partition("/")[2], order, shape)
    return found


def _strategic_list(target: list[Any], patch: list[Any], shape: Shape) -> list[Any]:
    key = shape.merge_key
    if not key:
        return [*target, *(item for item in patch if item not in target)]
    if any(item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if item.get("$patch") != "replace"]
    found = list(target)
    added: list[Any] = []
    for item in patch:
        if key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {key}")
        if item.get("$patch") == "delete":
            found = [old for old in found if old.get(key) != item[key]]
            continue
        for items in (found, added):
            where = next((at for at, old in enumerate(items) if old.get(key) == item[key]), None)
            if where is not None:
                items[where] = strategic(items[where], item, shape.items)
                break
        else:
            added.append(strategic({}, item, shape.items))
    return added + found  # new items first, as the server has it


def _reorder(found: Json, field: str, order: list[Any], shape: Shape) -> None:
    items = found.get(field)
    key = shape.child(field).merge_key
    if not isinstance(items, list) or not order:
        return
    names = [item.get(key) if key and isinstance(item, dict) else item for item in order]

    def rank(item: Any) -> int:
        name = item.get(key) if key and isinstance(item, dict) else item
        return names.index(name) if name in names else len(names)

    found[field] = sorted(items, key=rank)


def json_patch(target: Any, operations: Any) -> Any:
    """RFC 6902; ApiError 422 for a failing `test` or a path that is not there, 400 for what is no patch."""
    if not isinstance(operations, list):
        raise bad_request(
            "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"
        )
    for operation in operations:
        try:
            target = _operate(target, operation)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            message = "the server rejected our request due to an error in our request"
            raise ApiError(422, message, details={}) from error
    return target


def _operate(root: Any, operation: Json) -> Any:
    path = _pointer(operation["path"])
    match operation["op"]:
        case "test":
            if _get(root, path) != operation.get("value"):
                raise ValueError("test failed")
            return root
        case "add":
            return _put(root, path, operation["value"], insert=True)
        case "replace":
            _get(root, path)
            return _put(root, path, operation["value"], insert=False)
        case "remove":
            return _remove(root, path)
        case "move":
            source = _pointer(operation["from"])
            value = _get(root, source)
            return _put(_remove(root, source), path, value, insert=True)
        case "copy":
            return _put(root, path, _get(root, _pointer(operation["from"])), insert=True)
        case unknown:
            raise ValueError(f"unexpected kind: {unknown}")


def _pointer(text: str) -> list[str]:
    if text and not text.startswith("/"):
        raise ValueError(f"{text!r} is not a JSON pointer")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _index(value: list[Any], part: str, *, end: bool = False) -> int:
    if end and part == "-":
        return len(value)
    if not part.isdigit() or int(part) > len(value) - (not end):
        raise IndexError(f"index {part} is out of range")
    return int(part)


def _get(value: Any, path: list[str]) -> Any:
    for part in path:
        value = value[_index(value, part)] if isinstance(value, list) else value[part]
    return value


def _put(value: Any, path: list[str], new: Any, *, insert: bool) -> Any:
    if not path:
        return new
    part, rest = path[0], path[1:]
    if isinstance(value, list):
        found = list(value)
        if rest:
            at = _index(value, part)
            found[at] = _put(value[at], rest, new, insert=insert)
        elif insert:
            found.insert(_index(value, part, end=True), new)
        else:
            found[_index(value, part)] = new
        return found
    return {**value, part: _put(value[part], rest, new, insert=insert) if rest else new}


def _remove(value: Any, path: list[str]) -> Any:
    part, rest = path[0], path[1:]
    if isinstance(value, list):
        at = _index(value, part)
        return [*value[:at], *([_remove(value[at], rest)] if rest else []), *value[at + 1 :]]
    if rest:
        return {**value, part: _remove(value[part], rest)}
    if part not in value:
        raise KeyError(part)
    return {name: below for name, below in value.items() if name != part}
