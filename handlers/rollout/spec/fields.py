"""Reads a spec field by field; every complaint names the field, the value and what was expected."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from handlers.errors import BadCanary
from handlers.rollout.objects import Object
from handlers.rollout.spec.durations import go_duration


@dataclass(frozen=True, slots=True)
class Field:
    """A value in a spec and the path that leads to it. Absent and null are the same: the default."""

    value: Any
    path: str

    def __getitem__(self, key: str) -> "Field":
        return Field(self.mapping().get(key), f"{self.path}.{key}" if self.path else key)

    def bad(self, expected: str) -> BadCanary:
        """The complaint about this field."""
        shown = repr(self.value)
        return BadCanary(f"{self.path}: {shown if len(shown) <= 80 else shown[:77] + '...'} is not {expected}")  # noqa: PLR2004  a line

    @property
    def given(self) -> bool:
        """Whether the spec says anything here; Go's zero values say nothing."""
        return self.value not in (None, "", 0, False, [], {})

    def mapping(self) -> Object:
        """A JSON object; empty when absent."""
        if self.value is None:
            return {}
        if not isinstance(self.value, Mapping):
            raise self.bad("an object")
        return self.value

    def items(self) -> Iterator["Field"]:
        """Each entry of a list."""
        if self.value is None:
            return
        if not isinstance(self.value, list):
            raise self.bad("a list")
        for index, value in enumerate(self.value):
            yield Field(value, f"{self.path}[{index}]")

    def text(self, default: str = "") -> str:
        """A string; the default when absent or empty."""
        if self.value is None or self.value == "":
            return default
        if not isinstance(self.value, str):
            raise self.bad("a string")
        return self.value

    def required(self) -> str:
        """A string that must be there."""
        if self.value is None or self.value == "":
            raise BadCanary(f"{self.path}: is required")
        return self.text()

    def flag(self) -> bool:
        """A boolean; false when absent."""
        if self.value is None:
            return False
        if not isinstance(self.value, bool):
            raise self.bad("true or false")
        return self.value

    def whole(self, default: int, low: int, high: int) -> int:
        """A whole number within bounds; the default when absent."""
        if self.value is None:
            return default
        # CRDs say `type: number`, so 5.0 may come for 5
        if not _is_number(self.value) or not float(self.value).is_integer():
            raise self.bad("a whole number")
        if not low <= self.value <= high:
            raise self.bad(f"between {low} and {high}")
        return int(self.value)

    def number(self) -> float | None:
        """A number, or None when absent."""
        if self.value is None:
            return None
        if not _is_number(self.value):
            raise self.bad("a number")
        return float(self.value)

    def duration(self, default: timedelta) -> timedelta:
        """A duration as Go writes it; the default when absent."""
        text = self.text()
        if not text:
            return default
        length = go_duration(text)
        if length is None:
            raise self.bad('a duration such as "30s" or "1m30s"')
        return length

    def texts(self) -> dict[str, str]:
        """A map of strings."""
        for key, value in self.mapping().items():
            if not isinstance(value, str):
                raise Field(value, f"{self.path}.{key}").bad("a string")
        return dict(self.mapping())

    def url(self, *, credentials: bool = False) -> str:
        """An http or https URL with a host, and without credentials unless they may be there."""
        text = self.required()
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or port == 0
            or (parts.username and not credentials)
        ):
            without = "" if credentials else " and without credentials"
            raise Field("(not shown)", self.path).bad(f"an http or https URL with a host{without}")
        return text


def _is_number(value: Any) -> bool:
    """Whether this is a number that a float holds; JSON knows no infinity, but 1e400 is read as one."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
