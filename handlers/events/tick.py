"""Which canaries a tick is about."""

from dataclasses import dataclass

from handlers.errors import BadEvent
from handlers.events.event import CANARY_DUE, Event
from handlers.events.fields import is_name, is_namespace, shown, text_value


@dataclass(frozen=True, slots=True)
class Tick:
    """Look at the canaries that are due: of one name, of one namespace (empty name), or of all (both empty).

    `changed`: lists have shown that an object of the canary is not as it was, so that all of them are worth a look.
    """

    namespace: str = ""
    name: str = ""
    changed: bool = False


def tick(event: Event) -> Tick:
    """Read `data.namespace` and `data.name`; null, empty and missing are the same. `data.changed` is true or nothing.

    Raises BadEvent when one is no valid name, when a name has no namespace, and when a due canary is not named.
    """
    data = event.data or {}
    namespace = text_value(data.get("namespace"), "data.namespace")
    name = text_value(data.get("name"), "data.name")
    if namespace and not is_namespace(namespace):
        raise BadEvent(f"data.namespace: {shown(namespace)}, expected a DNS label (RFC 1123)")
    if name and not is_name(name):
        raise BadEvent(f"data.name: {shown(name)}, expected a DNS subdomain (RFC 1123)")
    if name and not namespace:
        raise BadEvent(f"data.namespace: missing, expected beside the name {shown(name)}")
    if event.type == CANARY_DUE and not name:
        raise BadEvent(f"data.name: missing, expected in every {CANARY_DUE}")
    return Tick(namespace, name, changed=data.get("changed") is True)
