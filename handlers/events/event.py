"""One event as every sender's reader gets it, and the event types that mean something here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

PING: Final = "dev.knative.sources.ping"
"""Knative's PingSource: step every canary that is due."""
TICK: Final = "dev.serinus.tick"
"""The same from any other clock."""
SYNCED: Final = "dev.serinus.argocd.synced"
"""Argo CD has synced: look at the canaries among the resources."""
CANARY_DUE: Final = "dev.serinus.canary.due"
"""One canary is due: a tick spread over the broker."""
ALERT: Final = "dev.serinus.alert"
"""Alertmanager's webhook body, wrapped."""


EVENTS: Final = frozenset({PING, TICK, SYNCED, CANARY_DUE, ALERT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A CloudEvent 1.0. `data` is None when there is none or when it is no JSON object; `time` is in UTC."""

    id: str
    source: str
    type: str
    subject: str | None = None
    time: datetime | None = None
    data: Mapping[str, Any] | None = None
    extensions: Mapping[str, str] = field(default_factory=dict)
