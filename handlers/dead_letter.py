"""What a broker could not deliver after all its tries: said in the log, and as an Event on each canary that it is
about, which is where somebody looks who wonders why nothing has happened.

It acts on nothing. A lost sync is made good by the next tick; a lost alert is what a person has to know.
"""

import base64
import binascii
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from handlers import alert, sync
from handlers.errors import BadEvent, SerinusError
from handlers.events import alertmanager, cloudevent
from handlers.events.event import ALERT, CANARY_DUE, SYNCED, Event
from handlers.events.tick import tick
from handlers.rollout.objects import CANARY, Ref
from handlers.step.ports import World
from handlers.step.sweep import Subject
from handlers.step.tell import warn

log = logging.getLogger(__name__)

SHOWN: Final = 200
"""Characters of the answer that are repeated."""
_MEANS: Final = {
    ALERT: "this alert has not rolled the canary back",
    SYNCED: "a tick finds what has changed",
    CANARY_DUE: "the next tick names the canary again",
}


def handle(world: World, namespaces: Sequence[str], headers: Mapping[str, str], body: bytes) -> None:
    """Record one event; what cannot even be read is in the log only.

    Raises Unavailable when the Canaries cannot be read.
    """
    try:
        event = cloudevent.read(headers, body)
    except SerinusError as error:
        log.error("dead letter: not an event: %s", error)  # noqa: TRY400  whose fault it is stands in the message
        return
    text = _text(event)
    log.error("dead letter: %s", text)
    for subject in _subjects(world, namespaces, event):
        raw = subject.read(world)
        if raw is not None:
            warn(world, subject.ref, raw, text, id=f"dead-letter {event.source} {event.id}")


def _text(event: Event) -> str:
    """What it was, what came of it, and what follows."""
    code, data = event.extensions.get("knativeerrorcode", ""), event.extensions.get("knativeerrordata", "")
    status = f" (last answer: {code}{_words(data)})" if code else ""
    means = _MEANS.get(event.type, "")
    return f"Event {event.type} {event.id} from {event.source} was not delivered{status}" + (
        f": {means}" if means else ""
    )


def _words(data: str) -> str:
    """The beginning of the answer's body, which Knative hands over in base64, cut off at a length of its own."""
    try:
        text = base64.b64decode(data[: len(data) // 4 * 4], validate=True).decode(errors="replace")
    except binascii.Error:
        text = data
    words = "".join(char if char.isprintable() else " " for char in text).strip()
    return f" {words[:SHOWN]}" if words else ""


def _subjects(world: World, namespaces: Sequence[str], event: Event) -> Iterator[Subject]:
    """The canaries that it is about; none where it was refused because it cannot be understood."""
    try:
        if event.type == ALERT:
            for one in alert.firing(alertmanager.read(event.data), namespaces):
                yield from alert.subjects(world, one)
        elif event.type == SYNCED:
            yield from sync.subjects(world, namespaces, event)
        elif event.type == CANARY_DUE:
            wanted = tick(event)
            if not namespaces or wanted.namespace in namespaces:
                yield Subject(Ref(CANARY, wanted.namespace, wanted.name))
    except BadEvent as error:
        log.warning("dead letter: %s", error)
