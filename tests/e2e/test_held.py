"""Canaries that are held, shifted back by steps, or fail at the very end: what their clients notice."""

from collections.abc import Callable

from handlers.sandbox.kube import DEPLOYMENTS, PODS
from handlers.sandbox.process import wait_for
from tests.adapters.loopback import Answer, Serve
from tests.e2e.town import CANARIES, PATIENCE, App

STEPS = {"stepWeight": 25, "maxWeight": 50}


def test_confirm_traffic_increase(app: App, serve: Serve) -> None:
    """Each share needs a yes of its own: none before the first, no more than there is before the next."""
    allowed = [0]

    def answer(_: object) -> Answer:
        allowed[0] -= 1
        return Answer(status=200 if allowed[0] >= 0 else 403)

    gate = serve(answer)
    hook = {"name": "increase", "type": "confirm-traffic-increase", "url": gate.url}
    app.start("1", {**STEPS, "webhooks": [hook]})
    app.push("2")
    app.ticks_until(lambda: allowed[0] < 0, "the gate is asked")
    app.serves_only("1")
    assert (app.status["phase"], app.status["canaryWeight"]) == ("Progressing", 0)
    allowed[0] = 1
    app.until("Progressing", 25)
    app.ticks_until(lambda: allowed[0] < -1, "the gate is asked twice more")
    assert app.status["canaryWeight"] == 25
    wait_for(lambda: app.versions(8).keys() == {"1", "2"}, "both versions answer", PATIENCE)
    allowed[0] = 99
    app.until("Succeeded")
    app.serves_only("2")


def test_step_weight_promotion(app: App) -> None:
    """After the copy traffic goes back to the primary by steps; both sides answer on the way, and nothing is lost."""
    app.start("1", {"stepWeight": 100, "maxWeight": 100, "stepWeightPromotion": 50})
    with app.traffic() as traffic:
        app.push("2")
        app.until("Progressing", 100)
        app.serves_only("2")
        app.until("Promoting", 50)
        wait_for(lambda: sides(app, 8) == {"app", "app-primary"}, "both sides answer", PATIENCE)
        assert app.versions(20) == {"2": 20}
        app.until("Succeeded")
        wait_for(lambda: sides(app, 8) == {"app-primary"}, "only the primary answers", PATIENCE)
    assert traffic.summary().failed == []


def sides(app: App, number: int) -> set[str]:
    """Whose pods answer so many requests."""
    return {"app-primary" if heard.pod.startswith("app-primary-") else "app" for heard in app.ask(number)}


def test_suspend(app: App) -> None:
    """A suspended canary keeps its share, goes on when it is let go, and is rolled back all the same."""
    app.start("1", STEPS)
    app.push("2")
    app.until("Progressing", 25)
    suspended(app, suspend=True)
    _over_an_interval(app, lambda: app.status["canaryWeight"] == 25)
    wait_for(lambda: app.versions(8).keys() == {"1", "2"}, "both versions answer", PATIENCE)
    suspended(app, suspend=False)
    app.until("Succeeded")
    app.serves_only("2")
    app.push("3")
    app.until("Progressing", 25)
    suspended(app, suspend=True)
    app.alert()
    app.serves_only("2")
    assert app.status["phase"] == "Failed"


def suspended(app: App, *, suspend: bool) -> None:
    """Say so in the Canary."""
    app.kube.patch(CANARIES, app.namespace, app.name, {"spec": {"suspend": suspend}})


def _over_an_interval(app: App, holds: Callable[[], bool]) -> None:
    """Ticks over more than an interval change nothing."""
    until = app.clock() + 25
    app.ticks_until(lambda: not holds() or app.clock() > until, "time passes")
    assert holds()


def test_a_promotion_that_fails(app: App) -> None:
    """The primary does not get ready on what was promoted: the canary serves all, until somebody mends the primary.

    What keeps the primary's pods from getting ready is in a ConfigMap that is not tracked: only new pods read it.
    """

    def config(never: str) -> None:
        meta = app.meta("settings", annotations={"serinus.dev/config-tracking": "disabled"})
        app.sandbox.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"NEVER_READY": never}})

    config("false")
    app.deploy("1")
    containers = [{**app.containers("1")[0], "envFrom": [{"configMapRef": {"name": "settings"}}]}]
    app.kube.patch(DEPLOYMENTS, app.namespace, "app", {"spec": {"template": {"spec": {"containers": containers}}}})
    app.sandbox.wait_rolled_out(app.namespace, "app")
    app.canary(STEPS, progressDeadlineSeconds=60)
    app.until("Initialized")
    app.serves_only("1")
    with app.traffic() as traffic:
        containers[0]["image"] = "app:2"
        app.kube.patch(DEPLOYMENTS, app.namespace, "app", {"spec": {"template": {"spec": {"containers": containers}}}})
        app.until("Progressing", 25)
        config("true")
        app.until("Failed", 100)
        app.serves_only("2")
        assert sides(app, 20) == {"app"}
        config("false")
        for pod in app.kube.list(PODS, app.namespace)["items"]:
            if pod["metadata"]["name"].startswith("app-primary-"):
                app.kube.delete(PODS, app.namespace, pod["metadata"]["name"])
        app.until("Succeeded")
        wait_for(lambda: sides(app, 8) == {"app-primary"}, "only the primary answers", PATIENCE)
    assert app.promoted == "app:2"
    assert traffic.summary().failed == []
