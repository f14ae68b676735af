"""Back to the primary: in the right order, with a reason, and never to a primary that cannot serve."""

from dataclasses import replace
from typing import Any

import pytest

from handlers.rollout.actions import Route, ScaleToZero, ScaleUp
from handlers.rollout.announcement import announcement
from handlers.rollout.checks import Outcome
from handlers.rollout.rules.rollback import HELD
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.spec.alerts import Severity
from handlers.rollout.spec.analysis import Hook
from handlers.rollout.state import ALERTS_KEPT, Intent, Kind, Phase
from handlers.rollout.timing import DRAIN
from handlers.rollout.weights import Weights
from tests.rollout.decisions import decided, texts
from tests.rollout.examples import (
    NEW,
    NEWER,
    NOW,
    a_canary,
    a_claim,
    a_primary,
    a_resting_target,
    a_snapshot,
    a_state,
    a_target,
    an_alert,
    answered,
    lost,
    seconds,
)

BACK = (Route(0),)
FAILED = "Canary failed! Scaling down podinfo.test"
WHY = "0 of 2 updated replicas are available"
NOT_READY = f"canary deployment podinfo.test not ready: {WHY}"
NOBODY = {"primary": a_primary(**lost())}


def unready(**fields: Any) -> Snapshot:
    """A canary in Progressing without a ready pod."""
    target = fields.pop("target", a_target(**lost()))
    weight = fields.pop("weight", 0)
    routes = fields.pop("routes", Weights(100 - weight, weight))
    primary = fields.pop("primary", a_primary())
    return a_snapshot(state=a_state(weight=weight, **fields), target=target, routes=routes, primary=primary)


ROLLBACKS = [
    pytest.param(
        a_snapshot(weight=20, cause=an_alert()), "Rolling back podinfo.test alert HighErrorRate", id="an alert"
    ),
    pytest.param(
        a_snapshot(state=a_state(weight=20, failed=2)),
        "Rolling back podinfo.test failed checks threshold reached 2",
        id="failed checks that had to wait",
    ),
    pytest.param(
        unready(weight=20, target=a_target(ready=False, why=WHY), deadline=NOW),
        f"Rolling back podinfo.test progress deadline exceeded {NOT_READY}",
        id="C19: a missed deadline is told",
    ),
    pytest.param(
        unready(target=a_target(**lost(exceeded=True))),
        f"Rolling back podinfo.test progress deadline exceeded {NOT_READY}",
        id="Kubernetes has given up",
    ),
]


@pytest.mark.parametrize(("s", "reason"), ROLLBACKS)
def test_a_rollback_is_routes_then_failed_and_pods_that_had_traffic_go_later(s: Snapshot, reason: str) -> None:
    """With its reason, and then Flagger's words; the post-rollout webhooks come last.

    Pods go with the next event, after every mesh has heard of the route; those that had no request at once.
    """
    decision = decided(s)
    gone = (*BACK, *(() if s.reached else (ScaleToZero(),)))
    assert (decision.intent, decision.actions, decision.refused) == (Intent.ROLLBACK, gone, "")
    state = decision.state
    assert (state.phase, state.weight, state.failed, state.revision) == (Phase.FAILED, 0, 0, NEW)
    waits = DRAIN if s.reached else ""
    assert (state.claim, state.waiting, state.deadline, state.seq) == (None, waits, None, s.known.seq + 1)
    assert texts(decision) == [reason, FAILED, "Failed"]
    kinds = [message.kind for message in (*decision.reasons, *decision.messages)]
    assert kinds == [Kind.WARNING, Kind.WARNING, Kind.POST_ROLLOUT]
    # how the webhooks answered is told in the phase from before (scheduler.go, rollback)
    assert [message.phase for message in decision.messages] == [Phase.FAILED, s.known.phase]


def test_the_intent_stands_with_the_phase_it_had() -> None:
    """Until it is done the canary is not Failed."""
    s = a_snapshot(weight=20, cause=an_alert())
    meanwhile = decided(s).meanwhile
    assert meanwhile is not None
    assert (meanwhile.phase, meanwhile.weight, meanwhile.alerts) == (Phase.PROGRESSING, 20, ("f/1",))


def test_an_alert_is_remembered() -> None:
    """So that it is not taken for a new one; the oldest are forgotten."""
    seen = tuple(f"f/{number}" for number in range(10, 10 + ALERTS_KEPT))
    s = a_snapshot(state=a_state(weight=20, alerts=seen), cause=an_alert())
    assert decided(s).state.alerts == (*seen[1:], "f/1")


