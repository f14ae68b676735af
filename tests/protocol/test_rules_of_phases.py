"""The rules of what each phase may do (docs/protocol.md), one by one; each test fails without its rule."""

import pytest

from handlers.errors import Held
from handlers.rollout.objects.revision import of_target
from tests.fakes import WRITES
from tests.lab import an_alert, new_lab
from tests.protocol.harness import Trace, finish, state_of
from tests.protocol.situations import SUCCESS, old_alert, pushed
from tests.protocol.steps import (
    GONE,
    PRIMARY,
    TARGET,
    VIRTUAL_SERVICE,
    claim_nonce,
    dies_before,
    due,
    failed_promotion,
    handler,
    image,
    no_pods,
    stray_routes,
)


def test_rule_6_a_rollback_waits_for_a_primary_that_can_serve() -> None:
    """While the canary carries traffic and nobody else could, an alert is refused; that is told, and then nothing is
    written any more.
    """
    lab = due("Progressing", 40)
    no_pods(lab, "app-primary")
    written = Trace()
    lab.cluster.after = written.watcher.before
    for _ in range(3):
        with pytest.raises(Held):
            lab.step(an_alert(lab.clock.moment))
    kinds = [path.rsplit("/", 1)[1] for verb, path in written.calls if verb in WRITES]
    assert (kinds, lab.weights) == (["app", "events"], (60, 40))
    assert (state_of(lab).claim, state_of(lab).weight) == (None, 40)
    lab.kubelet.run()
    lab.step(an_alert(lab.clock.moment))
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))


def test_rule_6_at_weight_0_there_is_nothing_to_wait_for() -> None:
    """Without traffic on the canary a rollback needs no primary."""
    lab = due("Progressing")
    no_pods(lab, "app-primary")
    lab.step(an_alert(lab.clock.moment))
    assert lab.phase == "Failed"


def test_rule_6_an_intent_outlives_the_wait() -> None:
    """Its process has died, and the primary has lost its pods since: whoever tells of the wait keeps the claim."""
    lab = due("Progressing", 40)
    dies_before(lab, "patch", VIRTUAL_SERVICE, an_alert(lab.clock.moment))
    no_pods(lab, "app-primary")
    nonce = claim_nonce(lab)
    for _ in range(3):
        lab.clock.tick(GONE)
        with pytest.raises(Held):
            lab.step()
    assert (claim_nonce(lab), lab.weights) == (nonce, (60, 40))
    assert sum("is not rolled back" in event for event in lab.events) == 1
    lab.kubelet.run()
    lab.step()
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))


def test_rule_10_after_the_copy_the_old_version_is_a_new_revision() -> None:
    """A push back to what ran before, once the primary has been given the new: it is analysed, not taken for home."""
    lab = due("Promoting", 60)
    lab.push("app:v1")
    lab.step()
    assert lab.phase == "Progressing"
    finish(lab)
    assert (lab.phase, image(lab)) == ("Succeeded", "app:v1")
    assert any("Advance app.shop canary weight 20" in event for event in lab.events[-8:])


@pytest.mark.parametrize(("phase", "weight"), [("Promoting", 60), ("Finalising", 0)])
def test_rule_11_after_the_copy_an_alert_is_too_late(phase: str, weight: int) -> None:
    """There is nothing to go back to: it is told and remembered, and the promotion goes on."""
    lab = due(phase, weight)
    lab.step(an_alert(lab.clock.moment))
    assert (lab.phase, state_of(lab).alerts) == (phase, ("fp/1",))
    assert "too late" in lab.events[-1]
    finish(lab)
    assert (lab.phase, image(lab)) == ("Succeeded", "app:v2")


