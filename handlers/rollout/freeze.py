"""Times in which nothing may start, advance or be promoted: annotation `serinus.dev/freeze`
of the Canary, and of its Namespace.

Windows are separated by `;` or line breaks. One that comes again is `CRON DURATION [ZONE]`, as
`0 18 * * 5 62h Europe/Berlin` (UTC without a zone); one that comes once is `START/END` in RFC 3339.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """What the namespace of a canary says of freezing: its annotation, or why that could not be read.

    `forbidden`: for want of a right. Somebody may want it so, and no waiting helps: that freezes nothing.
    """

    name: str = ""
    windows: str = ""
    unread: str = ""
    forbidden: bool = False

    @property
    def unseen(self) -> str:
        """What to tell when a freeze of the namespace could not be seen; empty when it could."""
        return f"{self.place} cannot be seen: {self.unread}" if self.unread else ""

    @property
    def place(self) -> str:
        """How its annotation is called."""
        return f"{FREEZE} of Namespace {self.name}"


NOWHERE = Namespace()


def windows(text: str) -> Sequence[str]:
    """The windows of an annotation, as they are written."""
    return [window.strip() for window in text.replace("\n", ";").split(";") if window.strip()]


def frozen(annotations: Mapping[str, str], now: datetime, namespace: Namespace = NOWHERE) -> str:
    """Why, where that is written, and until when a canary is frozen, the later end; empty when it is not.

    What cannot be read freezes it, and says so.
    """
    found = (
        _open(annotations.get(FREEZE, ""), now, FREEZE),
        _open(namespace.windows, now, namespace.place),
        (_NEVER, f"frozen, for {namespace.unseen}") if namespace.unread and not namespace.forbidden else None,
    )
    return max((item for item in found if item), key=lambda item: item[0], default=(now, ""))[1]


def unreadable(text: str, where: str = FREEZE) -> str:
    """What is wrong with an annotation, empty when nothing is."""
    found = _open(text, datetime.fromtimestamp(0, UTC), where)
    return found[1] if found and found[0] is _NEVER else ""


def _open(text: str, now: datetime, where: str) -> tuple[datetime, str] | None:
    """When the windows end that are open now, and that in words; None when all are shut."""
    ends = []
    for window in windows(text):
        try:
            if end := _end(window, now):
                ends.append(end)
        except (ValueError, OverflowError, CronSimError, ZoneInfoNotFoundError):
            return _NEVER, f"frozen by {where}: {window[:_SHOWN]!r}, expected {_EXPECTED}"
    return (max(ends), f"frozen until {timestamp(max(ends))} by {where}") if ends else None


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
