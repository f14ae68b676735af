"""Which canaries a tick has to look at: told from what one list of each kind shows, without reading any of them."""

from collections.abc import Mapping
from datetime import datetime

from handlers.rollout import commands
from handlers.rollout.commands import retry
from handlers.rollout.objects import (
    CANARY,
    CONFIG_MAP,
    DESTINATION_RULE,
    SECRET,
    SERVICE,
    VIRTUAL_SERVICE,
    Object,
    annotations,
)
from handlers.rollout.spec.canary import FINALIZER, Canary
from handlers.rollout.state import Intent, Phase, State, load
from handlers.rollout.timing import DRAIN, drained, due

_AT_REST = frozenset({Phase.INITIALIZED, Phase.SUCCEEDED, Phase.FAILED})

CONFIGS = tuple(f"{kind.plural}/" for kind in (CONFIG_MAP, SECRET))
"""How the short names of ConfigMaps and Secrets begin."""
_DECLARED = tuple(f"{kind.plural}/" for kind in (CANARY, SERVICE, VIRTUAL_SERVICE, DESTINATION_RULE)) + CONFIGS
"""The same of what is brought up to date also in the middle of a run; workloads are scaled all day."""
OUTDATED = "!"
"""Stands in `State.observed` for an object that is not as it should be."""
AFTER_COPY = "?"
"""Stands before the token of one that is as it should be until the primary gets the version of the target."""
WORKLOADS = "workloads"
"""Stands in `State.observed` for who else has pods in the namespace."""


def wants_a_look(canary: Canary, state: State | None, tokens: Mapping[str, str], now: datetime) -> bool:
    """Whether there may be something to do. `tokens`: generation or resource version of each object, by short name.

    An idle canary, whose objects are as they were when it was last looked at, wants none.
    """
    if canary.deleting:
        return FINALIZER in canary.finalizers and not (state and state.claim and now < state.claim.until)
    if state is None:
        return not canary.suspend
    if commands.abort(canary.annotations, state) and not (state.claim and state.claim.intent is Intent.ROLLBACK):
        return True
    if state.claim:
        rolling_back = state.claim.intent is Intent.ROLLBACK
        return now >= state.claim.until and (rolling_back or not canary.suspend)
    if state.outbox and (state.tell_after is None or now >= state.tell_after):
        return True
    if canary.suspend:
        return False
    if state.phase in (Phase.INITIALIZING, Phase.TERMINATING) or commands.promote(canary.annotations, state):
        return True
    if state.waiting == DRAIN and drained(state, now, canary.analysis.interval):
        return True
    if state.phase in _AT_REST and not state.weight and not state.waiting and not state.former:
        return _changed(state, tokens) or retry(canary.annotations, state)
    late = state.deadline is not None and now >= state.deadline
    target = f"{canary.target.kind.plural}/{canary.target_name}"
    pushed = state.observed.get(target) != tokens.get(target, "") or _changed(state, tokens, _DECLARED)
    return late or pushed or due(state, now, canary.analysis.interval)


def changed(canary: Object, tokens: Mapping[str, str]) -> bool:
    """Whether something that a Canary declares, the Canary itself, or who else has pods beside it, is not as it was
    when it was last looked at.
    """
    known = load(annotations(canary))
    return known is not None and _changed(known, tokens, (*_DECLARED, WORKLOADS))


def _changed(state: State, tokens: Mapping[str, str], kinds: tuple[str, ...] = ("",)) -> bool:
    """Whether an object, of the kinds that are named, is not as it was when it was last looked at.

    One that will have to be written after the next copy to the primary is as it should be until then.
    """
    return any(
        tokens.get(name, "") != seen.removeprefix(AFTER_COPY)
        for name, seen in state.observed.items()
        if name.startswith(kinds)
    )