def test_rule_11_an_alert_between_copy_and_commit_is_too_late() -> None:
    """What counts is the primary, not the state: the copier keeps its claim, and finds its copy again."""
    lab = due("Progressing", 60)
    slow = handler(lab).to("patch", PRIMARY)
    slow.go(1)
    nonce = claim_nonce(lab)
    lab.step(an_alert(lab.clock.moment))
    assert (claim_nonce(lab), lab.weights) == (nonce, (40, 60))
    slow.go()
    assert (lab.phase, state_of(lab).alerts) == ("Promoting", ("fp/1",))


def test_rule_11_an_alert_from_before_the_run_leaves_the_claim_and_holds_what_was_about_to_be_raised() -> None:
    """The step under way finds that somebody has written, decides anew, and puts the weight back."""
    lab = due("Progressing", 20)
    slow = handler(lab).to("patch", VIRTUAL_SERVICE)
    nonce = claim_nonce(lab)
    lab.step(old_alert(lab))
    assert claim_nonce(lab) == nonce
    slow.go(1)
    assert lab.weights == (60, 40)
    slow.go()
    assert (lab.phase, lab.weights, state_of(lab).claim) == ("Progressing", (80, 20), None)


@pytest.mark.parametrize(("phase", "weight"), [("Promoting", 60), ("Finalising", 0)])
def test_rule_12_a_push_during_promotion_starts_over(phase: str, weight: int) -> None:
    """Back to the primary, which already has the version before, and on with the new one."""
    lab = due(phase, weight)
    lab.push("app:v3")
    lab.step()
    state = state_of(lab)
    assert (lab.phase, lab.weights, state.revision) == ("Progressing", (100, 0), of_target(lab.target))
    assert state.promoted == lab.primary["metadata"]["annotations"]["serinus.dev/promoted"]


def test_rule_12_without_a_primary_the_new_run_keeps_the_weight() -> None:
    """Traffic is not moved to a primary without pods, whatever has been pushed."""
    lab = due("Promoting", 60)
    no_pods(lab, "app-primary")
    lab.push("app:v3")
    lab.step()
    assert (lab.phase, lab.weights, state_of(lab).weight) == ("Progressing", (40, 60), 60)


def test_rule_13_a_failed_promotion_is_watched() -> None:
    """When the primary comes up after all, traffic goes to it and the rollout ends well."""
    lab = failed_promotion()
    assert lab.weights == (0, 100)
    lab.kubelet.run()
    lab.clock.tick(10)
    lab.step()
    assert (lab.phase, lab.weights) == ("Finalising", (100, 0))
    finish(lab)
    assert (lab.phase, lab.target["spec"]["replicas"]) == ("Succeeded", 0)


def test_rule_13_a_new_revision_starts_at_the_weight_that_is_held() -> None:
    """The canary is all that serves: a push does not take its traffic away."""
    lab = failed_promotion()
    lab.push("app:v3")
    lab.clock.tick(10)
    lab.step()
    assert (lab.phase, lab.weights, state_of(lab).weight) == ("Progressing", (0, 100), 100)


def test_rule_13_drift_is_healed_to_the_weight_that_is_held() -> None:
    """Routes that somebody sends to the dead primary go back to the canary."""
    lab = failed_promotion()
    stray_routes(lab, 100, 0)
    assert lab.weights == (100, 0)
    lab.step()
    assert (lab.phase, lab.weights) == ("Failed", (0, 100))


def test_rule_14_at_rest_routes_are_healed() -> None:
    """Nobody but a step of a rollout sends traffic to the canary."""
    lab = due("Succeeded")
    stray_routes(lab, 50, 50)
    finish(lab)
    assert lab.weights == (100, 0)


def test_rule_14_at_rest_our_own_replicas_are_taken_back() -> None:
    """The target was given pods, the process died, and the push was taken back: the pods go."""
    lab = pushed(new_lab())
    slow = handler(lab).to("patch", TARGET)
    slow.go(1)
    lab.push("app:v1")
    assert lab.target["spec"]["replicas"] == 1
    lab.clock.tick(GONE)
    finish(lab)
    assert (lab.phase, lab.target["spec"]["replicas"], claim_nonce(lab)) == ("Initialized", 0, "")


