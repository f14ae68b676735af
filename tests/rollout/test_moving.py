"""To another target whose primary could not be told from the former one: the target stands in between the two."""

from dataclasses import replace

import pytest

from handlers.rollout.actions import (
    ApexService,
    RemoveFormer,
    RemoveRoutes,
    Route,
    RouteTargets,
    ScaleUp,
    WorkloadServices,
)
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.state import Intent, Phase
from handlers.rollout.timing import DRAIN
from handlers.rollout.weights import Weights
from tests.rollout.decisions import decided, texts
from tests.rollout.examples import NEW, NOW, a_snapshot, a_state, a_target, seconds
from tests.rollout.found import ELSEWHERE, PROMOTING, SUCCEEDED

FORMER = ("deployments/former|podinfo",)
AT_TARGET = (WorkloadServices(), ApexService(at_target=True), RouteTargets(), Route(100))


def moved(weight: int = 0, **fields: object) -> Snapshot:
    """A canary whose former primary is still there."""
    known = a_state(Phase.INITIALIZING, weight=weight, former=FORMER, revision="", promoted="", waiting="")
    routes = Weights(100 - weight, weight)
    target = a_target(NEW, ours=False, called=bool(weight))
    start = a_snapshot(state=known, target=target, primary=None, routes=routes)
    return replace(start, alike=True, **fields)  # type: ignore[arg-type]  # fields of the snapshot, by name


def test_the_new_target_gets_the_traffic_when_it_is_ready() -> None:
    """All of it, by route and by the Service that clients call; the former primary is left alone until meshes know."""
    decision = decided(moved())
    assert (decision.intent, decision.actions) == (Intent.BOOTSTRAP, AT_TARGET)
    assert (decision.state.weight, decision.state.waiting, decision.state.former) == (100, DRAIN, FORMER)
    assert len(texts(decision)) == 1


def test_a_target_that_is_not_ready_gets_nothing() -> None:
    """What serves goes on serving."""
    decision = decided(moved(target=a_target(NEW, ready=False, why="0 of 2 are ready")))
    assert (decision.actions, decision.state.waiting, decision.state.weight) == ((), "target", 0)
    assert texts(decision) == ["podinfo.test not ready: 0 of 2 are ready"]


def test_a_target_that_has_been_at_rest_gets_its_pods() -> None:
    """The spec has gone back to it, and it was taken to 0 before."""
    decision = decided(moved(target=a_target(NEW, ready=False, replicas=0)))
    assert decision.actions == (ScaleUp(),)


@pytest.mark.parametrize(
    "astray",
    [
        pytest.param({"routes": None}, id="no route"),
        pytest.param({"target": a_target(NEW, called=False)}, id="the Service that clients call leads elsewhere"),
    ],
)
def test_what_leads_elsewhere_meanwhile_is_put_right_and_told_once(astray: dict[str, object]) -> None:
    """Somebody has edited it, or the step before has ended half-way."""
    decision = decided(replace(moved(100), **astray))  # type: ignore[arg-type]  # fields of the snapshot, by name
    assert (decision.actions, texts(decision)) == (AT_TARGET, [])


def test_the_former_goes_when_every_mesh_has_heard() -> None:
    """Routes first, then the primary; it is remembered until the new one serves."""
    standing = moved(100)
    early = replace(standing, state=replace(standing.known, waiting=DRAIN, stepped=NOW - seconds(5)))
    assert decided(early).actions == ()
    assert decided(replace(standing, left=True)).actions == (RemoveRoutes(),)
    decision = decided(standing)
    assert (decision.intent, decision.actions) == (Intent.REMOVE, (RemoveFormer(),))
    assert (decision.state.former, decision.state.weight) == (FORMER, 100)


def test_a_move_back_takes_no_pods_from_a_target_that_serves() -> None:
    """The target that stands in has all the traffic until the former primary gets it."""
    serving = replace(moved(100), alike=False, returns=True, destination=ELSEWHERE, target=a_target(NEW, ours=True))
    decision = decided(serving)
    assert (decision.actions, decision.state.weight) == ((), 100)


def test_a_run_whose_target_is_gone_moves_on_though_it_was_all_but_over() -> None:
    """Nothing would end it any more."""
    decision = decided(a_snapshot(PROMOTING, weight=50, target=None, destination=ELSEWHERE))
    assert (decision.actions, decision.state.phase, decision.state.weight) == ((Route(0),), Phase.INITIALIZED, 0)


def test_a_run_with_traffic_waits_for_the_primary_before_it_moves_on() -> None:
    """The canary serves, and nobody else could."""
    decision = decided(a_snapshot(weight=50, primary=None, destination=ELSEWHERE))
    assert (decision.actions, decision.state.waiting, decision.state.weight) == ((), "primary", 50)


def test_a_move_waits_until_the_pods_of_the_last_run_are_forgotten() -> None:
    """A mesh may still send requests to them."""
    known = a_state(SUCCEEDED, waiting=DRAIN, stepped=NOW - seconds(5))
    decision = decided(a_snapshot(state=known, destination=ELSEWHERE))
    assert (decision.actions, decision.state.phase) == ((), SUCCEEDED)
