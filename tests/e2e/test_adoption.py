"""Canaries among VirtualServices and Services that were there before."""

import copy

from handlers.sandbox.kube import PODS
from handlers.sandbox.pods import workload
from handlers.sandbox.process import wait_for
from handlers.sandbox.traffic import Traffic
from tests.e2e.town import CANARIES, PATIENCE, App

STEPS = {"maxWeight": 50, "stepWeight": 50}


def test_delegation(app: App) -> None:
    """Flagger's test-delegation: a gateway's VirtualService delegates to ours, and its clients are split as well."""
    app.deploy("1")
    inner = {"name": "app", "namespace": app.namespace}
    host = f"www.{app.namespace}.example.com"
    app.virtual_service("root", {"hosts": [host], "gateways": ["public"], "http": [{"delegate": inner}]})
    app.canary(STEPS, service={"delegation": True})
    app.until("Initialized")
    assert not app.route()["spec"].get("hosts")
    assert "gateways" not in app.route()["spec"]
    app.serves_only("1", host=host)
    app.push("2")
    app.until("Progressing", 50)
    wait_for(lambda: app.versions(4, host=host).keys() == {"1", "2"}, "both versions answer", PATIENCE)
    app.until("Succeeded")
    assert app.promoted == "app:2"
    app.serves_only("2", host=host)


def test_existing_service_and_virtual_service(app: App) -> None:
    """Flagger's test-canary 6: both are adopted without a lost request, and outlive the Canary."""
    app.deploy("1")
    app.service()
    app.virtual_service("app", {"hosts": ["app"], "http": [{"route": [{"destination": {"host": "app"}}]}]})
    app.serves_only("1")
    uids = app.apex()["metadata"]["uid"], app.route()["metadata"]["uid"]
    with app.traffic() as traffic:
        app.canary(STEPS)
        app.until("Initialized")
        app.push("2")
        app.until("Succeeded")
        wait_for(lambda: "2" in traffic.summary().versions, "the new version answers", PATIENCE)
    assert traffic.summary().failed == []
    app.kube.delete(CANARIES, app.namespace, "app")
    assert (app.apex()["metadata"]["uid"], app.route()["metadata"]["uid"]) == uids


def test_a_virtual_service_that_serves_the_internet(app: App) -> None:
    """Its host at a gateway is served and split, its foreign route goes on, and no request is lost on the way."""
    legacy, host = copy.copy(app), f"shop.{app.namespace}.example.com"
    legacy.name = "legacy"
    for one, version in ((app, "1"), (legacy, "old")):
        one.deploy(version)
        one.service()
    theirs = {"match": [{"headers": {"x-legacy": {"exact": "yes"}}}], "route": [{"destination": {"host": "legacy"}}]}
    rules = [theirs, {"route": [{"destination": {"host": "app"}}]}]
    app.virtual_service("app", {"hosts": [host], "gateways": ["istio-system/gw"], "http": rules})
    app.serves_only("1", host=host)
    with Traffic(f"{app.sandbox.ingress_url}/", host) as traffic:
        app.canary(STEPS)
        app.until("Initialized")
        app.push("2")
        app.until("Progressing", 50)
        wait_for(lambda: app.versions(4, host=host).keys() == {"1", "2"}, "both versions answer", PATIENCE)
        legacy.serves_only("old", host=host, x_legacy="yes")
        app.until("Succeeded")
        app.serves_only("2", host=host)
    assert traffic.summary().failed == []
    assert app.route()["spec"]["http"][0] == theirs


def test_revert_on_deletion(app: App) -> None:
    """Flagger's test-canary 5: the target serves again before its primary goes, and nobody notices."""
    app.deploy("1")
    app.service()
    app.serves_only("1")
    with app.traffic() as traffic:
        app.canary(STEPS, revertOnDeletion=True)
        app.until("Initialized")
        assert app.object["metadata"]["finalizers"]
        app.kube.delete(CANARIES, app.namespace, "app")
        app.ticks_until(lambda: not app.kube.list(CANARIES, app.namespace)["items"], "the Canary is gone")
        app.sandbox.wait_rolled_out(app.namespace, "app")
        app.serves_only("1")

        def owners() -> set[str]:
            pods = app.kube.list(PODS, app.namespace)["items"]
            return {workload(pod) for pod in pods}

        wait_for(lambda: owners() == {"app"}, "the primary is gone", PATIENCE)
        app.serves_only("1")
    assert app.deployment("app")["spec"]["replicas"] == 1
    assert app.apex()["spec"]["selector"] == {"app": "app"}
    assert traffic.summary().failed == []