def test_a_rollback_that_was_begun_is_finished() -> None:
    """By whatever event comes next, under a claim of its own; whatever the target shows now is not what failed."""
    claim = a_claim(Intent.ROLLBACK)
    for cause in (a_snapshot().cause, an_alert()):
        s = a_snapshot(state=a_state(weight=20, claim=claim), cause=cause, target=a_target(NEWER))
        decision = decided(s)
        assert (decision.intent, decision.actions) == (Intent.ROLLBACK, BACK)
        assert (decision.state.phase, decision.state.revision) == (Phase.FAILED, NEW)
        assert texts(decision) == [FAILED, "Failed"]


@pytest.mark.parametrize(
    "s",
    [
        pytest.param(a_snapshot(weight=20, cause=an_alert(), **NOBODY), id="an alert"),
        pytest.param(a_snapshot(state=a_state(weight=20, failed=2), **NOBODY), id="failed checks"),
        pytest.param(a_snapshot(state=a_state(weight=20, claim=a_claim(Intent.ROLLBACK)), **NOBODY), id="one begun"),
        pytest.param(unready(weight=20, deadline=NOW, **NOBODY), id="a deadline"),
        pytest.param(a_snapshot(weight=20, cause=an_alert(), primary=None), id="no primary at all"),
        pytest.param(a_snapshot(routes=Weights(80, 20), cause=an_alert(), **NOBODY), id="the routes alone carry it"),
    ],
)
def test_a_rollback_waits_while_nobody_else_can_serve(s: Snapshot) -> None:
    """503, and every event tries again; the canary goes on serving (protocol rule 6)."""
    decision = decided(s)
    assert decision.actions == ()
    assert decision.refused.startswith("podinfo.test is not rolled back (")
    assert "podinfo-primary.test has no ready pod, the canary goes on serving" in decision.refused
    assert (decision.state.phase, decision.state.alerts) == (Phase.PROGRESSING, ())
    claim = s.known.claim
    assert (decision.state.held, decision.state.waiting, decision.state.claim) == (s.known.revision, HELD, claim)
    assert texts(decision) == [decision.refused]
    again = decided(replace(s, state=replace(decision.state, waiting="primary")))
    assert (texts(again), again.state.waiting) == ([], "primary")
    assert announcement(replace(s, state=decision.state), again) is None


def test_that_a_rollback_waits_is_told_as_an_error() -> None:
    """To everybody, with the reason of the rollback."""
    said = announcement(s := a_snapshot(weight=20, cause=an_alert(), **NOBODY), decided(s))
    assert said
    assert said.transition
    assert (said.transition.topic, said.transition.severity) == ("waitingrollback", Severity.ERROR)
    assert said.text.startswith("podinfo.test is not rolled back (alert")


def test_a_wait_is_over_when_the_primary_can_serve() -> None:
    """Whatever is decided then; the next one is told again."""
    s = a_snapshot(state=replace(a_state(weight=20), held=NEW))
    assert decided(s).state.held == ""
    assert decided(replace(s, primary=a_primary(**lost()))).state.held == NEW


def test_at_weight_zero_there_is_nothing_to_wait_for() -> None:
    """A canary without traffic is taken away, primary or not."""
    assert decided(a_snapshot(cause=an_alert(), **NOBODY)).actions == (*BACK, ScaleToZero())


def test_failed_checks_are_counted_though_the_rollback_waits() -> None:
    """The next event finds the count at the threshold and tries again without asking."""
    s = a_snapshot(state=a_state(weight=20, failed=1), primary=a_primary(exceeded=True, **lost()))
    decision = decided(s, answered(Hook.ROLLOUT, Outcome.REFUSED, "500"))
    assert (decision.refused != "", decision.state.failed, decision.actions) == (True, 2, ())
    assert decision.findings
    again = decided(replace(s, state=decision.state))
    assert (again.refused != "", again.state) == (True, decision.state)


def test_an_alert_after_the_copy_is_too_late() -> None:
    """Nothing is left to roll back to: it is told and remembered, and the claim of whoever promotes stays (rule 11)."""
    claim = a_claim(Intent.SHIFT, left=9)
    s = a_snapshot(state=a_state(Phase.PROMOTING, weight=50, claim=claim), cause=an_alert())
    decision = decided(s)
    assert decision.actions == ()
    assert (decision.state.claim, decision.state.alerts) == (claim, ("f/1",))
    assert decision.state == replace(s.known, alerts=("f/1",), firing=decision.state.firing)
    text = "Alert HighErrorRate is too late for podinfo.test: podinfo-primary.test already runs this revision"
    assert texts(decision) == [text]


