"""What happens to canaries on their way: somebody else's edits, another push, a hook that says stop."""

from handlers.sandbox.kube import VIRTUAL_SERVICES
from handlers.sandbox.process import wait_for
from tests.adapters.loopback import Answer, Serve
from tests.e2e.town import PATIENCE, App

STEPS = {"stepWeight": 25, "maxWeight": 50}


def test_an_edited_route_is_healed(app: App) -> None:
    """Somebody sends everybody to the canary by hand; the next step puts the split back, and clients follow it."""
    app.start("1", STEPS)
    app.push("2")
    app.until("Progressing", 25)
    http = app.route()["spec"]["http"]
    for side in http[0]["route"]:
        side["weight"] = 100 if side["destination"]["host"] == "app-canary" else 0
    app.kube.patch(VIRTUAL_SERVICES, app.namespace, "app", {"spec": {"http": http}})
    app.serves_only("2")
    app.until("Progressing", 50)
    wait_for(lambda: app.versions(4).keys() == {"1", "2"}, "both versions answer", PATIENCE)
    app.alert()
    app.serves_only("1")


def test_a_push_on_the_way_starts_over(app: App) -> None:
    """The version that was on its way is never promoted, and the steady client loses nothing."""
    app.start("1", STEPS)
    with app.traffic() as traffic:
        app.push("2")
        app.until("Progressing", 50)
        wait_for(lambda: "2" in traffic.summary().versions, "the second version answers", PATIENCE)
        app.push("3")
        app.ticks_until(lambda: app.status["canaryWeight"] < 50, "the run begins anew")
        assert app.promoted == "app:1"
        app.until("Succeeded")
        app.serves_only("3")
    assert app.promoted == "app:3"
    assert traffic.summary().failed == []


def test_the_rollback_hook(app: App, serve: Serve) -> None:
    """It answers 200 in the middle of a healthy run: everybody is back at once, and a told reason is left behind."""
    stop: list[bool] = []
    server = serve(lambda _: Answer(status=200 if stop else 403))
    hook = {"name": "stop", "type": "rollback", "url": server.url}
    app.start("1", {**STEPS, "webhooks": [hook]})
    with app.traffic() as traffic:
        app.push("2")
        app.until("Progressing", 25)
        wait_for(lambda: "2" in traffic.summary().versions, "the new version answers", PATIENCE)
        stop.append(True)
        app.until("Failed")
        app.serves_only("1")
    assert app.promoted == "app:1"
    assert traffic.summary().failed == []
    assert any("ollback" in text and "stop" in text for text in app.events())
