"""Durations as Go and Prometheus write them, and how long they take here."""

import re
from datetime import timedelta

_UNITS = {"ns": 1e-9, "us": 1e-6, "\N{MICRO SIGN}s": 1e-6, "\N{GREEK SMALL LETTER MU}s": 1e-6, "ms": 1e-3, "s": 1.0}
_UNITS |= {"m": 60.0, "h": 3600.0}
_GO = re.compile(rf"(\d+(?:\.\d*)?|\.\d+)({'|'.join(_UNITS)})", re.ASCII)
_GO_LONGEST = 2**63 / 1e9  # seconds, some 292 years
_PROMETHEUS = re.compile("".join(rf"(?:\d{{1,15}}{unit})?" for unit in ("y", "w", "d", "h", "m", "s", "ms")), re.ASCII)
_PART = re.compile(r"(\d+)([a-z]+)", re.ASCII)
_PROMETHEUS_MS = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}


def go_duration(text: str) -> timedelta | None:
    """`1m30s` as a timedelta, or None when it is none (https://pkg.go.dev/time#ParseDuration, without signs)."""
    if text == "0":
        return timedelta()
    parts = _GO.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return timedelta(seconds=seconds) if seconds < _GO_LONGEST else None


def prometheus_window(text: str, scale: float) -> str | None:
    """A range such as `1m`, divided by the time scale, as Prometheus reads it; None when it is none.

    Whole milliseconds, never less than one (https://prometheus.io/docs/prometheus/latest/querying/basics/#float-literals-and-time-durations).
    """
    total = milliseconds(text) if _PROMETHEUS.fullmatch(text) else 0
    if not total:
        return None
    return text if scale == 1 else f"{max(1, round(total / scale))}ms"


def milliseconds(window: str) -> int:
    """The length of a Prometheus range, as `prometheus_window` gives it."""
    return sum(int(number) * _PROMETHEUS_MS[unit] for number, unit in _PART.findall(window))


def words(length: timedelta) -> str:
    """A timedelta as Go prints it: `500ms`, `1.5s`, `2m0s` (time.Duration.String)."""
    ms = round(length.total_seconds() * 1000)
    if ms < 1000:  # noqa: PLR2004  a second
        return f"{ms}ms" if ms else "0s"
    minutes, rest = divmod(ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest / 1000:g}s"
    return f"{hours}h{minutes}m{seconds}" if hours else f"{minutes}m{seconds}" if minutes else seconds
