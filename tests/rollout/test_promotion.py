"""From the copy to the end: traffic moves only to a primary that is ready, and always to whoever serves."""

from dataclasses import replace
from typing import Any

import pytest

from handlers.rollout.actions import CopyToPrimary, CreatePrimary, PrimaryScaler, Route, ScalePrimary, ScaleToZero
from handlers.rollout.snapshot import Bounds, Options, Snapshot
from handlers.rollout.stage import Stage
from handlers.rollout.stages import stage_of
from handlers.rollout.state import Intent, Kind, Phase
from handlers.rollout.weights import Weights
from tests.rollout.decisions import decided, texts
from tests.rollout.examples import (
    NEW,
    NOW,
    OLD,
    a_canary,
    a_claim,
    a_primary,
    a_snapshot,
    a_state,
    a_target,
    lost,
    seconds,
)

DEADLINE = NOW + seconds(600)
WHY = "1 of 2 updated replicas are available"
STUCK = a_primary(NEW, ready=False, pods=1, why=WHY)
GONE = a_primary(NEW, **lost(WHY))
NOT_READY = f"podinfo-primary.test not ready: {WHY}"
BY_FIFTY = a_canary(stepWeightPromotion=50)


def promoting(weight: int = 50, **fields: Any) -> Snapshot:
    """A canary in Promoting at this weight."""
    known = {key: fields.pop(key) for key in ("deadline", "waiting", "failed", "stepped") if key in fields}
    return a_snapshot(state=a_state(Phase.PROMOTING, weight=weight, **known), **fields)


def serving(**fields: Any) -> Snapshot:
    """A canary whose promotion failed and that serves."""
    return a_snapshot(state=a_state(Phase.FAILED, weight=100, promoted=NEW), **fields)


@pytest.mark.parametrize(("options", "failed"), [(Options(), 0), (Options(total=True), 1)])
def test_a_copy_whose_process_died_is_gone_on_from(options: Options, failed: int) -> None:
    """The primary's annotation says that it was made (protocol rule 7); the state is as if nobody had died."""
    known = a_state(weight=50, failed=1, claim=a_claim(Intent.PROMOTE))
    s = a_snapshot(state=known, primary=a_primary(NEW, ready=False), options=options)
    decision = decided(s)
    assert (decision.intent, decision.actions) == (Intent.PROMOTE, ())
    assert decision.state == replace(
        known,
        seq=6,
        phase=Phase.PROMOTING,
        failed=failed,
        promoted=NEW,
        claim=None,
        stepped=NOW,
        deadline=DEADLINE,
    )
    assert texts(decision) == ["Copying podinfo.test template spec to podinfo-primary.test"]


def test_a_ready_primary_gets_all_traffic_at_once() -> None:
    """Without stepWeightPromotion (runPromotionTrafficShift)."""
    decision = decided(promoting(50))
    assert (decision.intent, decision.actions) == (Intent.SHIFT, (Route(0),))
    assert (decision.state.phase, decision.state.weight) == (Phase.FINALISING, 0)
    assert texts(decision) == ["Routing all traffic to primary"]


@pytest.mark.parametrize(
    ("weight", "after", "phase"),
    [(100, 50, Phase.PROMOTING), (50, 0, Phase.FINALISING), (30, 0, Phase.FINALISING)],
)
def test_a_ready_primary_gets_traffic_by_steps(weight: int, after: int, phase: Phase) -> None:
    """With stepWeightPromotion."""
    decision = decided(promoting(weight, canary=BY_FIFTY))
    assert (decision.actions, decision.state.weight, decision.state.phase) == ((Route(after),), after, phase)
    assert texts(decision) == [f"Advance podinfo.test primary weight {100 - after}"]


def test_c7_promoting_with_weight_zero_goes_on() -> None:
    """Flagger stays in Promoting for ever when the weight is 0 already."""
    for canary in (a_canary(), BY_FIFTY):
        decision = decided(promoting(0, canary=canary))
        assert (decision.state.phase, decision.state.weight) == (Phase.FINALISING, 0)


