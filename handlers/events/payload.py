"""Which canary a request in the form of Flagger's webhooks (`v1beta1.CanaryWebhookPayload`) is about."""

from collections.abc import Mapping
from typing import Any

from handlers.errors import BadEvent
from handlers.events.fields import is_name, is_namespace, shown, text_value


def namespace_and_name(data: Mapping[str, Any], expected: str) -> tuple[str, str]:
    """Of the canary. `expected` is what a message about a bad namespace asks for. Raises BadEvent."""
    name, namespace = text_value(data.get("name"), "name"), text_value(data.get("namespace"), "namespace")
    if not is_name(name):
        raise BadEvent(f"name: {shown(name)}, expected the name of a Canary")
    if not is_namespace(namespace):
        raise BadEvent(f"namespace: {shown(namespace)}, expected {expected}")
    return namespace, name
