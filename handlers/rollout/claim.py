"""A step under way, as it is written down before it is made."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from handlers.rollout import written


class Intent(Enum):
    """What a step under way is about to do; written before it is done."""

    BOOTSTRAP = "bootstrap"
    START = "start"
    RAISE = "raise"
    PROMOTE = "promote"
    SHIFT = "shift"
    FINALISE = "finalise"
    HEAL = "heal"
    RESTART = "restart"
    CANCEL = "cancel"
    ROLLBACK = "rollback"
    FAIL = "fail"
    REVERT = "revert"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A step under way: whose (nonce), what for, about which revision, and until when it may take."""

    nonce: str
    intent: Intent
    revision: str
    until: datetime


def dump(claim: Claim) -> Mapping[str, str]:
    """As it stands in a state."""
    return {
        "nonce": claim.nonce,
        "intent": claim.intent.value,
        "revision": claim.revision,
        "until": written.time_text(claim.until),
    }


def load(data: Mapping[str, str]) -> Claim:
    """The claim of a state. Raises ValueError, TypeError or KeyError."""
    return Claim(
        nonce=written.text(data["nonce"]),
        intent=Intent(data["intent"]),
        revision=written.text(data["revision"]),
        until=written.moment(data["until"]),
    )
