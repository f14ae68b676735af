"""What a user asks of a canary by annotation: abort, promote, pause; and retry, of a run that is over.

Abort and promote are told by any new value; those that stand there when a run begins are seen, not acted on.
"""

import hashlib
from collections.abc import Mapping

from handlers.rollout.state import Phase, State

ABORT = "serinus.dev/abort"
"""Annotation: any new value in the middle of a run rolls it back, now; the value is told as the reason."""
PROMOTE = "serinus.dev/promote"
"""Annotation: any new value in the middle of a run skips the rest of the analysis; in Waiting it is the approval."""
RETRY = "serinus.dev/retry"
"""Annotation: any new value starts a failed revision anew."""
PAUSE = "serinus.dev/pause"
"""Annotation: `"true"` holds starts, advances and promotions; rollbacks, alerts and deadlines go on."""

UNDECIDED = frozenset({Phase.WAITING, Phase.PROGRESSING, Phase.WAITING_PROMOTION})
"""The phases in which a run can still be approved, or promoted."""
ABORTABLE = UNDECIDED | {Phase.PROMOTING, Phase.FINALISING}
_SHORT = 64
_REASON = 200


def _mark(value: str) -> str:
    """What is remembered of a value: itself, or its hash when it would take too much of the state."""
    return value if len(value) <= _SHORT else hashlib.sha256(value.encode()).hexdigest()


def marks(annotations: Mapping[str, str]) -> dict[str, str]:
    """What stands in the annotations now, as it is remembered."""
    return {name: _mark(value) for name in (ABORT, PROMOTE) if (value := annotations.get(name, ""))}


def _new(annotations: Mapping[str, str], state: State, name: str) -> bool:
    value = annotations.get(name, "")
    return bool(value) and _mark(value) != state.seen.get(name, "")


def abort(annotations: Mapping[str, str], state: State) -> bool:
    """Whether the user wants the run that is under way rolled back."""
    return state.phase in ABORTABLE and _new(annotations, state, ABORT)


def promote(annotations: Mapping[str, str], state: State) -> bool:
    """Whether the user wants what is in hand promoted, or approved, without further questions."""
    return state.phase in UNDECIDED and _new(annotations, state, PROMOTE)


def retry(annotations: Mapping[str, str], state: State) -> bool:
    """Whether the user asks for the failed revision once more."""
    return state.phase is Phase.FAILED and annotations.get(RETRY, "") not in ("", state.retried)


def reason(annotations: Mapping[str, str]) -> str:
    """The value of the abort as one printable line."""
    line = " ".join(annotations.get(ABORT, "").split())
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)[:_REASON]


def pause(annotations: Mapping[str, str]) -> str:
    """Why the canary is paused, empty when it is not; what is no yes and no no counts for a yes, and says so."""
    value = annotations.get(PAUSE, "").strip()
    if value.lower() in ("", "false"):
        return ""
    return f"paused by {PAUSE}" + (
        "" if value.lower() == "true" else f': {value[:_SHORT]!r}, expected "true" or "false"'
    )
