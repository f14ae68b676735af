"""Flagger's webhook payload as its receiver reads it (v1beta1.CanaryWebhookPayload)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from handlers.errors import BadEvent, TooLarge
from handlers.events.fields import json_value, object_value, text_value
from handlers.events.payload import namespace_and_name

LIMIT: Final = 32 * 1024
"""Bytes of a payload: its metadata comes from a Canary, which a person wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookCall:
    """A webhook that somebody calls for a canary. `checksum` names the revision; metadata may hold secrets."""

    name: str
    namespace: str
    phase: str
    checksum: str
    metadata: Mapping[str, str] = field(repr=False)


def read(body: bytes) -> HookCall:
    """Read the payload. Raises BadEvent, which shows nothing of the metadata, and TooLarge."""
    if len(body) > LIMIT:
        raise TooLarge(f"the payload is larger than {LIMIT} bytes")
    data = object_value(json_value(body, "body"), "body")
    namespace, name = namespace_and_name(data, expected="the name of a namespace")
    metadata = data.get("metadata") or {}
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise BadEvent("metadata: expected a JSON object of strings")
    return HookCall(
        name=name,
        namespace=namespace,
        phase=text_value(data.get("phase"), "phase"),
        checksum=text_value(data.get("checksum"), "checksum"),
        metadata=metadata,
    )
