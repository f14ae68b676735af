"""Before the first rollout and between rollouts."""

from dataclasses import replace
from typing import Any

import pytest

from handlers.rollout.actions import (
    ApexService,
    CopyConfigs,
    CreatePrimary,
    PauseScaler,
    PrimaryScaler,
    Route,
    RouteTargets,
    ScaleToZero,
    WorkloadServices,
)
from handlers.rollout.checks import Finding, Outcome, ServerCheck
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.state import Intent, Kind, Phase, State
from handlers.rollout.timing import DRAIN
from handlers.rollout.weights import Weights
from tests.rollout.decisions import RATE, decided, texts
from tests.rollout.examples import (
    NEW,
    NEWER,
    NOW,
    OLD,
    a_canary,
    a_claim,
    a_primary,
    a_resting_target,
    a_snapshot,
    a_state,
    a_target,
    lost,
)

OBJECTS = (CopyConfigs(), WorkloadServices(), ApexService(), RouteTargets())
NOBODY = {"primary": a_primary(**lost())}


def server(outcome: Outcome, text: str = "") -> Finding:
    """Whether a metric server answered."""
    return Finding(check=ServerCheck(RATE), outcome=outcome, text=text)


def fresh(**fields: Any) -> Snapshot:
    """A Canary that nobody has looked at, whose target runs."""
    return a_snapshot(state=None, **{"target": a_target(OLD, ours=False), "primary": None, "routes": None, **fields})


def test_a_bootstrap_begins_with_the_primary() -> None:
    """A clone of what runs; no traffic is moved and nothing scaled down before it is ready."""
    decision = decided(fresh())
    assert (decision.intent, decision.actions) == (Intent.BOOTSTRAP, (WorkloadServices(), CreatePrimary(OLD)))
    assert decision.meanwhile == State()
    assert decision.state == State(seq=1, revision=OLD, promoted=OLD, stepped=NOW, replicas=2)
    assert texts(decision) == ["all the metrics providers are available!"]


def test_without_an_analysis_no_metric_server_is_told_of() -> None:
    """With skipAnalysis Flagger does not ask for them (advanceCanary)."""
    s = fresh()
    decision = decided(replace(s, canary=replace(s.canary, skip_analysis=True)))
    assert decision.messages == ()


def test_a_primary_that_was_there_before_is_marked_first() -> None:
    """Its annotation says what it runs; without one nothing is known about it."""
    decision = decided(fresh(primary=a_primary("")))
    assert decision.actions == (WorkloadServices(), CreatePrimary(OLD))


@pytest.mark.parametrize(
    ("findings", "kind", "text"),
    [
        pytest.param(
            [server(Outcome.PASSED), server(Outcome.PASSED)],
            Kind.NORMAL,
            "all the metrics providers are available!",
            id="all answer",
        ),
        pytest.param(
            [server(Outcome.PASSED), server(Outcome.ERROR, "refused")],
            Kind.WARNING,
            "Error checking metric providers: refused",
            id="one does not",
        ),
    ],
)
def test_metric_servers_are_tried_at_the_beginning(findings: list[Finding], kind: Kind, text: str) -> None:
    """It is told and stops nothing (checkMetricProviderAvailability)."""
    decision = decided(fresh(), *findings)
    assert [(message.kind, message.text) for message in decision.messages] == [(kind, text)]
    assert decision.actions
    assert decision.findings == tuple(findings)


def test_a_primary_in_the_making_is_waited_for() -> None:
    """Told once; there is no deadline, for there is nothing to go back to."""
    known = a_state(Phase.INITIALIZING, revision=OLD)
    s = a_snapshot(state=known, target=a_target(OLD), primary=a_primary(ready=False, why="1 of 2"))
    decision = decided(s)
    assert (decision.actions, texts(decision)) == ((), ["podinfo-primary.test not ready: 1 of 2"])
    assert decision.state == replace(known, waiting="primary")
    again = decided(replace(s, state=decision.state))
    assert (again.messages, again.state) == ((), decision.state)


@pytest.mark.parametrize(
    ("fields", "gone"),
    [
        pytest.param({"target": a_target(OLD)}, (ScaleToZero(),), id="nobody called it"),
        pytest.param({"target": a_target(OLD, called=True)}, (), id="its Service was there before"),
        pytest.param({"target": a_target(OLD), "routes": Weights(50, 50)}, (), id="its route was there before"),
    ],
)
def test_a_bootstrap_ends_with_the_target(fields: dict[str, Any], gone: tuple[object, ...]) -> None:
    """Services and routes lead to the ready primary before the target's pods are taken away; pods that had clients go
    with the next event.
    """
    s = a_snapshot(Phase.INITIALIZING, **{"routes": Weights(100, 0), **fields})
    decision = decided(s)
    assert decision.intent is Intent.BOOTSTRAP
    assert decision.actions == (*OBJECTS[1:], Route(0), *gone)
    state = decision.state
    assert state.waiting == ("" if gone else DRAIN)
    assert (state.phase, state.rest, state.revision, state.promoted) == (
        Phase.INITIALIZED,
        Phase.INITIALIZED,
        OLD,
        OLD,
    )
    assert texts(decision) == ["Initialization done! podinfo.test"]