def test_a_deadline_that_was_met_is_over() -> None:
    """A ready primary that loses a pod later has all of its time again."""
    assert decided(promoting(50, canary=BY_FIFTY, deadline=NOW - seconds(1))).state.deadline is None
    waiting = decided(promoting(50, primary=STUCK)).state
    assert waiting.deadline == DEADLINE


def test_a_skipped_analysis_ends_in_one_step_when_nothing_is_carried() -> None:
    """C18: Succeeded comes after the primary is ready, not with the copy."""
    skipping = a_canary(spec={"skipAnalysis": True})
    assert stage_of(promoting(0, canary=skipping, primary=GONE)) is Stage.PROMOTION_STUCK
    decision = decided(promoting(0, canary=skipping))
    assert (decision.intent, decision.actions) == (Intent.FINALISE, (Route(0), ScaleToZero()))
    assert decision.state.phase is Phase.SUCCEEDED
    assert texts(decision)[-1] == "Promotion completed! Canary analysis was skipped for podinfo.test"
    assert decided(promoting(20, canary=skipping)).actions == (Route(0),)


def test_finalising_takes_the_target_away() -> None:
    """Routes first, then pods, then Succeeded; its rest is now Succeeded."""
    decision = decided(a_snapshot(Phase.FINALISING))
    assert (decision.intent, decision.actions) == (Intent.FINALISE, (Route(0), ScaleToZero()))
    state = decision.state
    assert (state.phase, state.rest, state.weight, state.promoted) == (Phase.SUCCEEDED, Phase.SUCCEEDED, 0, NEW)
    assert [message.kind for message in decision.messages] == [Kind.POST_ROLLOUT, Kind.NORMAL]
    assert texts(decision)[-1] == "Promotion completed! Scaling down podinfo.test"


def test_a_primary_that_is_not_ready_is_waited_for() -> None:
    """Told once; the weight stays, so the canary keeps serving (invariant 6)."""
    s = promoting(50, primary=STUCK, deadline=DEADLINE)
    decision = decided(s)
    assert (decision.actions, texts(decision)) == ((), [NOT_READY])
    assert decision.state == replace(s.known, waiting="primary")
    again = decided(replace(s, state=decision.state))
    assert (again.actions, again.messages, again.state) == ((), (), decision.state)


def test_routes_are_put_back_while_the_primary_is_waited_for() -> None:
    """Somebody sent all to a primary that is not ready."""
    s = promoting(50, primary=STUCK, routes=Weights(100, 0), deadline=DEADLINE)
    decision = decided(s)
    assert (decision.intent, decision.actions, decision.state) == (Intent.HEAL, (Route(50),), s.known)
    lost_too = replace(s, target=a_target(ready=False, pods=1))
    assert decided(lost_too).actions == ()


@pytest.mark.parametrize(
    "s",
    [
        pytest.param(promoting(50, primary=STUCK, deadline=NOW), id="past the deadline"),
        pytest.param(promoting(50, primary=replace(STUCK, exceeded=True)), id="Kubernetes has given up"),
        pytest.param(
            a_snapshot(state=a_state(Phase.FINALISING, deadline=NOW), primary=STUCK),
            id="PromotionFailedAfterTrafficShift",
        ),
    ],
)
def test_a_failed_promotion_leaves_the_canary_serving(s: Snapshot) -> None:
    """All traffic to the ready canary, Failed, nothing scaled down (handleFailedPromotion)."""
    decision = decided(s)
    assert (decision.intent, decision.actions) == (Intent.FAIL, (Route(100),))
    state = decision.state
    assert (state.phase, state.weight, state.revision, state.waiting) == (Phase.FAILED, 100, NEW, "primary")
    assert texts(decision) == [f"Promotion of podinfo.test failed, primary not ready: {NOT_READY}", "Failed"]
    assert decision.messages[-1].kind is Kind.POST_ROLLOUT


def test_a_promotion_that_fails_on_both_sides_moves_nothing() -> None:
    """Neither is ready: routes stay as they are."""
    s = promoting(50, primary=STUCK, target=a_target(ready=False, pods=1), deadline=NOW)
    decision = decided(s)
    assert (decision.actions, decision.state.phase, decision.state.weight) == ((), Phase.FAILED, 50)


