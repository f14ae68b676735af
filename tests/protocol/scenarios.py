"""Rollouts that stand right before a step, each made once and then copied."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from handlers.rollout.commands import ABORT, PROMOTE
from handlers.rollout.objects import HPA, SCALED_OBJECT, SERVICE, Kind
from handlers.rollout.snapshot import Cause
from handlers.step.ports import Response
from tests.flagger import Row, left, point
from tests.lab import TICK, Lab, a_canary, a_config, a_daemonset, a_deployment, an_alert, at, new_lab
from tests.protocol.harness import finish, twin
from tests.scalers import a_scaled_object, an_hpa, scaled_by

NEWS = {"name": "news", "type": "event", "url": "http://hooks.test/news"}
AFTER = {"name": "after", "type": "post-rollout", "url": "http://hooks.test/after"}
GATE = {"name": "gate", "type": "confirm-traffic-increase", "url": "http://hooks.test/gate"}
START = {"name": "start", "type": "confirm-rollout", "url": "http://hooks.test/start"}
LOAD = {"name": "load", "type": "rollout", "url": "http://hooks.test/load"}
ALL_HOOKS = [NEWS, AFTER, GATE, START, LOAD]
SUCCESS = "requests_total"


@dataclass(frozen=True)
class Scenario:
    """A step to look at closely: the rollout before it, its cause, what a user does then, and the phase it ends in."""

    name: str
    ready: Callable[[], Lab]
    ends: str
    alert: bool = False
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
        return an_alert(lab.clock.moment) if self.alert else TICK

    def __hash__(self) -> int:
        return hash(self.name)


@cache
def _made(scenario: Scenario) -> Lab:
    lab = scenario.ready()
    lab.kubelet.run()
    lab.clock.tick(10)
    return lab


def with_analysis(**analysis: Any) -> Lab:
    """A lab whose Canary's analysis says this as well."""
    return new_lab(a_canary(analysis=analysis))


def scaled(kind: Kind) -> Lab:
    """A lab whose target something scales."""
    lab = new_lab(a_canary(**scaled_by(kind)))
    lab.create(kind, an_hpa() if kind is HPA else a_scaled_object())
    return lab


