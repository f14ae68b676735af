"""Edits, moves and neighbours under real traffic: nobody is lost, and nobody gets another application."""

from typing import Any

from handlers.sandbox.kube import DEPLOYMENTS, SERVICES
from handlers.sandbox.process import wait_for
from tests.e2e.town import CANARIES, PATIENCE, App

STEPS = {"maxWeight": 50, "stepWeight": 50}
PRIMARY = "app-primary"


def deployment(app: App, name: str, labels: dict[str, str], version: str, replicas: int = 1, **spec: Any) -> None:
    """A Deployment with these labels, rolled out."""
    template = {"metadata": {"labels": labels}, "spec": {"containers": app.containers(version)}}
    body = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template, **spec}
    app.sandbox.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": app.meta(name), "spec": body})
    app.sandbox.wait_rolled_out(app.namespace, name)


def edit(app: App, **spec: Any) -> None:
    """The spec of the Canary says this by now."""
    app.kube.patch(CANARIES, app.namespace, "app", {"spec": spec})


def gone(app: App, name: str) -> bool:
    """Whether a Deployment has been taken away."""
    return not [item for item in app.kube.list(DEPLOYMENTS, app.namespace)["items"] if item["metadata"]["name"] == name]


def test_another_target(app: App) -> None:
    """The Deployment has another name by now: its version takes over, and no request is lost on the way."""
    app.start("1", STEPS)
    deployment(app, "app2", {"app": "app2"}, "2", replicas=2)
    with app.traffic() as traffic:
        edit(app, targetRef={"name": "app2"}, service={"name": "app"})
        app.ticks_until(lambda: gone(app, PRIMARY), "the former primary is gone")
        app.serves_only("2")
    assert traffic.summary().failed == []
    assert app.status["phase"] == "Initialized"


def test_a_renamed_deployment_whose_pods_listen_elsewhere(app: App) -> None:
    """Its pods have the labels of before, so no Service could tell the new primary from the former one."""
    app.start("1", STEPS)
    with app.traffic() as traffic:
        app.kube.delete(DEPLOYMENTS, app.namespace, "app")
        app.ports = [{"containerPort": 9090}]
        deployment(app, "app2", {"app": "app"}, "2", replicas=2)
        edit(app, targetRef={"name": "app2"}, service={"name": "app", "targetPort": 9090})
        app.until("Initialized")
        app.ticks_until(lambda: gone(app, PRIMARY), "the former primary is gone")
        app.serves_only("2")
    assert traffic.summary().failed == []


def test_another_name_of_the_service(app: App) -> None:
    """Clients of the former name and of the new one are answered."""
    app.start("1", STEPS)
    with app.traffic() as traffic:
        edit(app, service={"name": "shop"})
        app.ticks_until(lambda: not _there(app, PRIMARY), "the former Services are gone")
        app.serves_only("1", host=f"shop.{app.namespace}")
    assert traffic.summary().failed == []


def _there(app: App, service: str) -> bool:
    return service in [item["metadata"]["name"] for item in app.kube.list(SERVICES, app.namespace)["items"]]


def test_a_target_made_anew_with_another_selector(app: App) -> None:
    """Deleted and made again with a new label convention: it is another version, and nobody is lost."""
    app.start("1", STEPS)
    with app.traffic() as traffic:
        app.kube.delete(DEPLOYMENTS, app.namespace, "app")
        deployment(app, "app", {"app.kubernetes.io/name": "app"}, "2")
        app.until("Succeeded")
        app.serves_only("2")
    assert traffic.summary().failed == []


def test_a_primary_that_is_recreated(app: App) -> None:
    """Its pods go all at once; the canary serves meanwhile."""
    deployment(app, "app", {"app": "app"}, "1", replicas=2, strategy={"type": "Recreate"})
    app.canary(STEPS)
    app.until("Initialized")
    app.serves_only("1")
    with app.traffic() as traffic:
        app.push("2")
        app.until("Succeeded")
        app.serves_only("2")
    assert traffic.summary().failed == []


def test_a_version_that_listens_on_another_port(app: App) -> None:
    """One sync brings it and the Canary with that targetPort: each Service leads to where its pods listen."""
    app.start("1", STEPS)
    with app.traffic() as traffic:
        app.ports = [{"containerPort": 9090}]
        edit(app, service={"targetPort": 9090})
        app.push("2")
        app.until("Progressing", 50)
        wait_for(lambda: app.versions(4).keys() == {"1", "2"}, "both versions answer", PATIENCE)
        app.until("Succeeded")
        app.serves_only("2")
    assert traffic.summary().failed == []


def test_two_workloads_of_one_product(app: App) -> None:
    """They share app.kubernetes.io/name; no request for the one gets to the other."""
    part = "app.kubernetes.io/component"
    deployment(app, "app", {"app.kubernetes.io/name": "shop", part: "web"}, "web-1")
    deployment(app, "worker", {"app.kubernetes.io/name": "shop", part: "worker"}, "worker-1")
    app.canary(STEPS)
    app.until("Initialized")
    app.push("web-2")
    app.until("Progressing", 50)
    wait_for(lambda: app.versions(8).keys() == {"web-1", "web-2"}, "both versions answer", PATIENCE)
    assert app.versions(200).keys() == {"web-1", "web-2"}
