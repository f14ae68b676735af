"""Where a rollout goes on that somebody else has begun, from what `.status`, routes and target say."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from handlers.rollout.commands import ABORT, PROMOTE, RETRY, abort, promote
from handlers.rollout.inherited import ADOPTED, Found, inherited
from handlers.rollout.state import Phase, State
from handlers.rollout.weights import Cookies, Weights
from tests.rollout.examples import MATCH, a_canary

SEEN = "2026-03-04T12:00:00Z"
NEW = "1-00000000000000aa"
ITERATING = {"stepWeight": 0, "maxWeight": 0, "iterations": 3}
STICKY = {"sessionAffinity": {"cookieName": "seen", "primaryCookieName": "spared"}}


def found(**fields: Any) -> Found:
    """A new revision that Flagger has seen, at 40 %."""
    usual: dict[str, Any] = {
        "revision": NEW,
        "same": False,
        "touched": False,
        "routes": Weights(60, 40),
        "cookies": Cookies(),
    }
    return Found(**(usual | fields))


def go_on(phase: str, given: Found | None = None, /, *, analysis: dict[str, Any] | None = None, **status: Any) -> State:
    """The state that a canary in this phase goes on from."""
    said = {"phase": phase, "lastAppliedSpec": "5d9c6f7b8", "lastTransitionTime": SEEN, **status}
    state = inherited(a_canary(**(analysis or {})), said, given or found())
    assert state
    return state


@pytest.mark.parametrize(
    "phase",
    [None, "", "Initializing", "Terminating", "Terminated", "Waiting for rain", 7, ["Progressing"]],
)
def test_where_nothing_is_known_it_begins_as_a_new_one(phase: Any) -> None:
    """Also in phases that we do not know, and in what is no phase at all."""
    assert inherited(a_canary(), {"phase": phase}, found()) is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(found(), ("Progressing", NEW, 40), id="seen"),
        pytest.param(found(touched=True), ("Progressing", "", 40), id="perhaps another revision"),
        pytest.param(found(touched=True, routes=None), ("Progressing", NEW, 0), id="nothing analysed, no route"),
        pytest.param(found(touched=True, routes=Weights(100, 0)), ("Progressing", NEW, 0), id="nothing analysed"),
        pytest.param(found(touched=True, routes=Weights(100, 0, mirrored=True)), ("Progressing", "", 0), id="mirrored"),
        pytest.param(found(same=True), ("Promoting", NEW, 40), id="copied"),
        pytest.param(found(same=True, touched=True), ("Progressing", "", 40), id="pushed back"),
        pytest.param(found(routes=Weights(-40, 140)), ("Progressing", NEW, 100), id="more than all"),
    ],
)
def test_an_analysis_goes_on_if_it_is_sure_what_was_analysed(given: Found, expected: tuple[str, str, int]) -> None:
    """A state without a revision starts over with the one that the target shows."""
    state = go_on("Progressing", given)
    assert (state.phase.value, state.revision, state.weight) == expected
    assert state.promoted == (NEW if given.same else ADOPTED)


@pytest.mark.parametrize(
    ("analysis", "routes", "expected"),
    [
        pytest.param({}, Weights(50, 50), ("WaitingPromotion", 0), id="at the last weight"),
        pytest.param({}, Weights(60, 40), ("Progressing", 0), id="somebody has lowered it"),
        pytest.param(ITERATING, Weights(100, 0), ("WaitingPromotion", 3), id="blue/green, before the switch"),
        pytest.param(ITERATING, Weights(0, 100), ("WaitingPromotion", 4), id="blue/green, after it"),
        pytest.param(
            {**ITERATING, "match": MATCH}, Weights(0, 100, matched=True), ("WaitingPromotion", 3), id="A/B testing"
        ),
    ],
)
def test_waiting_for_promotion_is_known_by_the_routes(
    analysis: dict[str, Any], routes: Weights, expected: tuple[str, int]
) -> None:
    """`.status` shows 0 % there, and an iteration less than have passed."""
    iterations = analysis.get("iterations", 0) - 1
    state = go_on("WaitingPromotion", found(routes=routes), analysis=analysis, canaryWeight=0, iterations=iterations)
    assert (state.phase.value, state.iterations, state.weight) == (*expected, routes.canary)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(found(), (NEW, 0, ""), id="at rest, wherever the routes stray"),
        pytest.param(found(touched=True), ("", 0, ""), id="another revision since"),
        pytest.param(found(touched=True, same=True, routes=None), (NEW, 0, ""), id="pushed back since"),
        pytest.param(found(same=True, routes=Weights(0, 100)), (NEW, 100, "primary"), id="the canary serves"),
    ],
)
def test_a_failed_one_stays_so(given: Found, expected: tuple[str, int, str]) -> None:
    """Unless the target shows another revision; the canary goes on serving if the primary runs the same."""
    state = go_on("Failed", given, failedChecks=2, iterations=3)
    assert (state.revision, state.weight, state.waiting) == expected
    assert (state.phase, state.failed, state.iterations) == (Phase.FAILED, 0, 0)


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("phase", ["Promoting", "Finalising"])
def test_a_promotion_goes_on_if_the_primary_runs_what_the_target_shows(phase: str, same: bool) -> None:
    """Else the target was changed under it, and its revision is a new one."""
    state = go_on(phase, found(same=same))
    assert (state.phase.value, state.revision, state.weight) == (phase, NEW if same else "", 40)


@pytest.mark.parametrize(
    ("phase", "rest"),
    [
        ("Initialized", Phase.INITIALIZED),
        ("Succeeded", Phase.SUCCEEDED),
        ("Waiting", Phase.INITIALIZED),
    ],
)
@pytest.mark.parametrize("same", [True, False])
def test_at_rest_what_the_primary_runs_is_promoted(phase: str, rest: Phase, same: bool) -> None:
    """Whatever the target shows else is a new revision, and no weight is taken for meant."""
    state = go_on(phase, found(same=same))
    assert (state.phase.value, state.rest, state.weight) == (phase, rest, 0)
    assert state.revision == state.promoted == (NEW if same else ADOPTED)


@pytest.mark.parametrize(("analysed", "revision"), [(NEW, NEW), ("1-00000000000000bb", "")])
def test_a_status_of_ours_says_it_exactly(analysed: str, revision: str) -> None:
    """When only the annotations were lost, nobody has to guess from times."""
    for touched in (True, False):
        assert go_on("Progressing", found(touched=touched), lastAppliedSpec=analysed).revision == revision


@pytest.mark.parametrize("value", [-1, "2", True, None, 1.5])
def test_what_is_no_count_is_none(value: Any) -> None:
    """Flagger itself writes -1; the rest is somebody's edit."""
    state = go_on("Progressing", analysis=ITERATING, iterations=value, failedChecks=value)
    assert (state.iterations, state.failed) == (0, 0)