def daemons() -> Lab:
    """A lab whose target is a DaemonSet."""
    return new_lab(a_canary(targetRef={"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "app"}), a_daemonset())


def served(at_weight: int | None = None) -> Lab:
    """A lab whose target is a Service; with a weight, one in which the user has pushed and the canary carries that."""
    lab = new_lab(a_canary(targetRef={"apiVersion": "v1", "kind": "Service", "name": "app"}))
    body = {"selector": {"version": "1"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    lab.create(SERVICE, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "app"}, "spec": body})
    if at_weight is not None:
        lab.until("Initialized")
        finish(lab)
        lab.edit("v1/services/app", {"spec": {"selector": {"version": "2"}}})
        while (lab.weights or (100, 0))[1] < at_weight:
            lab.tick()
    return lab


def initializing(lab: Lab | None = None) -> Lab:
    """The primary has been made."""
    lab = lab or new_lab()
    lab.tick()
    return lab


def pushed(lab: Lab) -> Lab:
    """At rest, and the user has pushed app:v2."""
    lab.until("Initialized")
    finish(lab)
    lab.push("app:v2")
    return lab


def asked(lab: Lab, annotation: str) -> Lab:
    """The user gives a command by annotation."""
    lab.edit("flagger.app/v1beta1/canaries/app", {"metadata": {"annotations": {annotation: "now"}}})
    return lab


def approved() -> Lab:
    """A rollout whose gate stays closed, and which the user approves and promotes by annotation."""
    lab = pushed(with_analysis(webhooks=[START]))
    lab.webhooks.answers[START["url"]] = [Response(status=403)]
    lab.tick()
    assert lab.phase == "Waiting"
    return asked(lab, PROMOTE)


def deleted(lab: Lab) -> Lab:
    """The user deletes the Canary."""
    assert lab.api.call("DELETE", "/apis/flagger.app/v1beta1/namespaces/shop/canaries/app").status == 200
    return lab


def to_be_released() -> Lab:
    """A deletion whose target has its pods again."""
    lab = deleted(at(new_lab(a_canary(revertOnDeletion=True)), "Progressing", 40))
    lab.tick()
    assert lab.phase == "Terminating"
    return lab


def blue_green(**analysis: Any) -> Lab:
    """Two iterations instead of weights."""
    return with_analysis(stepWeight=None, maxWeight=None, iterations=2, **analysis)


def tested() -> Lab:
    """A/B testing by a header, two iterations."""
    return blue_green(match=[{"headers": {"x-canary": {"exact": "insider"}}}])


def sticky() -> Lab:
    """Weights, and cookies for both sides."""
    return with_analysis(sessionAffinity={"cookieName": "seen", "primaryCookieName": "spared"})


def iterated(lab: Lab, count: int) -> Lab:
    """The lab with this many iterations behind it."""
    at(lab, "Progressing")
    lab.tick(count)
    assert lab.canary["status"]["iterations"] == count
    return lab


def mirrored(lab: Lab) -> Lab:
    """The canary gets copies of requests."""
    at(lab, "Progressing")
    lab.tick()
    return lab


def in_the_middle(image: str) -> Lab:
    """The canary carries 40 %, and the user pushes something."""
    lab = at(new_lab(), "Progressing", 40)
    lab.push(image)
    return lab


def after_a_failed_check(lab: Lab, weight: int, times: int) -> Lab:
    """At a weight, with failed checks counted."""
    at(lab, "Progressing", weight)
    lab.prometheus.values[SUCCESS] = [10]
    lab.tick(times)
    lab.prometheus.values.clear()
    return lab


def left_by_flagger(name: str, row: Row, nth: int = 1) -> Lab:
    """A run that Flagger has begun, by one of its recordings, and that nobody has looked at since."""
    return left(name, point(name, row, nth), interval="10s")


def with_configs() -> Lab:
    """A lab whose target reads a ConfigMap and a Secret."""
    deployment = a_deployment()
    sources = [{"configMapRef": {"name": "app-config"}}, {"secretRef": {"name": "app-secret"}}]
    deployment["spec"]["template"]["spec"]["containers"][0]["envFrom"] = sources
    lab = new_lab(a_canary(), deployment)
    a_config(lab, "app-config", {"k": "a"})
    a_config(lab, "app-secret", {"k": "YQ=="}, "Secret")
    return lab


def with_changed_configs(weight: int) -> Lab:
    """Both have been changed, and the canary has come to a weight with them."""
    lab = with_configs()
    lab.until("Initialized")
    finish(lab)
    lab.edit("v1/configmaps/app-config", {"data": {"k": "b"}})
    lab.edit("v1/secrets/app-secret", {"data": {"k": "Yg=="}})
    while lab.weights != (100 - weight, weight):
        lab.tick()
    return lab


def pushed_over(lab: Lab) -> None:
    """Another image, and one of the configs has changed once more."""
    containers = lab.target["spec"]["template"]["spec"]["containers"]
    patch = {"spec": {"template": {"spec": {"containers": [{**containers[0], "image": "app:v3"}]}}}}
    lab.edit("apps/v1/deployments/app", patch)
    lab.edit("v1/configmaps/app-config", {"data": {"k": "c"}})


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
    Scenario("alert-with-configs", lambda: with_changed_configs(60), "Failed", alert=True),
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
    Scenario("rollback-by-alert", lambda: at(new_lab(), "Progressing", 40), "Failed", alert=True),
    Scenario(
        "rollback-by-alert-with-hooks",
        lambda: at(with_analysis(webhooks=ALL_HOOKS), "Progressing", 40),
        "Failed",
        alert=True,
    ),
    Scenario("alert-too-late", lambda: at(new_lab(), "Promoting", 60), "Succeeded", alert=True),
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
    Scenario("scaled-rollback", lambda: at(scaled(SCALED_OBJECT), "Progressing", 40), "Failed", alert=True),
    Scenario("service-bootstrap", lambda: initializing(served()), "Initialized"),
    Scenario("service-start", lambda: served(at_weight=0), "Succeeded"),
    Scenario("service-promotion", lambda: served(at_weight=60), "Succeeded"),
    Scenario("service-rollback", lambda: served(at_weight=40), "Failed", alert=True),
    Scenario("daemons-bootstrap", lambda: initializing(daemons()), "Initialized"),
    Scenario("daemons-start", lambda: pushed(daemons()), "Succeeded"),
    Scenario("daemons-promotion", lambda: at(daemons(), "Progressing", 60), "Succeeded"),
    Scenario("daemons-rollback", lambda: at(daemons(), "Progressing", 40), "Failed", alert=True),
    Scenario("ab-first-iteration", lambda: at(tested(), "Progressing"), "Succeeded"),
    Scenario("ab-next-iteration", lambda: iterated(tested(), 1), "Succeeded"),
    Scenario("ab-promotion", lambda: iterated(tested(), 2), "Succeeded"),
    Scenario("ab-shift", lambda: at(tested(), "Promoting"), "Succeeded"),
    Scenario("ab-rollback-by-alert", lambda: iterated(tested(), 1), "Failed", alert=True),
    Scenario("blue-green-switch", lambda: iterated(blue_green(mirror=True), 2), "Succeeded"),
    Scenario("blue-green-promotion", lambda: iterated(blue_green(mirror=True), 3), "Succeeded"),
    Scenario("blue-green-rollback-by-alert", lambda: iterated(blue_green(), 3), "Failed", alert=True),
    Scenario("mirror-first-step", lambda: at(with_analysis(mirror=True), "Progressing"), "Succeeded"),
    Scenario("mirror-next-step", lambda: mirrored(with_analysis(mirror=True)), "Succeeded"),
    Scenario("affinity-first-step", lambda: at(sticky(), "Progressing"), "Succeeded"),
    Scenario("affinity-shift", lambda: at(sticky(), "Promoting", 60), "Succeeded"),
    Scenario("affinity-rollback-by-alert", lambda: at(sticky(), "Progressing", 40), "Failed", alert=True),
    *(Scenario(f"taken-over-{name}", ready, ends) for name, ready, ends in TAKEN_OVER),
    Scenario("taken-over-by-an-alert", TAKEN_OVER[0][1], "Failed", alert=True),
    Scenario("taken-over-too-late-for-an-alert", TAKEN_OVER[2][1], "Succeeded", alert=True),
    Scenario("cancel-by-a-revert", lambda: in_the_middle("app:v1"), "Initialized"),
)
