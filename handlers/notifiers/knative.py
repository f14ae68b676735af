"""CloudEvents out, to where a SinkBinding of Knative's says: one for each transition, and one for each canary that is
due where ticks are spread.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from cloudevents.core.bindings.http import to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from handlers.rollout.objects import CANARY, Object, Ref, metadata
from handlers.rollout.spec.canary import Canary
from handlers.rollout.state import Message
from handlers.rollout.transition import Transition
from handlers.rollout.webhook import Post

TYPE = "dev.serinus.canary."
"""What the types begin with; the topic of a transition is their end."""
DUE = f"{TYPE}due"
"""The one that is not about a transition: a canary is due, and whoever gets this steps it."""
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
    attributes = {
        "id": f"{canary.uid}/{message.id}",
        "type": f"{TYPE}{transition.topic}",
        "time": transition.at.astimezone(UTC),
    }
    return _post(sink, canary.ref, attributes, _data(canary, message, transition), token)


def due_post(sink: Sink, canary: Object, cause: str, token: str, *, changed: bool = False) -> Post:
    """The same for a Canary that a tick has found due; `cause` names the tick, and is hashed for it may be long.
    `changed`: one of its objects is not as it was.

    A tick that is delivered twice makes the same events, so that who has seen one knows the other.
    """
    meta = metadata(canary)
    ref = Ref(CANARY, str(meta["namespace"]), str(meta["name"]))
    digest = hashlib.sha256(f"{meta['uid']}/{cause}".encode()).hexdigest()[:32]
    data = {"namespace": ref.namespace, "name": ref.name, **({"changed": True} if changed else {})}
    return _post(sink, ref, {"id": digest, "type": DUE}, data, token)


def _post(sink: Sink, canary: Ref, attributes: Mapping[str, Any], data: Mapping[str, Any], token: str) -> Post:
    about = {
        **sink.extensions,
        **attributes,
        "source": f"/apis/{CANARY.api_version}/namespaces/{canary.namespace}/{CANARY.plural}/{canary.name}",
        "specversion": "1.0",
        "subject": canary.name,
        "datacontenttype": "application/json",
        "partitionkey": f"{canary.namespace}/{canary.name}",
    }
    event = CloudEvent(about, dict(data))
    if "time" not in attributes:
        del event.get_attributes()["time"]  # invented by the SDK, and another one each time
    made = to_binary(event, JSONFormat())
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
