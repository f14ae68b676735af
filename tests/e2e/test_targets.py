"""Other targets than a Deployment whose image changes."""

import pytest

from handlers.sandbox.kube import DAEMON_SETS, DEPLOYMENTS, PODS, SERVICES
from handlers.sandbox.process import wait_for
from tests.e2e.town import PATIENCE, App

STEPS = {"stepWeight": 50, "maxWeight": 50}
LABELS = {"app": "app"}


def test_a_daemon_set(app: App) -> None:
    """Flagger's test-daemonset: the canary's pods are there only while it is tried, and it is promoted."""
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": app.containers("1")}}
    spec = {"selector": {"matchLabels": LABELS}, "template": template}
    app.sandbox.apply({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": app.meta(), "spec": spec})
    app.canary(STEPS, targetRef={"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "app"})
    app.until("Initialized")
    app.serves_only("1")

    def pods() -> set[str]:
        found = app.kube.list(PODS, app.namespace)["items"]
        return {pod["metadata"]["ownerReferences"][0]["name"] for pod in found}

    wait_for(lambda: pods() == {"app-primary"}, "only the primary's pod is left", PATIENCE)
    patch = {"spec": {"template": {"spec": {"containers": app.containers("2")}}}}
    app.kube.patch(DAEMON_SETS, app.namespace, "app", patch)
    app.until("Progressing", 50)
    wait_for(lambda: app.versions(4).keys() == {"1", "2"}, "both versions answer", PATIENCE)
    assert pods() == {"app", "app-primary"}
    app.until("Succeeded")
    app.serves_only("2")
    wait_for(lambda: pods() == {"app-primary"}, "the canary's pod is gone", PATIENCE)
    primary = app.kube.get(DAEMON_SETS, app.namespace, "app-primary")
    assert primary["spec"]["template"]["spec"]["containers"][0]["image"] == "app:2"


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_a_changed_config_alone(app: App, kind: str) -> None:
    """Only the canary sees the new value until it is promoted; the image is the same all the time."""

    def config(message: str) -> None:
        data = {"data": {"MESSAGE": message}} if kind == "ConfigMap" else {"stringData": {"MESSAGE": message}}
        app.sandbox.apply({"apiVersion": "v1", "kind": kind, "metadata": app.meta("settings"), **data})

    def messages(number: int) -> set[str]:
        return {heard.message for heard in app.ask(number)}

    config("old")
    reference = {"configMapRef" if kind == "ConfigMap" else "secretRef": {"name": "settings"}}
    containers = [{**app.containers("1")[0], "envFrom": [reference]}]
    app.deploy("1")
    app.kube.patch(DEPLOYMENTS, app.namespace, "app", {"spec": {"template": {"spec": {"containers": containers}}}})
    app.sandbox.wait_rolled_out(app.namespace, "app")
    app.canary(STEPS)
    app.until("Initialized")
    app.serves_only("1")
    assert messages(10) == {"old"}
    config("new")
    app.until("Progressing", 50)
    wait_for(lambda: messages(4) == {"old", "new"}, "both answer", PATIENCE)
    app.until("Succeeded")
    wait_for(lambda: messages(5) == {"new"}, "the new value is everywhere", PATIENCE)
    assert messages(20) == {"new"}
    assert app.promoted == "app:1"


@pytest.fixture
def served(app: App) -> App:
    """A Service that selects version 1 of two that run, and its Canary, at rest."""
    for version in ("1", "2"):
        labels = {"version": version}
        template = {"metadata": {"labels": labels}, "spec": {"containers": app.containers(version)}}
        spec = {"selector": {"matchLabels": labels}, "template": template}
        name = f"backend-{version}"
        app.sandbox.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": app.meta(name), "spec": spec})
        app.sandbox.wait_rolled_out(app.namespace, name)
    spec = {"selector": {"version": "1"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    app.sandbox.apply({"apiVersion": "v1", "kind": "Service", "metadata": app.meta(), "spec": spec})
    app.canary(STEPS, targetRef={"apiVersion": "v1", "kind": "Service", "name": "app"})
    app.until("Initialized")
    app.serves_only("1")
    return app


def selects(app: App, version: str) -> None:
    """The user lets the Service select other pods."""
    app.kube.patch(SERVICES, app.namespace, "app", {"spec": {"selector": {"version": version}}})


def test_a_service(served: App) -> None:
    """When it selects other pods, clients are led there step by step, and none is lost; whatever those pods are."""
    with served.traffic() as clients:
        selects(served, "2")
        served.until("Progressing", 50)
        wait_for(lambda: served.versions(4).keys() == {"1", "2"}, "both versions answer", PATIENCE)
        served.until("Succeeded")
        served.serves_only("2")
    assert clients.summary().failed == []
    primary = served.kube.get(SERVICES, served.namespace, "app-primary")
    assert primary["spec"]["selector"] == {"version": "2"}


def test_a_service_is_rolled_back(served: App) -> None:
    """An alert leads all clients back to the pods that it selected before; the Service itself is the user's."""
    with served.traffic() as clients:
        selects(served, "2")
        served.until("Progressing", 50)
        served.alert()
        assert served.status["phase"] == "Failed"
        served.serves_only("1")
    assert clients.summary().failed == []
    assert served.apex()["spec"]["selector"] == {"version": "2"}
