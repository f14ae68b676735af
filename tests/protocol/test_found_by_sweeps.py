"""What the sweeps, and reading with them in mind, have found: one test each, named after what went wrong."""

from collections import defaultdict

from handlers.errors import Unavailable
from handlers.rollout.objects.revision import of_target
from handlers.rollout.snapshot import Cause
from handlers.step.ports import Response
from tests.fakes import Died
from tests.lab import TICK, Lab, an_alert, at, new_lab
from tests.protocol.harness import Watcher, finish, process, run, state_of, told
from tests.protocol.situations import AFTER, GATE, NEWS, START, SUCCESS, after_a_failed_check, pushed, with_analysis
from tests.protocol.steps import handler

CANARY = "/canaries/app"


def dies_after(lab: Lab, cause: Cause, *calls: tuple[str, str]) -> None:
    """A process makes a step, and dies right after the last of these calls (a verb, and how the path ends)."""
    left = list(calls)

    def after(verb: str, path: str) -> None:
        if verb == left[0][0] and path.endswith(left[0][1]):
            left.pop(0)
        if not left:
            raise Died

    assert run(process(lab, Watcher(after=after)), lab, cause) == "died"


def keys(lab: Lab) -> dict[str, set[str]]:
    """Under which keys each message was sent."""
    found: dict[str, set[str]] = defaultdict(set)
    for _, about, key in told(lab):
        found[about].add(key)
    return found


def test_status_stayed_behind_when_a_process_died_before_it_was_written() -> None:
    """A commit stands, its status does not: the next tick shows the state, though nothing else has changed."""
    lab = at(new_lab(), "Finalising")
    lab.clock.tick(10)
    dies_after(lab, TICK, ("patch", CANARY), ("patch", CANARY))
    assert (state_of(lab).phase.value, lab.phase) == ("Succeeded", "Finalising")
    finish(lab)
    assert lab.phase == "Succeeded"


def test_a_copy_that_was_taken_over_kept_the_failed_checks() -> None:
    """All checks had passed before the copy: the count is reset by whoever finds the copy made."""
    lab = after_a_failed_check(new_lab(), 60, 1)
    lab.clock.tick(10)
    dies_after(lab, TICK, ("patch", "/app-primary"))
    assert state_of(lab).failed == 1
    finish(lab)
    assert (lab.phase, lab.canary["status"]["failedChecks"]) == ("Succeeded", 0)


def test_a_message_that_was_sent_again_had_another_key() -> None:
    """A message is sent again in a later step: the receiver sees the same key, and the same revision."""
    lab = at(with_analysis(webhooks=[NEWS]), "Progressing", 20)
    lab.webhooks.asked.clear()
    lab.webhooks.answers[NEWS["url"]] = [Unavailable("down")]
    lab.tick()
    lab.webhooks.answers[NEWS["url"]] = [200]
    lab.push("app:v3")
    lab.tick()
    again = [(about, key) for _, about, key in told(lab) if "weight 40" in about]
    assert (len(again), len(set(again))) == (2, 1)


def test_two_messages_had_the_same_key() -> None:
    """Waiting counts no step, but what is told about it is not what was told before."""
    lab = at(with_analysis(webhooks=[NEWS, GATE]), "Progressing", 20)
    lab.webhooks.answers[GATE["url"]] = [403]
    lab.tick()
    sent = {(about, key) for url, about, key in told(lab) if url == NEWS["url"]}
    assert any("gate" in about for about, _ in sent)
    assert len(sent) == len({key for _, key in sent})


def test_the_reason_of_a_rollback_died_with_its_process() -> None:
    """The process dies after the intent: whoever finishes the rollback tells why, and remembers the alert."""
    lab = at(with_analysis(webhooks=[NEWS, AFTER]), "Progressing", 20)
    dies_after(lab, an_alert(lab.clock.moment), ("patch", CANARY))
    finish(lab)
    assert any("Rolling back app.shop alert" in event for event in lab.events)
    assert sum("Rolling back app.shop alert" in about for about in keys(lab)) == 1
    assert (lab.phase, state_of(lab).alerts) == ("Failed", ("fp/1",))


def test_what_failed_was_not_told_when_the_process_died() -> None:
    """The process dies after the intent of a rollback by metrics: the measured value is told all the same."""
    lab = after_a_failed_check(new_lab(), 20, 2)
    lab.prometheus.values[SUCCESS] = [10]
    lab.clock.tick(10)
    dies_after(lab, TICK, ("patch", CANARY), ("patch", CANARY))
    lab.api.call("DELETE", "/api/v1/namespaces/shop/events")
    finish(lab)
    assert [event for event in lab.events if "10.00% < 99%" in event]


def test_how_post_rollout_went_was_lost_when_the_event_webhook_was_down() -> None:
    """The outcome of a post-rollout webhook waits in the outbox like any message; the webhook is not called again."""
    lab = at(with_analysis(webhooks=[NEWS, AFTER]), "Finalising")
    lab.webhooks.answers[NEWS["url"]] = [Unavailable("down")]
    lab.tick()
    lab.webhooks.answers[NEWS["url"]] = [200]
    lab.webhooks.asked.clear()
    finish(lab)
    assert any("Post-rollout check after passed" in about for about in keys(lab))
    assert not [url for url, _, _ in told(lab) if url == AFTER["url"]]


def test_a_process_that_had_stood_still_raised_the_weight_right_before_another() -> None:
    """It was frozen between its look and its claim: the raise counts from when it was made, not from the look."""
    lab = at(new_lab(), "Progressing")
    lab.clock.tick(10)
    slow = handler(lab).to("patch", CANARY)
    lab.clock.tick(41)
    slow.go()
    assert lab.weights == (80, 20)
    lab.step()
    assert lab.weights == (80, 20)
    lab.tick()
    assert lab.weights == (60, 40)


def test_a_push_that_came_before_an_alert_was_never_looked_at() -> None:
    """A rollback does not ask what the target shows by now: the next tick has to."""
    lab = at(new_lab(), "Progressing", 40)
    lab.push("app:v3")
    lab.step(an_alert(lab.clock.moment))
    assert lab.phase == "Failed"
    finish(lab)
    assert (lab.phase, state_of(lab).promoted) == ("Succeeded", of_target(lab.target))


def test_a_gate_that_asked_for_patience_at_rest_was_never_asked_again() -> None:
    """A confirm-rollout webhook that is not done yet leaves the canary at rest, and is asked again by the next tick."""
    lab = pushed(with_analysis(webhooks=[START]))
    patience = Response(status=202, headers={"preference-applied": "respond-async"})
    lab.webhooks.answers[START["url"]] = [patience, 200]
    lab.tick()
    assert lab.phase == "Initialized"
    finish(lab)
    assert lab.phase == "Succeeded"


def no_pods(lab: Lab, name: str) -> None:
    """A Deployment has no ready pod any more."""
    path = f"/apis/apps/v1/namespaces/shop/deployments/{name}/status"
    assert lab.api.call("PATCH", path, {"status": {"readyReplicas": 0, "availableReplicas": 0}}).status == 200


def test_a_promotion_that_failed_at_weight_0_stayed_failed_when_the_primary_came_back() -> None:
    """Both sides lose their pods in Finalising, past the deadline: when the primary has them again, it is over."""
    lab = at(new_lab(), "Finalising")
    for name in ("app", "app-primary"):
        no_pods(lab, name)
    lab.step()
    lab.clock.tick(601)
    lab.step()
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))
    finish(lab)
    assert (lab.phase, lab.weights, lab.target["spec"]["replicas"]) == ("Succeeded", (100, 0), 0)


def test_traffic_went_back_to_a_dead_primary_after_two_processes_died() -> None:
    """All traffic has been given to the canary, its process died, and the next one found the canary not ready."""
    lab = at(new_lab(), "Promoting", 60)
    no_pods(lab, "app-primary")
    dies_after(lab, TICK, ("patch", "/virtualservices/app"))
    assert lab.weights == (0, 100)
    no_pods(lab, "app")
    lab.clock.tick(601)
    lab.step()
    lab.clock.tick(601)
    lab.step()
    assert lab.phase == "Failed"
    lab.kubelet.run(only="app")
    lab.clock.tick(10)
    lab.step()
    assert lab.weights == (0, 100)
