"""Built-in objects as Go decodes and encodes them: `types.json` has the types of k8s.io/api.

Unknown fields go, null is nothing, what is empty is left out where its tag says so, and a wrong type is refused.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from importlib.resources import files
from typing import Any

from handlers.sandbox.api.shapes import LEAF, Shape
from handlers.sandbox.api.status import Json, Undecodable

_INTEGERS = {"int32": 1 << 31, "int64": 1 << 63}
_ZERO: Json = {
    "string": "",
    "bool": False,
    "int32": 0,
    "int64": 0,
    "float64": 0,
    "intstr": 0,
    "quantity": "0",
    "bytes": "",
}
_GO_NAMES = {"intstr": "intstr.IntOrString", "bytes": "[]uint8", "time": "v1.Time", "quantity": "resource.Quantity"}


class Mismatch(Undecodable):
    """A value that does not fit its Go type; the path is known when it has come up to the root."""

    def __init__(self, value: Any, kind: str) -> None:
        super().__init__()
        self.found = _json_name(value)
        self.kind = kind
        self.path: list[str] = []
        self.struct = ""

    def __str__(self) -> str:
        place = f" struct field {self.struct}.{'.'.join(self.path)}" if self.path else " value"
        return f"json: cannot unmarshal {self.found} into Go{place} of type {self.kind}"


class Typed(Shape):
    """A type of Go at one place: how its values are decoded, encoded and merged."""

    __slots__ = ("always", "kind", "members", "number", "omitted", "pointer", "struct")

    def __init__(self, spelled: str) -> None:
        self.kind, *flags = spelled.split()
        keys = tuple(flag[4:] for flag in flags if flag.startswith("key:"))
        super().__init__(atomic="atomic" in flags, keys=keys, unique="set" in flags)
        self.pointer, self.omitted = "*" in flags, "?" in flags
        self.default = next((flag[1:] for flag in flags if flag[0] == "="), None)
        self.merge_key = next((flag[6:] for flag in flags if flag.startswith("merge:")), None)
        self.number = next((tuple(map(int, flag[1:].split("."))) for flag in flags if flag[0] == "#"), ())
        self.struct = ""
        self.members: dict[str, Typed] = {}
        if self.kind[:2] == "[]":
            self.items = _typed(self.kind[2:])
        elif self.kind[:2] == "{}":
            self.rest, self.open = _typed(self.kind[2:]), True
        elif self.kind in _types():
            self.struct = self.kind.rpartition(".")[2]
            self.members = {name: _typed(below) for name, below in _types()[self.kind].items()}
            self.fields, self.rest = self.members, LEAF
        self.closed, self.type = bool(self.struct), self._type()
        self.solid = not (self.omitted or self.pointer)
        self.always = [(name, below) for name, below in self.members.items() if not below.omitted]

    def _type(self) -> str:
        if self.struct or self.kind[:2] == "{}":
            return "map"
        if self.kind[:2] == "[]":
            return "list"
        match self.kind:
            case "int32" | "int64" | "float64":
                return "numeric"
            case "bool":
                return "boolean"
            case "any" | "intstr" | "quantity":
                return ""
            case _:
                return "string"

    def decoded(self, value: Any, before: Any, unknown: list[str]) -> Any:
        """The value as Go would give it back; the paths of unknown fields go into `unknown`. Raises Mismatch.

        What is the very same part of `before`, which has been decoded, is not looked at again.
        """
        if value is before and value is not None:
            return value
        if value is None:
            return None if self.pointer else self.zero()
        if self.struct:
            return self._decoded_struct(value, before if isinstance(before, dict) else {}, unknown)
        if self.kind[:2] == "{}":
            return self._decoded_map(value, before if isinstance(before, dict) else {}, unknown)
        if self.kind[:2] == "[]":
            return self._decoded_list(value, before, unknown)
        return _scalar(value, self.kind)

    def zero(self) -> Any:
        """The value of a variable that nothing was put into."""
        if self.struct:
            return {name: None if below.pointer else below.zero() for name, below in self.always}
        return _ZERO.get(self.kind)

    def _decoded_struct(self, value: Any, before: Json, unknown: list[str]) -> Json:
        if not isinstance(value, dict):
            raise Mismatch(value, self.kind.rpartition("/")[2])
        found: Json = {}
        for name, below in value.items():
            member = self.members.get(name)
            if member is None:
                unknown.append(name)
                continue
            mark = len(unknown)
            try:
                new = member.decoded(below, before.get(name), unknown)
            except Mismatch as error:
                error.path.insert(0, name)
                error.struct = error.struct or self.struct
                raise
            unknown[mark:] = [name + ("" if path[0] == "[" else ".") + path for path in unknown[mark:]]
            if not member.omitted or not member.empty(new):
                found[name] = new
        for name, member in self.always:
            if name not in found:
                found[name] = None if member.pointer else member.zero()
        return found

    def empty(self, value: Any) -> bool:
        """Whether a decoded value is left out under `omitempty`, or `omitzero` if it is a struct."""
        if self.pointer:
            return value is None
        return not value or (bool(self.struct) and value == self.zero())

    def _decoded_map(self, value: Any, before: Json, unknown: list[str]) -> Json:
        if not isinstance(value, dict):
            raise Mismatch(value, f"map[string]{_go_name(self.kind[2:])}")
        below: Any = self.rest
        return {name: below.decoded(item, before.get(name), unknown) for name, item in value.items()}

    def _decoded_list(self, value: Any, before: Any, unknown: list[str]) -> list[Any]:
        if not isinstance(value, list):
            raise Mismatch(value, f"[]{_go_name(self.kind[2:])}")
        known = {id(item) for item in before} if isinstance(before, list) else ()
        below: Any = self.items
        found = []
        for at, item in enumerate(value):
            mark = len(unknown)
            found.append(item if id(item) in known else below.decoded(item, None, unknown))
            unknown[mark:] = [f"[{at}]" + ("" if path[0] == "[" else ".") + path for path in unknown[mark:]]
        return found


def type_of(api_version: str, kind: str) -> Typed | None:
    """The type of a kind, if the file has it, where types have the names of their packages: `core/v1.Pod`."""
    group, _, version = api_version.rpartition("/")
    name = f"{group.partition('.')[0] or 'core'}/{version}.{kind}"
    return _typed(name) if name in _types() else None


@cache
def _types() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(files(__package__ or "").joinpath("types.json").read_text("utf-8"))
    return found


@cache
def _typed(spelled: str) -> Typed:
    return Typed(spelled)


def _scalar(value: Any, kind: str) -> Any:
    match kind:
        case "int32" | "int64":
            good = isinstance(value, int) and not isinstance(value, bool) and abs(value) < _INTEGERS[kind]
        case "bool":
            good = isinstance(value, bool)
        case "float64":
            good = isinstance(value, int | float) and not isinstance(value, bool)
        case "intstr" | "quantity":
            good = isinstance(value, int | str) and not isinstance(value, bool)
        case "any":
            good = True
        case _:
            good = isinstance(value, str)
    if not good:
        raise Mismatch(value, _go_name(kind))
    if kind == "bytes":
        _check_base64(value)
    return str(value) if kind == "quantity" else value


def _check_base64(value: str) -> None:
    try:
        base64.b64decode(value, validate=True)
    except ValueError:
        raise Undecodable("illegal base64 data at input byte 0") from None


def _go_name(kind: str) -> str:
    return _GO_NAMES.get(kind, kind.rpartition("/")[2])


def _json_name(value: Any) -> str:
    return {bool: "bool", dict: "object", list: "array", str: "string"}.get(type(value), "number")


OBJECT_META = Typed("meta/v1.ObjectMeta")
