"""What is known of a canary is told in full, whatever state its annotations are in."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from handlers.explain.view import View, view
from handlers.rollout import state
from handlers.rollout.firing import Firing
from handlers.rollout.freeze import NOWHERE, Namespace
from handlers.rollout.history import HISTORY
from handlers.rollout.objects import CANARY
from handlers.rollout.stages import HOLD
from handlers.rollout.state import STATE, Claim, Intent, Kind, Message, Phase, State
from handlers.rollout.written import time_text
from tests.fakes import EPOCH
from tests.lab import Lab, a_canary, at, new_lab


def seen(known: State | None = None, *, deleting: bool = False, **annotations: str) -> View:
    """The view of a Canary with this state, an hour into the tests' time."""
    canary = a_canary()
    written = {f"serinus.dev/{key}": value for key, value in annotations.items()}
    if known:
        written[STATE] = state.dump(known)
    canary["metadata"] = {**canary["metadata"], "annotations": {**written, "example.com/other": "x"}}
    if deleting:
        canary["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z"
    return view(canary, EPOCH)


def test_a_run_is_told_with_its_weights_checks_and_times() -> None:
    """In the middle of a run: phase, weights, revisions, failed checks of the threshold, and when the next is due."""
    lab = at(new_lab(), "Progressing", 20)
    lab.prometheus.values = {"istio_requests_total": [50]}
    lab.tick()
    found = view(lab.canary, lab.clock())
    assert (found.ref, found.target, found.phase, found.weight) == ("shop/app", "Deployment app", "Progressing", 20)
    assert (found.failed, found.threshold, found.problems) == (1, 3, ())
    assert found.revision not in ("", found.promoted)
    assert (found.next, found.due) == ("due", lab.clock() + timedelta(seconds=10))
    assert found.steps[-1]["decision"] == "hold: failed check 1 of 3"


def test_json_holds_everything() -> None:
    """`--output json` is plain JSON with times in RFC 3339 and both weights."""
    lab = at(new_lab(), "Progressing", 20)
    data = json.loads(json.dumps(view(lab.canary, lab.clock()).as_json()))
    assert data["weight"] == {"primary": 80, "canary": 20}
    assert data["stepped"] == time_text(lab.clock())
    assert data["until"] is None
    assert data["steps"] == json.loads(lab.canary["metadata"]["annotations"][HISTORY])


RUNNING = State(phase=Phase.PROGRESSING, weight=20, revision="1-b", promoted="1-a", stepped=EPOCH)
CLAIM = Claim(nonce="n", intent=Intent.RAISE, revision="1-b", until=EPOCH + timedelta(seconds=5))
OVERDUE = RUNNING.stepped and RUNNING.stepped - timedelta(seconds=30)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (None, "waits for the first event"),
        (State(phase=Phase.SUCCEEDED, stepped=EPOCH), "until the target shows a new revision"),
        (State(phase=Phase.FAILED, stepped=EPOCH), "or serinus.dev/retry a new value"),
        (State(phase=Phase.FAILED, weight=100, stepped=EPOCH), "due"),
        (State(phase=Phase.INITIALIZING), "due: the next event makes it"),
        (RUNNING, "due"),
        (State(phase=Phase.PROGRESSING, stepped=OVERDUE), "due: the next event makes it"),
        (State(phase=Phase.PROGRESSING, claim=CLAIM), "a step (raise) is under way, until"),
        (
            State(
                phase=Phase.PROGRESSING,
                claim=Claim(nonce="n", intent=Intent.PROMOTE, revision="1-b", until=EPOCH - timedelta(seconds=5)),
            ),
            "a step (promote) was broken off",
        ),
    ],
    ids=["new", "at rest", "failed", "serving", "first", "running", "overdue", "under way", "broken off"],
)
def test_what_comes_next(known: State | None, said: str) -> None:
    """Each situation says what the next step waits for."""
    assert said in seen(known).next


def test_a_failed_canary_that_is_to_be_retried_starts_anew() -> None:
    """The retry annotation with a new value is told as what it does."""
    assert seen(State(phase=Phase.FAILED), retry="again").next == "starts anew at the next event"


def test_a_canary_that_is_being_deleted_says_so() -> None:
    """No step is promised to what is going away."""
    assert seen(RUNNING, deleting=True).next == "the Canary is being deleted"


def test_a_finalizer_that_holds_a_canary_is_named() -> None:
    """Whoever waits for the end of a deletion reads what it waits for, and until when."""
    lab = at(new_lab(a_canary(revertOnDeletion=True)), "Progressing", 20)
    lab.delete(CANARY, "app")
    lab.step()
    found = view(lab.canary, lab.clock())
    assert "its finalizer goes when a tick finds all put back" in found.next
    assert (found.phase, found.until) == ("Terminating", lab.clock() + timedelta(minutes=10))


def test_a_suspended_canary_says_so() -> None:
    """`spec.suspend` is the reason why nothing is due."""
    canary = a_canary(suspend=True)
    canary["metadata"]["annotations"] = {STATE: state.dump(RUNNING)}
    found = view(canary, EPOCH)
    assert found.due is None
    assert found.next == "suspended by spec.suspend: only rollbacks"
    assert found.hold == "suspended by spec.suspend"


def test_a_paused_canary_says_so() -> None:
    """The annotation is the reason why nothing advances, and it is among what is set."""
    found = seen(RUNNING, pause="true")
    assert found.next == "paused by serinus.dev/pause: nothing advances; rollbacks and deadlines go on"
    assert (found.due, found.marks) == (None, {"serinus.dev/pause": "true"})


def test_a_frozen_canary_says_until_when() -> None:
    """A window that is open goes before a pause, for no command goes ahead of it."""
    found = seen(RUNNING, freeze="2026-11-01T00:00Z/2026-12-01T00:00Z", pause="true")
    assert found.next.startswith("frozen")
    assert "2026-12-01" in found.next
    assert "pause" not in found.next


def test_a_canary_that_an_alert_holds_says_since_when_it_fires() -> None:
    """In the middle of a run it is the reason; at rest it is only shown, and one that was not told for long is not."""
    since, heard = EPOCH - timedelta(hours=2), EPOCH - timedelta(minutes=4)
    fires = Firing(key="f/1", name="CanaryLatency", since=since, heard=heard)
    gone = replace(fires, key="f/0", heard=EPOCH - timedelta(minutes=10))
    said = "alert CanaryLatency has been firing since 2026-11-23T10:00:00Z"
    found = seen(replace(RUNNING, firing=(gone, fires)))
    assert (found.hold, found.alerts) == (said, (fires,))
    assert found.next == f"{said}: nothing advances; rollbacks and deadlines go on"
    resting = seen(State(phase=Phase.SUCCEEDED, firing=(fires,)))
    assert (resting.hold, resting.alerts, "at rest" in resting.next) == ("", (fires,), True)
    (data,) = json.loads(json.dumps(found.as_json()))["alerts"]
    assert data == {"key": "f/1", "name": "CanaryLatency", "since": time_text(since), "heard": time_text(heard)}


def test_a_frozen_namespace_is_named() -> None:
    """Whoever looks for the reason finds the object that it is written on."""
    canary = a_canary()
    canary["metadata"]["annotations"] = {STATE: state.dump(RUNNING)}
    found = view(canary, EPOCH, namespace=Namespace(name="shop", windows="2026-11-01T00:00Z/2026-12-01T00:00Z"))
    assert found.hold == "frozen until 2026-12-01T00:00:00Z by serinus.dev/freeze of Namespace shop"
    assert (found.next.startswith(found.hold), found.problems, found.unseen) == (True, (), "")


def test_a_namespace_that_is_not_shown_to_whoever_looks_is_no_freeze() -> None:
    """It is said that it is not known: the handlers may have the right that whoever looks has not."""
    canary = a_canary()
    canary["metadata"]["annotations"] = {STATE: state.dump(RUNNING)}
    found = view(canary, EPOCH, namespace=Namespace(name="shop", unread="no answer"))
    assert (found.hold, found.next) == ("", "due")
    assert found.unseen == "serinus.dev/freeze of Namespace shop cannot be seen: no answer"


@pytest.mark.parametrize(
    ("namespace", "annotations", "waiting"),
    [
        pytest.param(NOWHERE, {"pause": "true"}, "", id="what comes next says it"),
        pytest.param(NOWHERE, {}, "the next event: nothing holds it any more", id="let go since the last step"),
        pytest.param(Namespace(name="shop", unread="no"), {}, "the end of this: paused", id="who looks cannot see it"),
    ],
)
def test_what_holds_a_canary_is_said_once(namespace: Namespace, annotations: dict[str, str], waiting: str) -> None:
    """What the last step has found is told as long as it may still be so, in words."""
    canary = a_canary()
    written = {f"serinus.dev/{key}": value for key, value in annotations.items()}
    held = replace(RUNNING, waiting=f"{HOLD}paused")
    canary["metadata"]["annotations"] = {STATE: state.dump(held), **written}
    assert view(canary, EPOCH, namespace=namespace).waiting == waiting


def test_an_invalid_spec_hides_nothing_of_the_state() -> None:
    """A mistake in the spec is named, and the state is shown all the same."""
    canary = a_canary(analysis={"threshold": "three"})
    canary["metadata"]["annotations"] = {STATE: state.dump(RUNNING)}
    found = view(canary, EPOCH)
    assert found.problems == ("spec.analysis.threshold: 'three' is not a whole number",)
    assert (found.phase, found.weight, found.threshold) == ("Progressing", 20, None)
    assert found.next == "no step before the Canary is valid"