def test_a_lost_state_is_built_from_what_runs() -> None:
    """The annotation was removed: the marked primary says what is promoted, and a newer target is a new revision."""
    s = a_snapshot(state=None, target=a_target(NEW), primary=a_primary(OLD))
    state = decided(s).state
    assert (state.phase, state.revision, state.promoted) == (Phase.INITIALIZED, OLD, OLD)


@pytest.mark.parametrize("phase", [Phase.INITIALIZED, Phase.SUCCEEDED, Phase.FAILED])
def test_at_rest_nothing_is_decided(phase: Phase) -> None:
    """Invariant 10."""
    s = a_snapshot(phase)
    decision = decided(s)
    assert (decision.actions, decision.messages, decision.state) == ((), (), s.known)


def test_a_claim_that_has_run_out_is_cleared_at_rest() -> None:
    """Rule 14."""
    s = a_snapshot(state=a_state(Phase.SUCCEEDED, claim=a_claim(Intent.HEAL)))
    decision = decided(s)
    assert (decision.actions, decision.state) == ((), replace(s.known, claim=None))


def test_a_failed_canary_acknowledges_a_push_back() -> None:
    """It stays Failed; the failed revision pushed again is then a new one (the lifecycle of Flagger's nginx suite).

    What it waited for is over: it must not look like a failed promotion of the promoted revision.
    """
    decision = decided(a_snapshot(state=a_state(Phase.FAILED, waiting="primary"), target=a_resting_target(OLD)))
    assert (decision.actions, decision.messages) == ((), ())
    assert (decision.state.phase, decision.state.revision, decision.state.waiting) == (Phase.FAILED, OLD, "")
    again = decided(a_snapshot(state=decision.state, target=a_resting_target(NEW)))
    assert (again.state.phase, again.state.revision) == (Phase.PROGRESSING, NEW)


@pytest.mark.parametrize(
    ("fields", "actions"),
    [
        pytest.param({"drift": True}, (*OBJECTS, Route(0)), id="an object changed"),
        pytest.param({"routes": Weights(70, 30)}, (*OBJECTS, Route(0)), id="routes astray"),
        pytest.param({"routes": None}, (*OBJECTS, Route(0)), id="no route"),
        pytest.param({"target": a_target(OLD)}, (*OBJECTS, Route(0), ScaleToZero()), id="our replicas"),
        pytest.param(
            {"target": a_target(OLD, ours=False), "drift": True}, (*OBJECTS, Route(0)), id="an outsider's replicas stay"
        ),
        pytest.param(
            {"drift": True, "routes": Weights(70, 30), **NOBODY}, (*OBJECTS, Route(30)), id="who serves now stays"
        ),
        pytest.param({"drift": True, "routes": None, **NOBODY}, OBJECTS, id="nobody serves"),
    ],
)
def test_drift_is_healed(fields: dict[str, Any], actions: tuple[object, ...]) -> None:
    """Rule 14; silently, and without a step."""
    s = a_snapshot(Phase.SUCCEEDED, **fields)
    decision = decided(s)
    assert (decision.intent, decision.actions) == (Intent.HEAL, actions)
    drains = s.reached and s.primary_can_serve  # its pods would go with the next event
    expected = replace(s.known, waiting=DRAIN, stepped=NOW) if drains else s.known
    assert (decision.messages, decision.state) == ((), expected)


@pytest.mark.parametrize("target", [a_resting_target(OLD), a_target(OLD)])
def test_a_lost_primary_is_made_again(target: Any) -> None:
    """From the target, if it still shows what was promoted; the claim says that the primary is written."""
    s = a_snapshot(Phase.SUCCEEDED, primary=None, target=target)
    decision = decided(s)
    assert (decision.intent, decision.actions) == (Intent.BOOTSTRAP, (CreatePrimary(OLD),))
    assert decision.state == s.known
    assert texts(decision) == ["podinfo-primary.test is missing, making it again"]


