"""CloudEvents out: what a SinkBinding of Knative's gives to a process, and one event per transition for it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from cloudevents.core.bindings.http import to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from handlers.rollout.spec.canary import Canary
from handlers.rollout.state import Message
from handlers.rollout.transition import Transition
from handlers.rollout.webhook import Post

TYPE = "dev.serinus.canary."
"""What the types begin with; the topic of a transition is their end."""
EXTENSION = re.compile(r"[a-z0-9]{1,20}")
OURS = frozenset({"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data", "partitionkey"})
"""Attributes that no extension may replace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink:
    """Where CloudEvents go (`K_SINK`), and the extensions that each of them gets (`K_CE_OVERRIDES`)."""

    url: str = field(repr=False)
    extensions: Mapping[str, str] = field(default_factory=dict)


def event_post(sink: Sink, canary: Canary, message: Message, transition: Transition, token: str) -> Post:
    """A CloudEvent in binary mode. Its id is the same at each delivery; `partitionkey` keeps a canary's in order.

    `token`: an OIDC token for the sink, or empty (Knative, "Transport security and authentication").
    """
    attributes: dict[str, Any] = {
        **sink.extensions,
        "id": f"{canary.uid}/{message.id}",
        "source": f"/apis/flagger.app/v1beta1/namespaces/{canary.namespace}/canaries/{canary.name}",
        "type": f"{TYPE}{transition.topic}",
        "specversion": "1.0",
        "subject": canary.name,
        "time": transition.at.astimezone(UTC),
        "datacontenttype": "application/json",
        "partitionkey": f"{canary.namespace}/{canary.name}",
    }
    made = to_binary(CloudEvent(attributes, _data(canary, message, transition)), JSONFormat())
    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    return Post(headers={**made.headers, **bearer}, body=made.body, url=sink.url)


def _data(canary: Canary, message: Message, transition: Transition) -> dict[str, Any]:
    return {
        "namespace": canary.namespace,
        "name": canary.name,
        "phase": message.phase.value,
        "weight": transition.weight,
        "failedChecks": transition.failed,
        "revision": message.revision,
        "reason": message.text,
        "severity": transition.severity.value if transition.severity else "",
        "checks": [dict(check) for check in transition.checks],
    }
