"""Something to tell, as it is kept until everybody has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from handlers.rollout import transition, written
from handlers.rollout.phase import Phase
from handlers.rollout.transition import Transition


class Kind(Enum):
    """What waits in the outbox: a message, the post-rollout webhooks, or a transition."""

    NORMAL = "Normal"
    WARNING = "Warning"
    POST_ROLLOUT = "post-rollout"
    TRANSITION = "transition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something to tell: a Kubernetes Event's type and text, the phase it was said in, a stable id, the revision.

    The text of one about post-rollout webhooks is the phase that they are called with (none: the one it was said in).
    `told`: the receivers that have it already, by their keys.
    """

    kind: Kind
    text: str
    phase: Phase
    id: str = ""
    revision: str = ""
    transition: Transition | None = None
    told: tuple[str, ...] = ()


def dump(message: Message) -> Mapping[str, Any]:
    """As it stands in a state."""
    data: dict[str, Any] = {
        "kind": message.kind.value,
        "text": message.text,
        "phase": message.phase.value,
        "id": message.id,
        "revision": message.revision,
    }
    if message.transition:
        data["transition"] = transition.dump(message.transition)
    if message.told:
        data["told"] = list(message.told)
    return data


def load(data: Mapping[str, Any]) -> Message:
    """A message of a state. Raises ValueError, TypeError or KeyError."""
    kind, text, changed = Kind(data["kind"]), written.text(data["text"]), data.get("transition")
    if kind is Kind.POST_ROLLOUT and text:
        Phase(text)  # raises where it is none
    return Message(
        kind=kind,
        text=text,
        phase=Phase(data["phase"]),
        id=written.text(data["id"]),
        revision=written.text(data["revision"]),
        transition=transition.load(changed) if changed is not None else None,
        told=tuple(written.text(key) for key in data.get("told", [])),
    )
