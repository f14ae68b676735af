"""Times in which nothing may start, advance or be promoted: annotation `serinus.dev/freeze`.

Windows are separated by `;` or line breaks. One that comes again is `CRON DURATION [ZONE]`, as
`0 18 * * 5 62h Europe/Berlin` (UTC without a zone); one that comes once is `START/END` in RFC 3339.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from handlers.rollout.objects import timestamp
from handlers.rollout.spec.durations import go_duration

FREEZE = "serinus.dev/freeze"
_FIELDS = 5
_SHOWN = 100
_EXPECTED = (
    "CRON DURATION [ZONE], as 0 18 * * 5 62h Europe/Berlin, or START/END, as 2026-12-20T00:00Z/2027-01-02T00:00Z"
)


def frozen(annotations: Mapping[str, str], now: datetime) -> str:
    """Why, and until when, the canary is frozen; empty when it is not. What cannot be read freezes it, and says so."""
    text = annotations.get(FREEZE, "")
    ends = []
    for window in text.replace("\n", ";").split(";"):
        try:
            if window.strip() and (end := _end(window.strip(), now)):
                ends.append(end)
        except (ValueError, OverflowError, CronSimError, ZoneInfoNotFoundError):
            return f"frozen by {FREEZE}: {window.strip()[:_SHOWN]!r}, expected {_EXPECTED}"
    return f"frozen until {timestamp(max(ends))} by {FREEZE}" if ends else ""


def _end(window: str, now: datetime) -> datetime | None:
    """When the window ends that is open now, None when it is shut. Raises ValueError and the like."""
    words = window.split()
    if len(words) == 1:
        start, end = (_moment(part) for part in window.split("/"))
    elif len(words) in (_FIELDS + 1, _FIELDS + 2):
        duration = go_duration(words[_FIELDS])
        if not duration:
            raise ValueError(words[_FIELDS])
        start = _last(" ".join(words[:_FIELDS]), now, ZoneInfo(words[-1] if len(words) > _FIELDS + 1 else "UTC"))
        end = start + duration
    else:
        raise ValueError(window)
    return end if start <= now < end else None


def _last(expression: str, now: datetime, zone: ZoneInfo) -> datetime:
    """When a cron expression was last met, in UTC: a duration is one of the clock, not of the calendar."""
    later = (now + timedelta(minutes=1)).astimezone(zone)
    starts = (start.astimezone(UTC) for start in CronSim(expression, later, reverse=True))
    return next((start for start in starts if start <= now), datetime.min.replace(tzinfo=UTC))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment
