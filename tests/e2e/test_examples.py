"""The examples, run: their own manifests with only addresses, images and lengths of time changed."""

from typing import Any

import pytest
import yaml

from handlers.sandbox.process import wait_for
from tests.adapters.loopback import Answer, Asked, Serve
from tests.e2e.town import PATIENCE, App, Town
from tests.manifests.files import KNATIVE
from tests.sandbox.agents.conftest import HAS_METRICS

SHOP = KNATIVE / "examples" / "shop"
HOOKS = (
    "http://loadtester.shop.svc.cluster.local",
    "http://serinus.serinus.svc.cluster.local",
    "https://hooks.slack.com",
)


@pytest.mark.skipif(not HAS_METRICS, reason="not on the PATH: apt-get install prometheus prometheus-alertmanager")
def test_the_weighted_example(town: Town, serve: Serve) -> None:
    """The app, its VirtualService, its Canary with all metrics and webhooks: promoted once the gate is opened."""
    app, opened = App(town, "podinfo"), list[bool]()

    def answer(asked: Asked) -> Answer:
        return Answer(status=403 if asked.path == "/gate/check" and not opened else 200)

    hooks = serve(answer)
    town.sandbox.apply(*manifests(town, app, "app.yaml", hooks.url))
    town.sandbox.wait_rolled_out(app.namespace, "podinfo")
    town.sandbox.apply(*manifests(town, app, "virtual-service.yaml", hooks.url))
    with app.traffic() as traffic:
        wait_for(lambda: "1" in traffic.summary().versions, "the app answers", PATIENCE)
        before = traffic.summary().count
        town.sandbox.apply(*manifests(town, app, "canary.yaml", hooks.url))
        app.until("Initialized")
        app.push("2")
        app.ticks_until(lambda: app.status["phase"] == "WaitingPromotion", "the gate is asked")
        assert app.promoted == "app:1"
        opened.append(True)
        app.until("Succeeded")
        app.serves_only("2")
    assert [each for each in traffic.summary().answers[before:] if each in traffic.summary().failed] == []
    bodies = [yaml.safe_load(asked.body) for asked in hooks.asked]
    commands = {body["metadata"]["type"] for body in bodies if "type" in body.get("metadata", {})}
    assert commands == {"bash", "cmd"}
    assert {"/", "/gate/check", "/services/YOUR/SLACK/WEBHOOK"} == {asked.path for asked in hooks.asked}


def manifests(town: Town, app: App, file: str, hooks: str) -> list[dict[str, Any]]:
    """The objects of a file, in the app's namespace, with webhooks and Prometheus on loopback and shorter steps."""
    text = (SHOP / file).read_text()
    for url in HOOKS:
        text = text.replace(url, hooks)
    text = text.replace("http://prometheus.istio-system:9090", town.sandbox.prometheus.url)
    text = text.replace("namespace: shop", f"namespace: {app.namespace}").replace(".shop.", f".{app.namespace}.")
    text = text.replace("ghcr.io/stefanprodan/podinfo:6.9.0", "app:1").replace("stepWeight: 5", "stepWeight: 25")
    found = [document for document in yaml.safe_load_all(text) if document["kind"] != "Namespace"]
    for document in found:
        if document["kind"] == "Canary":
            document["spec"]["analysis"]["interval"] = "20s"
    return found
