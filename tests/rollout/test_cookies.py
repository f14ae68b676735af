"""The session cookies of a run: made once, the same after a crash, remembered when it is over."""

from dataclasses import replace
from typing import Any

from handlers.rollout.cookies import kept
from handlers.rollout.spec.canary import Canary
from handlers.rollout.state import State
from tests.rollout.examples import NEWER, a_canary, a_state


def sticky(**affinity: Any) -> Canary:
    """A Canary with session affinity."""
    return a_canary(sessionAffinity={"cookieName": "seen", **affinity})


BOTH = sticky(primaryCookieName="spared")


def cookies(state: State) -> tuple[str, str, str]:
    """The canary's, the primary's and the previous one."""
    return state.cookie, state.primary_cookie, state.previous_cookie


def test_a_run_has_the_same_cookies_whoever_makes_them() -> None:
    """A crash between route and commit leads to the very route that was written; another run has others."""
    made = kept(BOTH, a_state(weight=10))
    assert cookies(made) == cookies(kept(BOTH, a_state(weight=10, seq=9)))
    assert (made.cookie[:5], made.primary_cookie[:7], len(made.cookie)) == ("seen=", "spared=", 15)
    assert kept(BOTH, made) == made
    for other in (a_state(weight=10, revision=NEWER), a_state(weight=10, retried="1")):
        assert kept(BOTH, other).cookie != made.cookie


def test_a_promotion_does_not_change_them() -> None:
    """What is in the state stays, whatever it was made from."""
    made = kept(BOTH, a_state(weight=10))
    later = kept(BOTH, replace(made, promoted=NEWER, weight=20))
    assert cookies(later) == cookies(made)


def test_a_cookie_is_remembered_when_the_canary_loses_its_traffic() -> None:
    """So that browsers can be told to forget it, until the next run has its own."""
    made = kept(BOTH, a_state(weight=10))
    over = kept(BOTH, replace(made, weight=0))
    assert cookies(over) == ("", "", made.cookie)
    assert kept(BOTH, over) == over


def test_names_follow_the_spec() -> None:
    """Another name makes another cookie; no affinity, and none is kept."""
    made = kept(BOTH, a_state(weight=10))
    renamed = kept(sticky(cookieName="new"), made)
    assert (renamed.cookie[:4], renamed.primary_cookie) == ("new=", "")
    assert cookies(kept(a_canary(), made)) == ("", "", "")