def test_what_is_put_back_is_what_is_meant() -> None:
    """A mirror that the state still speaks of is over with the copy, or it would be put back for ever."""
    s = promoting(primary=STUCK, waiting="primary", routes=Weights(50, 50, mirrored=True))
    s = replace(s, state=replace(s.known, mirrored=True))
    assert decided(s).actions == (Route(50),)


def test_a_primary_that_is_gone_is_told() -> None:
    """It is made again of the version that was promoted, which the target still shows."""
    decision = decided(promoting(50, primary=None, target=a_target(ready=False, pods=1), deadline=DEADLINE))
    assert texts(decision) == ["podinfo-primary.test is missing, making it again"]
    assert (decision.actions, decision.state.deadline) == ((CreatePrimary(NEW),), DEADLINE)


@pytest.mark.parametrize("phase", [Phase.PROMOTING, Phase.FINALISING])
@pytest.mark.parametrize("primary", [GONE, None], ids=["no pods", "no primary"])
def test_a_promoted_canary_serves_while_the_primary_has_no_pod(phase: Phase, primary: Any) -> None:
    """The analysed canary takes what nobody else could answer (invariant 1); the promotion waits as before."""
    weight = 0 if phase is Phase.FINALISING else 50
    s = a_snapshot(state=a_state(phase, weight=weight, deadline=DEADLINE), primary=primary)
    decision = decided(s)
    assert (decision.intent, decision.actions) == (Intent.SHIFT, (Route(100),))
    assert (decision.state.phase, decision.state.weight) == (phase, 100)
    assert (decision.state.waiting, decision.state.deadline) == ("primary", DEADLINE)
    assert texts(decision)[0].startswith("Routing all traffic to canary, podinfo-primary.test not ready: ")
    again = replace(s, state=decision.state, routes=Weights(0, 100))
    made = (CreatePrimary(NEW),) if primary is None else ()
    assert (decided(again).actions, decided(again).state) == (made, decision.state)
    recovered = replace(again, primary=a_primary(NEW), now=NOW + seconds(60))
    assert (decided(recovered).actions, decided(recovered).state.phase) == ((Route(0),), Phase.FINALISING)


@pytest.mark.parametrize("phase", [Phase.PROMOTING, Phase.FAILED])
def test_the_primary_serves_while_the_promoted_canary_has_no_pod(phase: Phase) -> None:
    """The other way round: a primary with some pods is better than a canary with none."""
    known = a_state(phase, weight=100, promoted=NEW, deadline=DEADLINE)
    s = a_snapshot(state=known, primary=STUCK, target=a_target(**lost()))
    decision = decided(s)
    assert (decision.intent, decision.actions) == (Intent.SHIFT, (Route(0),))
    assert (decision.state.phase, decision.state.weight) == (Phase.FINALISING, 0)
    assert texts(decision) == ["Routing all traffic to primary"]


def test_c4_a_primary_that_recovers_ends_the_failed_promotion() -> None:
    """Failed with the canary serving is still watched: all traffic to the primary, then Finalising (rule 13)."""
    decision = decided(serving())
    assert (decision.intent, decision.actions) == (Intent.SHIFT, (Route(0),))
    state = decision.state
    assert (state.phase, state.weight, state.promoted) == (Phase.FINALISING, 0, NEW)
    assert texts(decision) == ["Routing all traffic to primary"]


@pytest.mark.parametrize(
    ("s", "actions"),
    [
        pytest.param(serving(primary=STUCK), (), id="as it should be"),
        pytest.param(serving(primary=STUCK, routes=Weights(100, 0)), (Route(100),), id="routes astray"),
        pytest.param(serving(primary=STUCK, routes=None), (Route(100),), id="no route"),
        pytest.param(serving(primary=STUCK, routes=None, target=a_target(ready=False)), (), id="nor a ready canary"),
        pytest.param(
            a_snapshot(state=a_state(Phase.FAILED, weight=100, promoted=OLD)), (), id="the primary runs something else"
        ),
    ],
)
def test_a_canary_that_serves_goes_on_serving(s: Snapshot, actions: tuple[object, ...]) -> None:
    """Its routes are healed to the weight held; nothing else changes."""
    decision = decided(s)
    assert (decision.actions, decision.messages, decision.state) == (actions, (), s.known)


