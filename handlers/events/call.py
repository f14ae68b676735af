"""A request about one canary in the form of Flagger's webhooks (`v1beta1.CanaryWebhookPayload`)."""

from dataclasses import dataclass
from datetime import timedelta

from handlers.errors import BadEvent
from handlers.events.fields import json_value, line_value, object_value, shown, text_value
from handlers.events.payload import namespace_and_name
from handlers.rollout.spec.durations import go_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Which canary it is about. `ttl`: how long what is asked for holds; `reason`: why, in one line."""

    namespace: str
    name: str
    ttl: timedelta | None = None
    reason: str = ""


def read(body: bytes, ttl: str = "") -> Call:
    """Read `name`, `namespace`, and of `metadata` the strings `ttl` (`10m`) and `reason`; other fields are left unread.

    `ttl` is the one of the request's query, which stands in for the body's. Raises BadEvent.
    """
    data = object_value(json_value(body, "body"), "body")
    namespace, name = namespace_and_name(data, expected="the namespace of a Canary")
    more = object_value(data.get("metadata") or {}, "metadata")
    return Call(
        namespace=namespace,
        name=name,
        ttl=_duration(ttl or text_value(more.get("ttl"), "metadata.ttl")),
        reason=line_value(more.get("reason"), "metadata.reason"),
    )


def _duration(text: str) -> timedelta | None:
    if not text:
        return None
    found = go_duration(text)
    if not found or found > timedelta(days=366):
        raise BadEvent(f"metadata.ttl: {shown(text)}, expected a duration of at most a year, such as 10m")
    return found