def test_counts_are_kept() -> None:
    """Iterations only where they are counted."""
    counted: dict[str, Any] = {"iterations": 2, "failedChecks": 1}
    assert (go_on("Progressing", **counted).iterations, go_on("Progressing", **counted).failed) == (0, 1)
    assert go_on("Progressing", analysis=ITERATING, **counted).iterations == 2


def test_the_run_began_when_the_condition_says_so() -> None:
    """Alerts from before it are not about it; without a condition the last change has to do."""
    times = {"lastTransitionTime": "2026-03-04T11:00:00Z", "lastUpdateTime": SEEN}
    conditions = [{"type": "Other", "lastTransitionTime": SEEN}, {"type": "Promoted", **times}]
    assert go_on("Progressing", conditions=conditions).started == datetime(2026, 3, 4, 11, tzinfo=UTC)
    assert go_on("Progressing").started == datetime(2026, 3, 4, 12, tzinfo=UTC)
    assert go_on("Progressing", lastTransitionTime="yesterday").started is None


@pytest.mark.parametrize(
    ("status", "routed", "expected"),
    [
        pytest.param({"sessionAffinityCookie": "seen=a"}, Cookies(), ("seen=a", "", ""), id="of the status"),
        pytest.param({"sessionAffinityCookie": "seen=a"}, Cookies("seen=b", "spared=c", "seen=d"),
                     ("seen=b", "spared=c", "seen=d"), id="the routes are newer"),
        pytest.param({"primarySessionAffinityCookie": "spared=p", "previousSessionAffinityCookie": "seen=q"},
                     Cookies(), ("", "spared=p", "seen=q"), id="the others"),
        pytest.param({"sessionAffinityCookie": "seen=a"}, Cookies("old=b"), ("seen=a", "", ""), id="renamed"),
        pytest.param({"sessionAffinityCookie": "seen=.*"}, Cookies(), ("", "", ""), id="a regular expression"),
        pytest.param({"sessionAffinityCookie": 7}, Cookies("seen="), ("", "", ""), id="nonsense"),
    ],
)  # fmt: skip  # a table is read by its lines
def test_cookies_are_kept(status: dict[str, Any], routed: Cookies, expected: tuple[str, str, str]) -> None:
    """Who is pinned stays pinned; what is no cookie of this name is not taken for one."""
    state = go_on("Progressing", found(cookies=routed), analysis=STICKY, **status)
    assert (state.cookie, state.primary_cookie, state.previous_cookie) == expected


def test_a_primary_cookie_that_nobody_wants_is_not_kept() -> None:
    """Flagger draws one without a name."""
    only = {"sessionAffinity": {"cookieName": "seen"}}
    state = go_on("Progressing", analysis=only, primarySessionAffinityCookie="=VcTgRkWpQz")
    assert state.primary_cookie == ""
    assert go_on("Progressing", sessionAffinityCookie="seen=a").cookie == ""


def test_commands_from_before_are_not_acted_on() -> None:
    """Nobody has given them to us."""
    canary = replace(a_canary(), annotations={ABORT: "x", PROMOTE: "y", RETRY: "z"})
    state = inherited(canary, {"phase": "Progressing"}, found())
    assert state
    assert not abort(canary.annotations, state)
    assert not promote(canary.annotations, state)
    assert state.retried == "z"
