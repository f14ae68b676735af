"""The session cookies of a run, kept in the state; made from what the state knows, so that no crash loses one."""

import hashlib
from dataclasses import replace

from handlers.rollout.spec.canary import Canary
from handlers.rollout.state import State

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LENGTH = 10


def kept(canary: Canary, state: State) -> State:
    """The state with its cookies: made when the canary gets traffic, remembered as the previous one when it loses it.

    One run always has the same cookies, whoever makes the step; Flagger draws them (getSessionAffinityRouteRules).
    """
    affinity = canary.analysis.affinity
    if affinity is None:
        return replace(state, cookie="", primary_cookie="", previous_cookie="")
    if not state.weight:
        return replace(state, cookie="", primary_cookie="", previous_cookie=state.cookie or state.previous_cookie)
    return replace(
        state,
        cookie=_cookie(canary, state, affinity.name, state.cookie),
        primary_cookie=_cookie(canary, state, affinity.primary_name, state.primary_cookie),
    )


def _cookie(canary: Canary, state: State, name: str, known: str) -> str:
    if not name or known.startswith(f"{name}="):
        return known if name else ""
    run = f"{canary.uid}/{state.revision}/{state.promoted}/{state.retried}/{name}"
    digest = hashlib.sha256(run.encode()).digest()[:_LENGTH]
    return f"{name}=" + "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest)
