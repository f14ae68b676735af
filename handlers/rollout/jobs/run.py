"""Which run a webhook that asks for a Job is about: one that is over, or was overtaken, gets no Job."""

from collections.abc import Mapping

from handlers.rollout.commands import RETRY
from handlers.rollout.stages import ACTIVE
from handlers.rollout.state import Intent, State

_BACKWARDS = frozenset({Intent.ROLLBACK, Intent.CANCEL, Intent.FAIL, Intent.REVERT})


def concerns(state: State, revision: str, *, told: bool) -> bool:
    """Whether a webhook that names this revision is about the run in hand; `told`: one that is called after it.

    One that is asked is so by the claim of a step (docs/protocol.md), or by hand in the middle of a run; when the step
    was overtaken, by a rollback or another revision, nobody heeds the answer any more.
    """
    if told:
        return revision in {state.revision, *(message.revision for message in state.outbox)}
    if state.claim:
        return state.claim.revision == revision and state.claim.intent not in _BACKWARDS
    return state.revision == revision and state.phase in ACTIVE


def attempt(state: State, annotations: Mapping[str, str], *, told: bool) -> str:
    """What tells a retry of a revision from the run before it: the value of `serinus.dev/retry` that it began with.

    Before a run begins it is the value that stands there, for that is what the state will keep of it.
    """
    begun = told or state.phase in ACTIVE
    return state.retried if begun else annotations.get(RETRY, "")