def test_an_alert_about_something_else_is_remembered_and_nothing_more() -> None:
    """Not even a claim that has run out is changed, and nothing that was read counts as seen."""
    for state in (a_state(Phase.SUCCEEDED), a_state(weight=20, alerts=("f/1",), claim=a_claim())):
        s = a_snapshot(state=state, cause=an_alert())
        decision = decided(s)
        assert (decision.actions, decision.messages, decision.looked) == ((), (), False)
        assert [alert.key for alert in decision.state.firing] == ["f/1"]
        assert replace(decision.state, firing=()) == state


def test_pods_are_waited_for_until_the_deadline() -> None:
    """Told once, with a deadline if there is none yet; then nothing is written."""
    s = unready(target=a_target(**lost()))
    decision = decided(s)
    assert (decision.actions, texts(decision)) == ((), [NOT_READY])
    assert decision.state == replace(s.known, waiting="canary", deadline=NOW + seconds(600))
    later = replace(s, state=decision.state, now=NOW + seconds(599))
    assert (decided(later).messages, decided(later).state) == ((), decision.state)
    overdue = replace(s, state=decision.state, now=NOW + seconds(600))
    assert decided(overdue).state.phase is Phase.FAILED


def test_the_deadline_of_the_start_counts() -> None:
    """It began when the target was scaled up."""
    decision = decided(unready(deadline=NOW + seconds(5)))
    assert (decision.state.deadline, decision.state.waiting) == (NOW + seconds(5), "canary")


def test_a_canary_without_one_pod_gives_its_traffic_back() -> None:
    """The analysis begins again when it is ready; its deadline runs on (invariant 1)."""
    s = unready(weight=20, failed=1)
    decision = decided(s)
    assert (decision.intent, decision.actions) == (Intent.RESTART, (Route(0), ScaleUp()))
    state = decision.state
    assert (state.phase, state.weight, state.failed, state.waiting) == (Phase.PROGRESSING, 0, 1, "canary")
    assert state.deadline == NOW + seconds(600)
    assert texts(decision) == [f"Routing all traffic to primary, {NOT_READY}"]
    assert decided(unready(weight=20, deadline=NOW + seconds(7))).state.deadline == NOW + seconds(7)


@pytest.mark.parametrize(
    "s",
    [
        pytest.param(unready(weight=20, target=a_target(ready=False)), id="one pod is left"),
        pytest.param(unready(weight=20, **NOBODY), id="the primary has none either"),
    ],
)
def test_traffic_stays_where_somebody_serves(s: Snapshot) -> None:
    """Or where nobody would be better."""
    assert decided(s).actions in ((), (Route(20),))
    assert decided(s).state.weight == 20


@pytest.mark.parametrize(
    ("s", "actions"),
    [
        pytest.param(a_snapshot(target=a_resting_target(NEW)), (ScaleUp(),), id="nothing carried"),
        pytest.param(a_snapshot(weight=20, target=a_resting_target(NEW)), (Route(0), ScaleUp()), id="routes first"),
        pytest.param(a_snapshot(weight=20, target=a_resting_target(NEW), **NOBODY), (ScaleUp(),), id="nobody else"),
        pytest.param(a_snapshot(weight=20, target=a_resting_target(NEW, pods=2)), (), id="its pods are still there"),
    ],
)
def test_a_target_that_somebody_scaled_down_gets_its_pods_back(s: Snapshot, actions: tuple[object, ...]) -> None:
    """In the middle of a run (protocol rule 15); the rollout goes on."""
    decision = decided(s)
    assert (decision.actions, decision.state.phase) == (actions, Phase.PROGRESSING)


def test_no_rollback_while_suspended_but_for_alerts() -> None:
    """Suspending stops advances, not safety."""
    suspended = a_canary(spec={"suspend": True})
    quiet = decided(a_snapshot(state=a_state(weight=20, failed=9), canary=suspended))
    assert (quiet.actions, quiet.messages, quiet.untouched) == ((), (), True)
    assert decided(a_snapshot(weight=20, canary=suspended, cause=an_alert())).actions == BACK
