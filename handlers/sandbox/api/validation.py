"""The value rules of one schema node: type, enum, pattern, bounds, required, and oneOf, anyOf, allOf, not."""

from __future__ import annotations

import json
import re
from typing import Any

from handlers.sandbox.api.status import Cause, Json

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int, float),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}
JUNCTORS = ("allOf", "anyOf", "oneOf", "not")


class Rules:
    """What a schema node demands of a value itself; only oneOf and its like look below it."""

    Found = list[Cause]
    __slots__ = ("enum", "int_or_string", "junctors", "pattern", "required", "source", "type")

    def __init__(self, source: Json) -> None:
        self.source = source
        self.type: str = source.get("type", "")
        self.int_or_string = bool(source.get("x-kubernetes-int-or-string"))
        self.enum: list[Any] = source.get("enum", [])
        self.pattern = re.compile(source["pattern"]) if "pattern" in source else None
        self.required: list[str] = source.get("required", [])
        self.junctors: dict[str, list[Junct]] = {
            name: [Junct(part) for part in (source[name] if name != "not" else [source[name]])]
            for name in JUNCTORS
            if name in source
        }

    def check(self, value: Any, path: str, found: Found, *, nullable: bool) -> bool:
        """Collect what breaks the rules; false if the type is wrong, so that there is no use in looking further."""
        if value is None and nullable:
            return True
        if wrong := self._type_error(value):
            text = f'Invalid value: "{_type_of(value)}": {path} in body must be of type {wrong}: "{_type_of(value)}"'
            found.append(Cause("FieldValueTypeInvalid", path, text))
            return False
        if self.enum and value not in self.enum:
            known = ", ".join(quoted(item) for item in self.enum)
            text = f"Unsupported value: {quoted(value)}: supported values: {known}"
            found.append(Cause("FieldValueNotSupported", path, text))
        match value:
            case str():
                self._check_text(value, path, found)
            case list():
                self._check_length(value, path, found)
            case dict():
                self._check_map(value, path, found)
            case int() | float() if not isinstance(value, bool):
                self._check_number(value, path, found)
            case _:
                pass
        if self.junctors:
            self._check_junctors(value, path, found)
        return True

    def _type_error(self, value: Any) -> str:
        if self.int_or_string:
            ok = isinstance(value, int | str) and not isinstance(value, bool)
            return "" if ok else "integer,string"
        if not self.type:
            return ""
        if isinstance(value, bool):
            return "" if self.type == "boolean" else self.type
        if not isinstance(value, TYPES[self.type]):
            return self.type
        return self.type if self.type == "integer" and isinstance(value, float) and value != int(value) else ""

    def _check_text(self, value: str, path: str, found: Found) -> None:
        if self.pattern and not self.pattern.search(value):
            text = f"{path} in body should match '{self.source['pattern']}'"
            found.append(Cause("FieldValueInvalid", path, f"Invalid value: {quoted(value)}: {text}"))
        longest, shortest = self.source.get("maxLength"), self.source.get("minLength")
        if longest is not None and len(value) > longest:
            found.append(Cause("FieldValueTooLong", path, f"Too long: may not be more than {longest} bytes"))
        if shortest is not None and len(value) < shortest:
            text = f"{path} in body should be at least {shortest} chars long"
            found.append(Cause("FieldValueInvalid", path, f"Invalid value: {quoted(value)}: {text}"))

    def _check_number(self, value: float, path: str, found: Found) -> None:
        highest, lowest = self.source.get("maximum"), self.source.get("minimum")
        text = f"Invalid value: {json.dumps(value)}: {path} in body should be"
        if highest is not None and value > highest:
            found.append(Cause("FieldValueInvalid", path, f"{text} less than or equal to {highest}"))
        if lowest is not None and value < lowest:
            found.append(Cause("FieldValueInvalid", path, f"{text} greater than or equal to {lowest}"))

    def _check_length(self, value: list[Any], path: str, found: Found) -> None:
        most, least = self.source.get("maxItems"), self.source.get("minItems")
        if most is not None and len(value) > most:
            text = f"Too many: {len(value)}: must have at most {most} items"
            found.append(Cause("FieldValueTooMany", path, text))
        if least is not None and len(value) < least:
            text = f"Invalid value: {len(value)}: {path} in body should have at least {least} items"
            found.append(Cause("FieldValueInvalid", path, text))
        keys = self.source.get("x-kubernetes-list-map-keys")
        if keys or self.source.get("x-kubernetes-list-type") == "set":
            self._check_unique(value, keys or [], path, found)

    def _check_unique(self, value: list[Any], keys: list[str], path: str, found: Found) -> None:
        seen = []
        for at, item in enumerate(value):
            key = {name: item.get(name) for name in keys} if keys and isinstance(item, dict) else item
            if key in seen:
                shown = json.dumps(key, separators=(",", ":"))
                found.append(Cause("FieldValueDuplicate", f"{path}[{at}]", f"Duplicate value: {shown}"))
            seen.append(key)

    def _check_map(self, value: Json, path: str, found: Found) -> None:
        for name in self.required:
            if name not in value:
                where = f"{path}.{name}" if path else name
                found.append(Cause("FieldValueRequired", where, "Required value"))

    def _check_junctors(self, value: Any, path: str, found: Found) -> None:
        for name, parts in self.junctors.items():
            errors = [part.errors(value, path) for part in parts]
            good = sum(not wrong for wrong in errors)
            if wrong := _unmet(name, good, len(parts)):
                text = f'Invalid value: "": "{path}" {wrong}' if path else f'Invalid value: "": {wrong}'
                found.append(Cause("FieldValueInvalid", "<nil>", text))
                if name in ("oneOf", "anyOf") and not good:
                    found += errors[0]


class Junct:
    """A branch under oneOf, anyOf, allOf or not: rules for the value and for what lies below it."""

    __slots__ = ("items", "properties", "rules")

    def __init__(self, source: Json) -> None:
        self.rules = Rules(source)
        self.properties = {name: Junct(below) for name, below in source.get("properties", {}).items()}
        self.items = Junct(source["items"]) if "items" in source else None

    def errors(self, value: Any, path: str) -> Rules.Found:
        """What keeps the value from satisfying the branch."""
        found: Rules.Found = []
        self.rules.check(value, path, found, nullable=False)
        if isinstance(value, dict):
            for name, below in self.properties.items():
                if name in value:
                    found += below.errors(value[name], f"{path}.{name}")
        elif isinstance(value, list) and self.items:
            for at, item in enumerate(value):
                found += self.items.errors(item, f"{path}[{at}]")
        return found


def quoted(value: Any) -> str:
    """A value as messages show it: strings in double quotes, the rest as JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _unmet(name: str, good: int, number: int) -> str:
    match name:
        case "oneOf" if good != 1:
            which = "none valid" if not good else f"{good} valid alternatives"
            return f"must validate one and only one schema (oneOf). Found {which}"
        case "anyOf" if not good:
            return "must validate at least one schema (anyOf)"
        case "allOf" if good < number:
            return "must validate all the schemas (allOf)"
        case "not" if good:
            return "must not validate the schema (not)"
    return ""


def _type_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
