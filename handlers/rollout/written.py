"""Reads and writes the values of which annotations are made."""

from datetime import UTC, datetime
from typing import Any


def time_text(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def whole(value: Any) -> int:
    """A count. Raises ValueError or TypeError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is not a count")
    return value


def percent(value: Any) -> int:
    """A weight in percent. Raises ValueError or TypeError."""
    if whole(value) > 100:  # noqa: PLR2004  percent
        raise ValueError(f"{value!r} is not a weight")
    return int(value)


def text(value: Any) -> str:
    """A string. Raises ValueError or TypeError."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a string")
    return value


def time(value: Any) -> datetime | None:
    """A time, or None when there is none. Raises ValueError or TypeError."""
    return None if value is None else moment(value)


def moment(value: Any) -> datetime:
    """A time with its zone. Raises ValueError or TypeError."""
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return moment


def time_or_none(value: Any) -> datetime | None:
    """A time that somebody else has written; None when it is none."""
    try:
        return moment(value)
    except (ValueError, TypeError):
        return None
