"""Labs that stand right before a step."""

from datetime import timedelta
from typing import Any

from handlers.rollout.commands import PROMOTE
from handlers.rollout.objects import HPA, SERVICE, Kind
from handlers.rollout.snapshot import Cause
from handlers.step.ports import Response
from tests.flagger import Row, left, point
from tests.lab import Lab, a_canary, a_config, a_daemonset, a_deployment, an_alert, at, new_lab
from tests.protocol.harness import finish
from tests.scalers import a_scaled_object, an_hpa, scaled_by

NEWS = {"name": "news", "type": "event", "url": "http://hooks.test/news"}
AFTER = {"name": "after", "type": "post-rollout", "url": "http://hooks.test/after"}
GATE = {"name": "gate", "type": "confirm-traffic-increase", "url": "http://hooks.test/gate"}
START = {"name": "start", "type": "confirm-rollout", "url": "http://hooks.test/start"}
LOAD = {"name": "load", "type": "rollout", "url": "http://hooks.test/load"}
ALL_HOOKS = [NEWS, AFTER, GATE, START, LOAD]
SUCCESS = "requests_total"


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


def old_alert(lab: Lab) -> Cause:
    """An alert that was firing before any rollout began."""
    return an_alert(lab.clock.moment - timedelta(hours=1), "old/1")


def under_an_alert(lab: Lab) -> Lab:
    """An alert from before the rollout has been heard, and holds it."""
    lab.step(old_alert(lab))
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
