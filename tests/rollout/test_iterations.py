"""Blue/green, A/B testing and mirroring: what each step routes, counts and tells."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from handlers.rollout.actions import CopyToPrimary, Route
from handlers.rollout.checks import Outcome
from handlers.rollout.commands import PAUSE
from handlers.rollout.decision import settle
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.spec.analysis import Hook
from handlers.rollout.spec.canary import Canary
from handlers.rollout.stage import Stage
from handlers.rollout.stages import stage_of
from handlers.rollout.state import Phase
from handlers.rollout.weights import Weights
from tests.rollout.decisions import decided
from tests.rollout.examples import (
    MATCH,
    NEW,
    NEWER,
    NOW,
    a_canary,
    a_primary,
    a_snapshot,
    a_state,
    a_target,
    an_alert,
    answered,
    lost,
    seconds,
)

BLUE_GREEN = a_canary(stepWeight=0, maxWeight=0, iterations=2)
MIRRORED = a_canary(stepWeight=0, maxWeight=0, iterations=2, mirror=True)
AB = a_canary(stepWeight=0, maxWeight=0, iterations=2, match=MATCH)
WEIGHTED = a_canary()
SHADOWED = a_canary(mirror=True)
ALL, TESTED, NOBODY = Route(100), Route(100, matched=True), Route(0)
NO_PODS = a_primary(**lost())


def at(canary: Canary, count: int = 0, phase: Phase = Phase.PROGRESSING, **fields: Any) -> Snapshot:
    """A canary that has come through so many iterations; the routes are as its state says."""
    around = {name: fields.pop(name) for name in ("primary", "target", "routes", "cause") if name in fields}
    state = a_state(phase, iterations=count, **fields)
    routes = Weights(100 - state.weight, state.weight, state.mirrored, state.matched)
    return a_snapshot(state=state, canary=canary, **{"routes": routes, **around})


def walked(s: Snapshot, steps: int) -> list[tuple[tuple[Any, ...], int, str]]:
    """Routes and copies, iterations and the last words of so many steps in a row."""
    seen = []
    for _ in range(steps):
        decision = decided(s)
        (route,) = [action for action in decision.actions if isinstance(action, Route)] or [NOBODY]
        seen.append((decision.actions, decision.state.iterations, decision.messages[-1].text))
        routes = Weights(100 - route.weight, route.weight, route.mirrored, route.matched)
        s = replace(s, state=decision.state, routes=routes, now=s.now + seconds(60))
    return seen


def test_blue_green_counts_then_switches_then_promotes() -> None:
    """runBlueGreen: no traffic while it counts, all of it for one interval, and then the copy."""
    assert walked(at(BLUE_GREEN), 4) == [
        ((NOBODY,), 1, "Advance podinfo.test canary iteration 1/2"),
        ((NOBODY,), 2, "Advance podinfo.test canary iteration 2/2"),
        ((ALL,), 3, "Routing all traffic to canary"),
        ((ALL, CopyToPrimary(NEW)), 3, "Copying podinfo.test template spec to podinfo-primary.test"),
    ]


def test_blue_green_mirrors_all_along() -> None:
    """runBlueGreen with mirror: copies of requests until the switch ends it."""
    mirror = Route(0, mirrored=True)
    assert walked(at(MIRRORED), 4) == [
        ((mirror,), 1, "Advance podinfo.test canary iteration 1/2"),
        ((mirror,), 2, "Advance podinfo.test canary iteration 2/2"),
        ((ALL,), 3, "Stop traffic mirroring and route all traffic to canary"),
        ((ALL, CopyToPrimary(NEW)), 3, "Copying podinfo.test template spec to podinfo-primary.test"),
    ]


def test_ab_sends_matched_requests_while_it_counts() -> None:
    """runAB: the matched requests from the first iteration on, all others to the primary, until the copy."""
    assert walked(at(AB), 3) == [
        ((TESTED,), 1, "Advance podinfo.test canary iteration 1/2"),
        ((TESTED,), 2, "Advance podinfo.test canary iteration 2/2"),
        ((TESTED, CopyToPrimary(NEW)), 2, "Copying podinfo.test template spec to podinfo-primary.test"),
    ]


def test_mirroring_comes_before_the_first_weight() -> None:
    """runCanary: one step of 100/0 with a mirror, then weights without."""
    assert [actions for actions, _, _ in walked(at(SHADOWED), 3)] == [
        (Route(0, mirrored=True),),
        (Route(10),),
        (Route(20),),
    ]


def test_the_beginning_is_told_once() -> None:
    """Not again when an iteration, a mirror or matched requests are on it already."""
    begun = "Starting canary analysis for podinfo.test"
    assert decided(at(BLUE_GREEN)).messages[0].text == begun
    for s in (at(BLUE_GREEN, 1), at(MIRRORED, 0, mirrored=True), at(AB, 1, weight=100, matched=True)):
        assert begun not in [message.text for message in decided(s).messages]


HOOKED = [
    pytest.param(at(BLUE_GREEN), Hook.PRE_ROLLOUT, Phase.PROGRESSING, NOBODY, id="first"),
    pytest.param(at(AB, 1, weight=100, matched=True), Hook.ROLLOUT, Phase.PROGRESSING, TESTED, id="next"),
    pytest.param(at(BLUE_GREEN, 2), Hook.CONFIRM_PROMOTION, Phase.WAITING_PROMOTION, NOBODY, id="switch"),
    pytest.param(
        at(AB, 2, weight=100, matched=True), Hook.CONFIRM_PROMOTION, Phase.WAITING_PROMOTION, TESTED, id="last"
    ),
]


@pytest.mark.parametrize(("s", "hook", "phase", "route"), HOOKED)
def test_a_no_leaves_routes_as_they_are(s: Snapshot, hook: Hook, phase: Phase, route: Route) -> None:
    """Whatever is refused, the canary keeps exactly what it has; only a closed gate takes the last iteration back."""
    decision = decided(s, answered(hook, Outcome.REFUSED))
    assert decision.actions == (route,)
    iterations = s.known.iterations - (hook is Hook.CONFIRM_PROMOTION)
    assert (decision.state.iterations, decision.state.weight) == (iterations, s.known.weight)
    assert (decision.state.phase, decision.state.matched) == (phase, s.known.matched)


def test_a_gate_that_opens_after_waiting_switches() -> None:
    """The phase stays WaitingPromotion until the copy (scheduler.go, runBlueGreen)."""
    decision = decided(at(BLUE_GREEN, 2, Phase.WAITING_PROMOTION))
    assert (decision.actions, decision.state.phase) == ((ALL,), Phase.WAITING_PROMOTION)


@pytest.mark.parametrize(
    ("s", "route"),
    [
        pytest.param(at(AB, 2, weight=100, matched=True), TESTED, id="A/B"),
        pytest.param(at(MIRRORED, 2, mirrored=True), Route(0, mirrored=True), id="mirrored"),
        pytest.param(at(BLUE_GREEN, 3, weight=100), ALL, id="switched"),
    ],
)
def test_the_last_iteration_comes_again_before_a_closed_gate_is_asked_again(s: Snapshot, route: Route) -> None:
    """scheduler_hooks.go, runConfirmPromotionHooks: what is promoted in the end has passed all checks just before."""
    closed = decided(s, answered(Hook.CONFIRM_PROMOTION, Outcome.REFUSED)).state
    again = replace(s, state=replace(closed, stepped=None))
    assert stage_of(again) is Stage.NEXT_ITERATION
    decision = decided(again)
    assert (decision.actions, decision.messages[-1].text) == ((route,), "Advance podinfo.test canary iteration 2/2")
    assert (decision.state.phase, decision.state.iterations) == (Phase.WAITING_PROMOTION, 2)


@pytest.mark.parametrize(
    "s",
    [at(AB, 1, weight=100, matched=True), at(MIRRORED, 1, mirrored=True), at(BLUE_GREEN, 3, weight=100)],
    ids=["A/B", "mirrored", "switched"],
)
def test_an_alert_takes_all_of_it_back(s: Snapshot) -> None:
    """Routes 100/0 first, nothing matched, mirrored or counted any more; the pods go later."""
    decision = decided(replace(s, cause=an_alert()))
    state = decision.state
    assert decision.actions == (NOBODY,)
    assert (state.phase, state.weight, state.matched, state.mirrored, state.iterations) == (
        Phase.FAILED,
        0,
        False,
        False,
        0,
    )


def test_a_rollback_waits_for_a_primary_also_in_ab() -> None:
    """The matched requests would meet no pod."""
    s = at(AB, 1, weight=100, matched=True, primary=NO_PODS, cause=an_alert())
    assert decided(s).refused


def test_matched_requests_go_back_when_the_canary_has_no_pod() -> None:
    """And the test begins again from the first iteration."""
    decision = decided(at(AB, 1, weight=100, matched=True, target=a_target(**lost())))
    assert decision.actions[0] == NOBODY
    assert (decision.state.weight, decision.state.matched, decision.state.iterations) == (0, False, 0)


def test_a_push_in_an_ab_test_starts_over() -> None:
    """Nothing of the old run is left."""
    state = decided(at(AB, 1, weight=100, matched=True, target=a_target(NEWER))).state
    assert (state.weight, state.matched, state.iterations, state.revision) == (0, False, 0, NEWER)


def test_a_primary_that_dies_in_promotion_leaves_all_requests_to_the_canary() -> None:
    """Not only the matched ones: the others would meet no pod (invariant 1)."""
    s = at(AB, 2, Phase.PROMOTING, weight=100, matched=True, primary=a_primary(NEW, **lost()))
    decision = decided(s)
    assert decision.actions == (ALL,)
    assert (decision.state.weight, decision.state.matched, decision.state.iterations) == (100, False, 0)
    again = replace(s, state=decision.state, routes=Weights(0, 100))
    assert decided(again).actions == ()


def test_a_promotion_that_failed_leaves_all_requests_to_the_canary() -> None:
    """handleFailedPromotion: past the deadline the canary serves everybody."""
    late = NOW - seconds(1)
    s = at(AB, 2, Phase.PROMOTING, weight=100, matched=True, deadline=late, primary=a_primary(NEW, ready=False))
    decision = decided(s)
    assert (decision.actions, decision.state.phase, decision.state.matched) == ((ALL,), Phase.FAILED, False)


def test_stray_routes_are_put_back_while_a_promotion_is_stuck() -> None:
    """With the match that they are about."""
    s = at(
        AB, 2, Phase.PROMOTING, weight=100, matched=True, primary=a_primary(NEW, ready=False), routes=Weights(50, 50)
    )
    assert decided(s).actions == (TESTED,)


def test_an_ab_promotion_may_shift_by_steps() -> None:
    """stepWeightPromotion is about the matched requests, and iterations stay until it is done."""
    canary = a_canary(stepWeight=0, maxWeight=0, iterations=2, match=MATCH, stepWeightPromotion=60)
    s = at(canary, 2, Phase.PROMOTING, weight=100, matched=True)
    first = decided(s)
    assert (first.actions, first.state.iterations) == ((Route(40, matched=True),), 2)
    last = decided(replace(s, state=first.state, now=s.now + seconds(60)))
    assert last.actions[0].weight == 0  # type: ignore[union-attr]  # it is a Route
    assert (last.state.phase, last.state.matched, last.state.iterations) == (Phase.FINALISING, False, 0)


@pytest.mark.parametrize(
    ("s", "route"),
    [
        (at(BLUE_GREEN), NOBODY),
        (at(MIRRORED, 1, mirrored=True), Route(0, mirrored=True)),
        (at(SHADOWED, mirrored=True), Route(0, mirrored=True)),
        (at(AB, 1, weight=100, matched=True), TESTED),
        (at(BLUE_GREEN, 2), NOBODY),
        (at(BLUE_GREEN, 3, weight=100), ALL),
    ],
    ids=["first", "mirrored", "weighted mirror", "A/B", "switch", "last"],
)
def test_a_pause_holds_every_strategy(s: Snapshot, route: Route) -> None:
    """No iteration counts, nobody is switched and nothing is copied while the user holds it."""
    paused = replace(s, canary=replace(s.canary, annotations={PAUSE: "true"}))
    decision = decided(paused)
    assert decision.actions == (route,)
    assert (decision.state.iterations, decision.state.phase) == (s.known.iterations, s.known.phase)


def routed(s: Snapshot) -> Sequence[object]:
    """What the next step does to the routes."""
    return decided(s).actions


EDITS = [
    pytest.param(at(BLUE_GREEN, weight=40), (Route(40),), id="weights to blue/green: as they are"),
    pytest.param(at(AB, weight=40), (TESTED,), id="weights to A/B: the matched ones only"),
    pytest.param(at(AB, weight=40, primary=a_primary(exceeded=True, **lost())), (Route(40),), id="no primary to go to"),
    pytest.param(at(WEIGHTED, 2), (Route(10),), id="blue/green to weights: from the first"),
    pytest.param(at(WEIGHTED, 1, mirrored=True), (Route(10),), id="mirrored blue/green to weights"),
    pytest.param(at(AB, 2), (TESTED,), id="blue/green to A/B: tested once at least"),
    pytest.param(at(BLUE_GREEN, 1, weight=100, matched=True), (NOBODY,), id="A/B to blue/green: back"),
    pytest.param(at(WEIGHTED, 1, weight=100, matched=True), (NOBODY,), id="A/B to weights: back"),
    pytest.param(at(WEIGHTED, 1, weight=100, matched=True, primary=NO_PODS), (), id="and wait for who takes over"),
    pytest.param(at(WEIGHTED, mirrored=True), (Route(10),), id="mirror removed"),
    pytest.param(at(SHADOWED, weight=20), (Route(30),), id="mirror added too late"),
]


@pytest.mark.parametrize(("s", "actions"), EDITS)
def test_a_strategy_that_is_edited_raises_nobody_else(s: Snapshot, actions: tuple[object, ...]) -> None:
    """No edit turns a share of some requests into the same share of all (invariant 1)."""
    assert routed(s) == actions
    assert decided(s).state.revision == s.known.revision


def test_a_removed_match_begins_again_and_says_so() -> None:
    """The same revision, from nothing, in Progressing; another edit could not tell which requests were meant."""
    decision = decided(at(WEIGHTED, 1, weight=100, matched=True))
    assert decision.messages[0].text == "spec.analysis.match was removed! Restarting analysis for podinfo.test"
    state = decision.state
    assert (state.phase, state.weight, state.matched, state.iterations) == (Phase.PROGRESSING, 0, False, 0)


def test_only_a_weight_brings_and_takes_what_it_is_about() -> None:
    """A state that only settles keeps its match and cookies, whatever the spec says meanwhile."""
    s = at(WEIGHTED, weight=20, matched=True, cookie="c=a")
    assert settle(s) == s.known
    assert not settle(s, weight=0).matched
