"""Rollouts that stand right before a step, each made once and then copied."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from handlers.rollout.commands import ABORT, PROMOTE
from handlers.rollout.objects import HPA, SCALED_OBJECT
from handlers.rollout.snapshot import Cause
from tests.lab import TICK, Lab, a_canary, an_alert, at, its_end, new_lab
from tests.protocol.harness import twin
from tests.protocol.situations import (
    ALL_HOOKS,
    SUCCESS,
    after_a_failed_check,
    approved,
    asked,
    blue_green,
    daemons,
    deleted,
    in_the_middle,
    initializing,
    iterated,
    left_by_flagger,
    mirrored,
    old_alert,
    pushed,
    pushed_over,
    scaled,
    served,
    sticky,
    tested,
    to_be_released,
    under_an_alert,
    with_analysis,
    with_changed_configs,
    with_configs,
)


@dataclass(frozen=True)
class Scenario:
    """A step to look at closely: the rollout before it, its cause, what a user does then, and the phase it ends in."""

    name: str
    ready: Callable[[], Lab]
    ends: str
    alert: Callable[[Lab], Cause] | None = None
    bad: bool = False
    then: Callable[[Lab], object] = lambda _lab: None

    def lab(self) -> Lab:
        """A lab in which this step is due now."""
        lab = twin(_made(self))
        if self.bad:
            lab.prometheus.values[SUCCESS] = [10]
        return lab

    def cause(self, lab: Lab) -> Cause:
        """What makes the process look."""
        return self.alert(lab) if self.alert else TICK

    def __hash__(self) -> int:
        return hash(self.name)


@cache
def _made(scenario: Scenario) -> Lab:
    lab = scenario.ready()
    lab.kubelet.run()
    lab.clock.tick(10)
    return lab


def alert_now(lab: Lab) -> Cause:
    """An alert that begins to fire now."""
    return an_alert(lab.clock.moment)


def end_of_the_old_one(lab: Lab) -> Cause:
    """The alert from before the rollout has ended."""
    return its_end(old_alert(lab), lab.clock.moment)


TAKEN_OVER: tuple[tuple[str, Callable[[], Lab], str], ...] = (
    ("advance", lambda: left_by_flagger("weighted-promotes", ["status", "Progressing", 40]), "Succeeded"),
    ("gate", lambda: left_by_flagger("gate-promotion", ["status", "WaitingPromotion"]), "Succeeded"),
    ("promoting", lambda: left_by_flagger("weighted-promotes", ["status", "Promoting"]), "Succeeded"),
    ("ab", lambda: left_by_flagger("ab-header", ["status", "Progressing", 0, 0, 1]), "Succeeded"),
    ("affinity", lambda: left_by_flagger("session-affinity", ["status", "Progressing", 40]), "Succeeded"),
    ("configs", lambda: left_by_flagger("configmap-tracked", ["status", "Progressing", 60]), "Succeeded"),
    ("bootstrap", lambda: left_by_flagger("weighted-promotes", ["app-primary", "app:v1"]), "Initialized"),
    ("failed", lambda: left_by_flagger("weighted-metrics-fail", ["status", "Failed"]), "Failed"),
    ("push", lambda: left_by_flagger("push-mid-run", ["target", "app:v3", 1]), "Succeeded"),
)

SCENARIOS = (
    Scenario("bootstrap-clone", new_lab, "Initialized"),
    Scenario("bootstrap-routes", initializing, "Initialized"),
    Scenario("start", lambda: pushed(new_lab()), "Succeeded"),
    Scenario("start-with-hooks", lambda: pushed(with_analysis(webhooks=ALL_HOOKS)), "Succeeded"),
    Scenario("first-step", lambda: at(new_lab(), "Progressing"), "Succeeded"),
    Scenario("next-step", lambda: at(new_lab(), "Progressing", 20), "Succeeded"),
    Scenario("next-step-with-hooks", lambda: at(with_analysis(webhooks=ALL_HOOKS), "Progressing", 20), "Succeeded"),
    Scenario("promotion", lambda: at(new_lab(), "Progressing", 60), "Succeeded"),
    Scenario("promotion-after-a-failed-check", lambda: after_a_failed_check(new_lab(), 60, 1), "Succeeded"),
    Scenario("shift", lambda: at(new_lab(), "Promoting", 60), "Succeeded"),
    Scenario("shift-by-steps", lambda: at(with_analysis(stepWeightPromotion=20), "Promoting", 60), "Succeeded"),
    Scenario("bootstrap-with-configs", with_configs, "Initialized"),
    Scenario("start-with-configs", lambda: with_changed_configs(0), "Succeeded"),
    Scenario("promotion-with-configs", lambda: with_changed_configs(60), "Succeeded"),
    Scenario("promotion-with-configs-and-a-push", lambda: with_changed_configs(60), "Succeeded", then=pushed_over),
    Scenario("alert-with-configs", lambda: with_changed_configs(60), "Failed", alert=alert_now),
    Scenario("finalising", lambda: at(new_lab(), "Finalising"), "Succeeded"),
    Scenario("finalising-with-hooks", lambda: at(with_analysis(webhooks=ALL_HOOKS), "Finalising"), "Succeeded"),
    Scenario("failed-check", lambda: at(new_lab(), "Progressing", 40), "Failed", bad=True),
    Scenario("rollback-by-metrics", lambda: after_a_failed_check(new_lab(), 40, 2), "Failed", bad=True),
    Scenario(
        "rollback-by-metrics-with-hooks",
        lambda: after_a_failed_check(with_analysis(webhooks=ALL_HOOKS), 40, 2),
        "Failed",
        bad=True,
    ),
    Scenario("rollback-by-alert", lambda: at(new_lab(), "Progressing", 40), "Failed", alert=alert_now),
    Scenario(
        "rollback-by-alert-with-hooks",
        lambda: at(with_analysis(webhooks=ALL_HOOKS), "Progressing", 40),
        "Failed",
        alert=alert_now,
    ),
    Scenario("alert-too-late", lambda: at(new_lab(), "Promoting", 60), "Succeeded", alert=alert_now),
    Scenario("alert-from-before", lambda: at(new_lab(), "Progressing", 40), "Succeeded", alert=old_alert),
    Scenario("alert-from-before-at-rest", lambda: pushed(new_lab()), "Succeeded", alert=old_alert),
    Scenario("held-before-the-first-step", lambda: under_an_alert(at(new_lab(), "Progressing")), "Succeeded"),
    Scenario("held-at-a-weight", lambda: under_an_alert(at(new_lab(), "Progressing", 40)), "Succeeded"),
    Scenario("held-and-bad", lambda: under_an_alert(after_a_failed_check(new_lab(), 40, 2)), "Failed", bad=True),
    Scenario(
        "end-of-an-alert",
        lambda: under_an_alert(at(new_lab(), "Progressing", 40)),
        "Succeeded",
        alert=end_of_the_old_one,
    ),
    Scenario("abort", lambda: asked(at(new_lab(), "Progressing", 40), ABORT), "Failed"),
    Scenario(
        "abort-with-hooks",
        lambda: asked(at(with_analysis(webhooks=ALL_HOOKS), "Progressing", 40), ABORT),
        "Failed",
    ),
    Scenario("abort-too-late", lambda: asked(at(new_lab(), "Promoting", 60), ABORT), "Succeeded"),
    Scenario("promote-now", lambda: asked(at(new_lab(), "Progressing", 20), PROMOTE), "Succeeded"),
    Scenario("approved-by-command", approved, "Succeeded"),
    Scenario("deletion", lambda: deleted(at(new_lab(a_canary(revertOnDeletion=True)), "Progressing", 40)), ""),
    Scenario("release", to_be_released, ""),
    Scenario("restart-by-a-push", lambda: in_the_middle("app:v3"), "Succeeded"),
    Scenario("scaled-bootstrap", lambda: initializing(scaled(HPA)), "Initialized"),
    Scenario("scaled-start", lambda: pushed(scaled(SCALED_OBJECT)), "Succeeded"),
    Scenario("scaled-shift", lambda: at(scaled(HPA), "Promoting", 60), "Succeeded"),
    Scenario("scaled-finalising", lambda: at(scaled(SCALED_OBJECT), "Finalising"), "Succeeded"),
    Scenario("scaled-rollback", lambda: at(scaled(SCALED_OBJECT), "Progressing", 40), "Failed", alert=alert_now),
    Scenario("service-bootstrap", lambda: initializing(served()), "Initialized"),
    Scenario("service-start", lambda: served(at_weight=0), "Succeeded"),
    Scenario("service-promotion", lambda: served(at_weight=60), "Succeeded"),
    Scenario("service-rollback", lambda: served(at_weight=40), "Failed", alert=alert_now),
    Scenario("daemons-bootstrap", lambda: initializing(daemons()), "Initialized"),
    Scenario("daemons-start", lambda: pushed(daemons()), "Succeeded"),
    Scenario("daemons-promotion", lambda: at(daemons(), "Progressing", 60), "Succeeded"),
    Scenario("daemons-rollback", lambda: at(daemons(), "Progressing", 40), "Failed", alert=alert_now),
    Scenario("ab-first-iteration", lambda: at(tested(), "Progressing"), "Succeeded"),
    Scenario("ab-next-iteration", lambda: iterated(tested(), 1), "Succeeded"),
    Scenario("ab-promotion", lambda: iterated(tested(), 2), "Succeeded"),
    Scenario("ab-shift", lambda: at(tested(), "Promoting"), "Succeeded"),
    Scenario("ab-rollback-by-alert", lambda: iterated(tested(), 1), "Failed", alert=alert_now),
    Scenario("blue-green-switch", lambda: iterated(blue_green(mirror=True), 2), "Succeeded"),
    Scenario("blue-green-promotion", lambda: iterated(blue_green(mirror=True), 3), "Succeeded"),
    Scenario("blue-green-rollback-by-alert", lambda: iterated(blue_green(), 3), "Failed", alert=alert_now),
    Scenario("mirror-first-step", lambda: at(with_analysis(mirror=True), "Progressing"), "Succeeded"),
    Scenario("mirror-next-step", lambda: mirrored(with_analysis(mirror=True)), "Succeeded"),
    Scenario("affinity-first-step", lambda: at(sticky(), "Progressing"), "Succeeded"),
    Scenario("affinity-shift", lambda: at(sticky(), "Promoting", 60), "Succeeded"),
    Scenario("affinity-rollback-by-alert", lambda: at(sticky(), "Progressing", 40), "Failed", alert=alert_now),
    *(Scenario(f"taken-over-{name}", ready, ends) for name, ready, ends in TAKEN_OVER),
    Scenario("taken-over-by-an-alert", TAKEN_OVER[0][1], "Failed", alert=alert_now),
    Scenario("taken-over-too-late-for-an-alert", TAKEN_OVER[2][1], "Succeeded", alert=alert_now),
    Scenario("cancel-by-a-revert", lambda: in_the_middle("app:v1"), "Initialized"),
)