def test_an_analysis_waits_for_its_primary() -> None:
    """Told once, without a deadline: the canary has met its own."""
    primary = a_primary(ready=False, why=WHY)
    s = a_snapshot(state=a_state(weight=20, deadline=DEADLINE), primary=primary)
    decision = decided(s)
    assert (decision.actions, texts(decision)) == ((), [NOT_READY])
    assert decision.state == replace(s.known, waiting="primary", deadline=None)
    again = decided(replace(s, state=decision.state))
    assert (again.messages, again.state) == ((), decision.state)


def test_the_canary_serves_while_there_is_no_primary() -> None:
    """Somebody has deleted it in a run; what the canary has not earned goes back to one that is there again."""
    decision = decided(a_snapshot(weight=20, primary=None))
    assert (decision.actions, decision.state.weight, decision.state.predecessors) == ((Route(100),), 100, True)
    assert texts(decision) == ["Routing all traffic to canary, podinfo-primary.test not ready: it is missing"]
    back = decided(a_snapshot(state=decision.state))
    assert (back.actions, back.state.weight, back.state.predecessors) == ((Route(0),), 0, False)


def test_a_copy_that_has_written_configs_is_finished() -> None:
    """Nothing is asked and no route is touched: the template follows its configs, and promotion goes on."""
    s = a_snapshot(state=a_state(Phase.PROGRESSING, weight=50, claim=a_claim(Intent.PROMOTE)), copying=True)
    assert stage_of(s) is Stage.COPYING
    decision = decided(s)
    assert (decision.intent, decision.actions) == (Intent.PROMOTE, (CopyToPrimary(NEW),))
    assert (decision.state.phase, decision.state.weight, decision.state.promoted) == (Phase.PROMOTING, 50, NEW)


def crowded(**state: Any) -> Snapshot:
    """Ten pods of the canary carry all traffic, and the primary has two."""
    return a_snapshot(
        state=a_state(Phase.PROMOTING, weight=100, **state),
        target=a_target(replicas=10, pods=10),
        canary=a_canary(spec={"autoscalerRef": {"kind": "HorizontalPodAutoscaler", "name": "podinfo"}}),
        bounds=Bounds(least=2, most=20),
    )


def test_a_primary_is_given_the_pods_that_the_traffic_needs() -> None:
    """Once, by its scaler's floor and at once; then they are waited for, and it is said once."""
    decision = decided(crowded())
    assert decision.actions == (PrimaryScaler(), ScalePrimary(10))
    assert (decision.state.floor, decision.state.waiting, decision.state.weight) == (10, "primary", 100)
    again = replace(crowded(), state=decision.state, primary=a_primary(NEW, replicas=10))
    assert (decided(again).actions, decided(again).messages, decided(again).state) == ((), (), decision.state)
    done = replace(again, primary=a_primary(NEW, replicas=10, pods=10))
    assert decided(done).actions == (PrimaryScaler(), Route(0))


def test_pods_that_do_not_come_in_time_leave_the_canary_serving() -> None:
    """As a primary that does not get ready."""
    decision = decided(crowded(deadline=NOW, waiting="primary", floor=10))
    assert (decision.state.phase, decision.state.weight) == (Phase.FAILED, 100)


def test_a_route_that_still_reaches_the_canary_at_the_end_is_put_back_before_its_pods_go() -> None:
    """They go with a later event, after every mesh has heard of the route (invariant 1)."""
    decision = decided(a_snapshot(Phase.FINALISING, routes=Weights(80, 20)))
    assert decision.actions[-1:] == (Route(0),)
    assert ScaleToZero() not in decision.actions
    assert decision.state.phase is Phase.FINALISING
