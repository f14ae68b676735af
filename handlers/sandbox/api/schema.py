"""Structural schemas of custom resources: unknown fields are pruned, defaults applied, then the object is validated.

The words of the refusals are those of apiextensions-apiserver and kube-openapi.
"""

from __future__ import annotations

from typing import Any

from handlers.sandbox.api.fields import same
from handlers.sandbox.api.status import Json
from handlers.sandbox.api.validation import Rules

ROOT = frozenset(("apiVersion", "kind", "metadata"))


class Schema:
    """One node of a structural schema, compiled once."""

    __slots__ = ("additional", "closed", "defaults", "items", "keep", "nullable", "open", "properties", "rules")

    def __init__(self, source: Json) -> None:
        self.rules = Rules(source)
        self.properties = {name: Schema(below) for name, below in source.get("properties", {}).items()}
        extra = source.get("additionalProperties")
        self.additional = Schema(extra) if isinstance(extra, dict) else None
        self.keep = bool(source.get("x-kubernetes-preserve-unknown-fields"))
        self.open = self.keep or extra is True
        self.closed = bool(self.properties or source.get("type") == "object") and not self.open
        self.items = Schema(source["items"]) if isinstance(source.get("items"), dict) else None
        self.nullable = bool(source.get("nullable"))
        self.defaults = {
            name: below["default"] for name, below in source.get("properties", {}).items() if "default" in below
        }

    def cleaned(self, value: Any, before: Any, unknown: list[str], path: str = "", *, nulls: bool = False) -> Any:
        """The value without unknown fields (their paths go into `unknown`) and with defaults.

        Shared with the value where nothing changes; what is the very same part of `before` is not looked at again.
        A null goes as well where it is not allowed, unless `nulls`.
        """
        if value is before or value is None:
            return value
        if isinstance(value, dict):
            return self._cleaned_map(value, before if isinstance(before, dict) else {}, unknown, path, nulls=nulls)
        if isinstance(value, list) and self.items:
            known = {id(item) for item in before} if isinstance(before, list) else set()
            items = self.items
            return [
                item if id(item) in known else items.cleaned(item, None, unknown, f"{path}[{at}]", nulls=nulls)
                for at, item in enumerate(value)
            ]
        return value

    def _cleaned_map(self, value: Json, before: Json, unknown: list[str], path: str, *, nulls: bool) -> Json:
        found: Json = {}
        for name, below in value.items():
            if not path and name in ROOT:
                found[name] = below
                continue
            schema = self.properties.get(name) or self.additional
            if schema is None:
                if self.open or not self.closed:
                    found[name] = below
                else:
                    unknown.append(f"{path}.{name}" if path else name)
            elif below is not None or schema.nullable or (nulls and name not in self.defaults):
                where = f"{path}.{name}" if path else name
                found[name] = schema.cleaned(below, before.get(name), unknown, where, nulls=nulls)
        for name, default in self.defaults.items():
            if name not in found:
                found[name] = self.properties[name].cleaned(default, None, unknown, path)
        return found

    def validate(self, value: Any, before: Any, rules: Rules.Found, path: str = "") -> None:
        """Collect what is wrong with a value; what is equal in `before` passes, as the server's ratcheting has it."""
        if before is not None and (value is before or same(value, before)):
            return
        if not self.rules.check(value, path, rules, nullable=self.nullable):
            return
        if isinstance(value, dict):
            was = before if isinstance(before, dict) else {}
            for name, below in value.items():
                schema = self.properties.get(name) or self.additional
                if schema is not None and (path or name not in ROOT):
                    schema.validate(below, was.get(name), rules, f"{path}.{name}" if path else name)
        elif isinstance(value, list) and self.items:
            for at, item in enumerate(value):
                self.items.validate(item, None, rules, f"{path}[{at}]")
