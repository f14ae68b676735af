"""Alerts that are known to fire: each is kept in the state from the first time it is heard until its end is heard.

One that was firing before a rollout began says nothing about the new revision, so it rolls nothing back. But as long as
it fires nobody can see whether the new revision is any better: it holds the rollout.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from handlers.rollout.objects import timestamp
from handlers.rollout.written import moment, text, time_text

KEPT = 20
"""Alerts that are remembered of a canary; beyond that the one that was heard least recently is forgotten."""
LASTS = timedelta(minutes=10)
"""How long after it was last heard an alert still holds: its end may have been lost, two repeats may have been."""
SKEW = timedelta(seconds=5)
"""How far the clocks of the handlers and of Alertmanager may be apart."""
_NAME = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """One firing of an alert. `key` is its fingerprint and start, `heard` when it was last told.

    `holds`: it is not about the primary. `told`: a user was told that it rolls nothing back.
    """

    key: str
    name: str
    since: datetime
    heard: datetime
    holds: bool = True
    told: bool = False

    @property
    def fingerprint(self) -> str:
        """The hash of the alert's labels, the same each time that it fires."""
        return self.key.partition("/")[0]

    def on(self, now: datetime, scale: float) -> bool:
        """Whether it counts for firing now. `scale`: what durations are divided by."""
        return now < self.heard + LASTS / scale


def known(alerts: Iterable[Firing], key: str) -> Firing | None:
    """The alert of that key, None when it was not heard."""
    return next((alert for alert in alerts if alert.key == key), None)


def with_heard(alerts: Sequence[Firing], new: Firing) -> tuple[Firing, ...]:
    """The alerts after one was heard, again or for the first time."""
    kept = sorted((*(alert for alert in alerts if alert.key != new.key), new), key=lambda alert: alert.heard)
    return tuple(kept[-KEPT:])


def without(alerts: Iterable[Firing], key: str, ended: datetime) -> tuple[Firing, ...]:
    """The alerts after one has ended: whatever firing of it began before that is over.

    Alertmanager may merge what several Prometheus servers say, and then tells another start than before.
    """
    gone = key.partition("/")[0]
    return tuple(one for one in alerts if one.key != key and (one.fingerprint != gone or one.since > ended))


def hold(alerts: Iterable[Firing], now: datetime, scale: float) -> str:
    """Why nothing may advance: the alert that has been firing for the longest time; empty when none holds."""
    holding = [alert for alert in alerts if alert.holds and alert.on(now, scale)]
    first = min(holding, key=lambda alert: (alert.since, alert.key), default=None)
    return f"alert {first.name} has been firing since {timestamp(first.since)}" if first else ""


def named(name: str, key: str) -> str:
    """As much of an alert's name as is kept; one without a name is known by its fingerprint."""
    return (name or key.partition("/")[0])[:_NAME]


def dump(alert: Firing) -> Mapping[str, Any]:
    """The alert as JSON; what is at its default is left out."""
    data = {"key": alert.key, "name": alert.name, "since": time_text(alert.since), "heard": time_text(alert.heard)}
    return {**data, **({} if alert.holds else {"holds": False}), **({"told": True} if alert.told else {})}


def load(data: Mapping[str, Any]) -> Firing:
    """What was dumped. Raises ValueError, TypeError, KeyError or AttributeError."""
    return Firing(
        key=text(data["key"]),
        name=text(data["name"]),
        since=moment(data["since"]),
        heard=moment(data["heard"]),
        holds=bool(data.get("holds", True)),
        told=bool(data.get("told", False)),
    )