def test_a_lost_primary_whose_template_is_lost_too_is_told() -> None:
    """The target shows what failed."""
    s = a_snapshot(Phase.FAILED, primary=None)
    decision = decided(s)
    assert (decision.actions, decision.state.waiting, decision.state.deadline) == ((), "primary", None)
    assert texts(decision) == [
        "podinfo-primary.test is missing and the target does not run the promoted revision; push that revision again"
    ]


@pytest.mark.parametrize(
    ("s", "actions", "weight"),
    [
        pytest.param(a_snapshot(weight=20, target=None), (Route(0),), 0, id="its traffic goes to the primary"),
        pytest.param(a_snapshot(weight=20, target=None, **NOBODY), (), 20, id="if that can serve"),
        pytest.param(a_snapshot(target=None), (), 0, id="if it had any"),
    ],
)
def test_a_missing_target_is_told_once(s: Snapshot, actions: tuple[object, ...], weight: int) -> None:
    """In Flagger's words."""
    decision = decided(s)
    assert (decision.actions, decision.state.weight, decision.state.waiting) == (actions, weight, "target")
    assert texts(decision) == ['deployment podinfo.test get query error: deployments.apps "podinfo" not found']
    again = decided(replace(s, state=decision.state, routes=Weights(100 - weight, weight)))
    assert (again.actions, again.messages, again.state) == ((), (), decision.state)


@pytest.mark.parametrize("phase", [Phase.WAITING, Phase.PROGRESSING, Phase.WAITING_PROMOTION])
@pytest.mark.parametrize("rest", [Phase.INITIALIZED, Phase.SUCCEEDED])
def test_c25_a_push_back_cancels_the_rollout(phase: Phase, rest: Phase) -> None:
    """Flagger goes on and promotes what is promoted already; here the canary is at rest again (invariant 7)."""
    known = a_state(phase, rest=rest, weight=0 if phase is Phase.WAITING else 20, failed=1, revision=NEWER)
    s = a_snapshot(state=known, target=a_target(OLD))
    decision = decided(s)
    gone = () if s.reached else (ScaleToZero(),)
    assert (decision.intent, decision.actions) == (Intent.CANCEL, (Route(0), *gone))
    state = decision.state
    assert (state.phase, state.weight, state.failed, state.revision) == (rest, 0, 0, OLD)
    assert texts(decision) == ["Rollout cancelled, podinfo.test is back at the promoted revision"]


KEDA = a_canary(spec={"autoscalerRef": {"kind": "ScaledObject", "name": "podinfo"}})
MISSING = 'ScaledObject podinfo.test get query error: scaledobjects.keda.sh "podinfo" not found'


@pytest.mark.parametrize("phase", [Phase.INITIALIZING, Phase.SUCCEEDED, Phase.FAILED])
def test_a_missing_scaler_is_told_once(phase: Phase) -> None:
    """Nothing is done, nothing is begun, and the message names the field."""
    s = a_snapshot(phase, canary=KEDA, scaler_missing=True)
    first = decided(s)
    assert (texts(first), first.actions) == ([f"spec.autoscalerRef: {MISSING}"], ())
    assert decided(replace(s, state=first.state)).messages == ()
    assert first.state == replace(s.known, waiting="autoscaler")


def test_a_scaler_that_is_back_is_waited_for_no_more() -> None:
    """At rest; a new revision ends the waiting by itself."""
    waited = a_state(Phase.SUCCEEDED, waiting="autoscaler")
    assert decided(a_snapshot(state=waited, canary=KEDA)).state == replace(waited, waiting="")


def test_a_scaler_that_is_awake_is_paused() -> None:
    """The traffic is the primary's first, then the target's scaler is held, then its pods go."""
    s = a_snapshot(Phase.SUCCEEDED, canary=KEDA, scaler_awake=True, target=a_target(OLD))
    assert decided(s).actions == (PrimaryScaler(), *OBJECTS, Route(0), PauseScaler(), ScaleToZero())


def test_a_bootstrap_with_a_scaler() -> None:
    """The primary's scaler is there before traffic comes to it (scheduler.go, advanceCanary)."""
    s = a_snapshot(Phase.INITIALIZING, canary=KEDA, target=a_target(OLD))
    assert decided(s).actions == (PrimaryScaler(), *OBJECTS[1:], Route(0), ScaleToZero())


def test_configs_that_are_astray_are_put_back_and_nothing_else() -> None:
    """It is told, and what the target shows by now is left to the next event."""
    s = a_snapshot(state=a_state(Phase.PROGRESSING, weight=50), astray=True, target=a_target(NEWER))
    decision = decided(s)
    assert (decision.actions, decision.state, decision.intent) == ((CopyConfigs(),), s.known, Intent.HEAL)
    assert decision.messages[0].text.startswith("A promotion of podinfo.")