def test_rule_14_at_rest_an_outsiders_replicas_are_for_who_serves() -> None:
    """Whoever scales the target at rest asks for pods that serve; a tool that does so again and again is left alone."""
    lab = due("Succeeded")
    lab.edit("apps/v1/deployments/app", {"spec": {"replicas": 2}})
    finish(lab)
    assert (lab.target["spec"]["replicas"], lab.primary["spec"]["replicas"]) == (0, 2)
    lab.edit("apps/v1/deployments/app", {"spec": {"replicas": 2}}, manager="argocd-controller")
    finish(lab)
    assert (lab.target["spec"]["replicas"], lab.primary["spec"]["replicas"]) == (2, 2)


def test_rule_14_at_rest_an_expired_claim_is_cleared() -> None:
    """A process died right after its claim, and what it was about went away: so does the claim."""
    lab = pushed(new_lab())
    dies_before(lab, "patch", TARGET)
    lab.push("app:v1")
    lab.clock.tick(GONE)
    finish(lab)
    assert claim_nonce(lab) == ""


def test_rule_15_a_target_without_replicas_gets_them_again() -> None:
    """Somebody scales the target to 0 in the middle of a run that carries no weight yet."""
    lab = due("Progressing")
    lab.edit("apps/v1/deployments/app", {"spec": {"replicas": 0}})
    lab.step()
    assert lab.target["spec"]["replicas"] == 1
    finish(lab)
    assert lab.phase == "Succeeded"


def test_rule_15_routes_are_put_back_within_each_step() -> None:
    """Also a step that only counts a failed check writes the weight of the state."""
    lab = due("Progressing", 40)
    stray_routes(lab, 90, 10)
    lab.prometheus.values[SUCCESS] = [10]
    lab.step()
    assert (lab.weights, state_of(lab).failed) == ((60, 40), 1)


def test_rule_15_a_canary_without_pods_gives_its_traffic_back() -> None:
    """Under a claim, and before its pods are asked for again; the same revision begins again at 0."""
    lab = due("Progressing", 40)
    lab.edit("apps/v1/deployments/app", {"spec": {"replicas": 0}})
    lab.kubelet.run()
    slow = handler(lab).to("patch", TARGET)
    assert (lab.weights, claim_nonce(lab) != "") == ((100, 0), True)
    slow.go()
    assert (lab.phase, state_of(lab).weight, lab.target["spec"]["replicas"]) == ("Progressing", 0, 1)
    finish(lab)
    assert lab.phase == "Succeeded"


def test_rule_13_retry_starts_a_failed_revision_anew() -> None:
    """A new value of the annotation is taken once: the run that it starts may fail again, and then rests."""
    lab = due("Progressing", 20)
    lab.step(an_alert(lab.clock.moment))
    lab.edit("flagger.app/v1beta1/canaries/app", {"metadata": {"annotations": {"serinus.dev/retry": "1"}}})
    lab.tick()
    assert (lab.phase, state_of(lab).revision) == ("Progressing", of_target(lab.target))
    lab.tick()
    lab.step(an_alert(lab.clock.moment, "fp/2"))
    finish(lab)
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))


def test_rule_16_the_time_of_a_step_is_that_of_its_commit() -> None:
    """A step that was routed and not committed has not been: it is asked anew, and writes the same weight."""
    lab = due("Progressing", 20)
    before = state_of(lab).stepped
    slow = handler(lab).to("patch", VIRTUAL_SERVICE)
    slow.go(1)
    assert (lab.weights, state_of(lab).stepped) == ((60, 40), before)
    lab.clock.tick(GONE)
    lab.prometheus.asked.clear()
    lab.step()
    assert (lab.weights, len(lab.prometheus.asked)) == ((60, 40), 2)
