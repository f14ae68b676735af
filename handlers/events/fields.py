"""Reads single fields out of what a sender sent; whatever is wrong becomes a BadEvent that names the field."""

import json
import re
import reprlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from handlers.errors import BadEvent

MAX_LINE: Final = 256  # characters of a sender's text that go into history and messages

_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_NAMESPACE = re.compile(rf"(?=.{{1,63}}\Z){_LABEL}")
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 80


def shown(value: object) -> str:
    """A value as error messages show it: its repr, cut in the middle; no line break and no large body survives."""
    return _short.repr(value)


def is_namespace(text: str) -> bool:
    """Whether this can be the name of a namespace: a DNS label as in RFC 1123."""
    return _NAMESPACE.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether this can be the name of an object: a DNS subdomain as in RFC 1123 (apimachinery, IsDNS1123Subdomain)."""
    return _NAME.fullmatch(text) is not None


def json_value(body: bytes, field: str) -> Any:
    """Parse JSON in UTF-8. NaN and infinities are refused; of a repeated key the last value counts, as in Go."""
    try:
        return json.loads(body.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise BadEvent(f"{field}: not JSON in UTF-8: {error}") from error


def time_value(text: str, field: str) -> datetime:
    """Parse a time as in RFC 3339, with any number of decimals; in UTC, in whole microseconds."""
    try:
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):  # the thirtieth of February; the year 1 east of Greenwich
        pass
    raise BadEvent(f"{field}: {shown(text)}, expected a time as in RFC 3339, as 2006-01-02T15:04:05Z")


def object_value(value: object, field: str) -> Mapping[str, Any]:
    """Narrow to a JSON object."""
    if not isinstance(value, dict):
        raise BadEvent(f"{field}: {shown(value)}, expected a JSON object")
    return value


def list_value(value: object, field: str) -> list[Any]:
    """Narrow to a JSON array; null is an empty one, as Go writes it."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadEvent(f"{field}: {shown(value)}, expected a JSON array")
    return value


def text_value(value: object, field: str) -> str:
    """Narrow to a string; null, or a missing key, is an empty one."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadEvent(f"{field}: {shown(value)}, expected a string")
    return value


def line_value(value: object, field: str) -> str:
    """Narrow to a string and make one printable line of it, cut at 256 characters.

    Templates write line breaks, and these texts end up in logs, Events and chats.
    """
    line = " ".join(text_value(value, field).split())
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)[:MAX_LINE]


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")