def test_an_unreadable_state_is_a_problem_and_the_status_is_shown() -> None:
    """What somebody broke in the annotation is named; phase and weight are then those of `.status`."""
    canary = a_canary()
    canary["metadata"]["annotations"] = {STATE: "{"}
    canary["status"] = {"phase": "Progressing", "canaryWeight": 20}
    found = view(canary, EPOCH)
    assert "serinus.dev/state" in found.problems[0]
    assert (found.phase, found.weight) == ("Progressing", 20)
    assert found.next == "no step before the Canary is valid"


@pytest.mark.parametrize("weight", [None, "20", 101, -1])
def test_a_weight_that_is_none_is_not_shown(weight: object) -> None:
    """Nothing in a status makes it impossible to look."""
    canary = a_canary()
    canary["status"] = {"phase": "Progressing", "canaryWeight": weight}
    assert view(canary, EPOCH).weight == 0


def test_why_a_canary_is_refused_is_a_problem_and_said_once() -> None:
    """Also what only a look at other objects can tell."""
    why = "spec.targetRef: Deployment shop/app belongs to Canary other already"
    found = seen(RUNNING, refused=why)
    assert (found.problems, found.marks) == ((why,), {})
    canary = a_canary(analysis={"threshold": "three"})
    error = "spec.analysis.threshold: 'three' is not a whole number"
    canary["metadata"]["annotations"] = {"serinus.dev/refused": error}
    assert view(canary, EPOCH).problems == (error,)


@pytest.mark.parametrize("target", [None, "app"])
def test_a_canary_without_a_target_can_be_looked_at(target: object) -> None:
    """Nothing in a spec makes it impossible to look."""
    found = view({"metadata": {"name": "app", "namespace": "shop"}, "spec": {"targetRef": target}}, EPOCH)
    assert found.target == "no target"
    assert found.problems


def test_what_users_set_is_shown_and_nothing_else() -> None:
    """Annotations that steer a canary are shown, without the two that Serinus writes and those of others."""
    assert seen(RUNNING, pause="lunch", history="[]").marks == {"serinus.dev/pause": "lunch"}


def test_untold_messages_are_counted() -> None:
    """A webhook that is down is seen by what waits for it."""
    message = Message(kind=Kind.NORMAL, text="x", phase=Phase.PROGRESSING)
    later = EPOCH + timedelta(minutes=5)
    found = seen(State(phase=Phase.SUCCEEDED, outbox=(message, message), tell_after=later))
    assert (found.untold, found.tell_after) == (2, later)
    assert seen(State(phase=Phase.SUCCEEDED, tell_after=later)).tell_after is None


def test_a_view_of_every_phase_can_be_made() -> None:
    """A whole rollout can be looked at after each step."""
    lab: Lab = new_lab()
    phases = set()
    for number in range(30):
        if number == 5:
            lab.push("app:v2")
        lab.tick()
        phases.add(view(lab.canary, lab.clock()).phase)
    assert {"Initialized", "Progressing", "Promoting", "Finalising", "Succeeded"} <= phases


@pytest.mark.parametrize(
    ("kind", "phase", "approves"),
    [
        ("confirm-rollout", "Waiting", "the rollout"),
        ("confirm-traffic-increase", "Progressing", "more traffic"),
        ("confirm-promotion", "WaitingPromotion", "the promotion"),
    ],
)
def test_a_gate_says_what_it_is_to_approve(kind: str, phase: str, approves: str) -> None:
    """The name of a webhook alone does not tell what a yes would do."""
    lab = new_lab(a_canary(analysis={"webhooks": [{"name": "ask", "type": kind, "url": "http://gate"}]}))
    lab.webhooks.answers = {"http://gate": [403]}
    lab.until("Initialized")
    lab.push("app:v2")
    for _ in range(8):
        lab.tick()
    assert (lab.phase, view(lab.canary, lab.clock()).waiting) == (phase, f"webhook ask to approve {approves}")


@pytest.mark.parametrize(
    ("known", "waiting"),
    [
        (State(phase=Phase.PROGRESSING, waiting="canary"), "the canary's pods to become ready"),
        (State(phase=Phase.PROMOTING, deadline=EPOCH), "the primary's pods to become ready"),
        pytest.param(State(phase=Phase.PROGRESSING, waiting="webhook gone"), "webhook gone", id="not in the spec"),
        (State(phase=Phase.PROMOTING), ""),
    ],
)
def test_what_is_waited_for_is_told_in_words(known: State, waiting: str) -> None:
    """Also in a promotion that waits from its beginning on."""
    assert seen(known).waiting == waiting


def test_what_is_waited_for_without_a_valid_spec() -> None:
    """The state alone says what it can."""
    canary = a_canary(analysis={"stepWeight": 101})
    canary["metadata"]["annotations"] = {STATE: state.dump(State(phase=Phase.WAITING, waiting="webhook ask"))}
    found = view(canary, EPOCH)
    assert (found.waiting, found.of_iterations, len(found.problems)) == ("webhook ask", 0, 1)
