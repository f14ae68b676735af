"""The examples, run: their own manifests with only addresses, images and lengths of time changed."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from handlers.sandbox.crds import definitions
from handlers.sandbox.kube import ApiError, Resource
from handlers.sandbox.process import wait_for
from handlers.sandbox.traffic import Traffic
from tests.adapters.loopback import Answer, Asked, Serve
from tests.e2e.town import PATIENCE, App, Town
from tests.manifests.files import KNATIVE, ROOT
from tests.sandbox.agents.conftest import HAS_METRICS

SHOP = KNATIVE / "examples" / "shop"
HOOKS = (
    "http://loadtester.loadtester.svc.cluster.local",
    "http://serinus.serinus.svc.cluster.local",
    "https://hooks.slack.com",
)


INSIDER = {"x_canary": "insider"}
COOKIE = {"cookie": "theme=dark;canary=always;lang=en"}
OTHERS = {"x_canary": "outsider", "cookie": "canary=never"}


@pytest.fixture
def shop(town: Town) -> Iterator[App]:
    """The example's app in a namespace of its own, deployed, with its VirtualService."""
    if not HAS_METRICS:
        pytest.skip("not on the PATH: apt-get install prometheus prometheus-alertmanager")
    town.sandbox.prometheus.wait_for_value("up")
    found = App(town, "podinfo")
    found.ports = [{"name": "http", "containerPort": 9898}]
    town.sandbox.apply(*manifests(town, found, "app.yaml"))
    town.sandbox.wait_rolled_out(found.namespace, "podinfo")
    town.sandbox.apply(*manifests(town, found, "virtual-service.yaml"))
    yield found
    town.sandbox.kube.delete(Resource("v1", "namespaces"), "", found.namespace)


def test_the_weighted_example(town: Town, shop: App, serve: Serve) -> None:
    """The app, its VirtualService, its Canary with all metrics and webhooks: promoted once the gate is opened."""
    opened = list[bool]()

    def answer(asked: Asked) -> Answer:
        return Answer(status=403 if asked.path == "/gate/check" and not opened else 200)

    hooks = serve(answer)
    with shop.traffic() as traffic:
        wait_for(lambda: "1" in traffic.summary().versions, "the app answers", PATIENCE)
        before = traffic.summary().count
        town.sandbox.apply(*manifests(town, shop, "canary.yaml", hooks.url))
        shop.until("Initialized")
        shop.push("2")
        shop.ticks_until(lambda: shop.status["phase"] == "WaitingPromotion", "the gate is asked")
        assert shop.promoted == "app:1"
        opened.append(True)
        shop.until("Succeeded")
        shop.serves_only("2")
    assert [each for each in traffic.summary().answers[before:] if each in traffic.summary().failed] == []
    bodies = [yaml.safe_load(asked.body) for asked in hooks.asked]
    commands = {body["metadata"]["type"] for body in bodies if "type" in body.get("metadata", {})}
    assert commands == {"bash", "cmd"}
    assert {"/", "/gate/check", "/services/YOUR/SLACK/WEBHOOK"} == {asked.path for asked in hooks.asked}


def test_the_ab_example(town: Town, shop: App) -> None:
    """Only requests with the header or the cookie meet the new version, for ten checks of what those have measured."""
    town.sandbox.apply(*manifests(town, shop, "canary-ab.yaml"))
    shop.until("Initialized")
    with shop.traffic() as traffic:
        shop.push("2")
        shop.ticks_until(lambda: shop.status.get("iterations") == 1, "the test begins")
        shop.serves_only("2", **INSIDER)
        shop.serves_only("2", **COOKIE)
        shop.serves_only("1", **OTHERS)
        seen = set(traffic.summary().versions)
        shop.ticks_until(lambda: bool(shop.ask(5, **INSIDER)) and shop.promoted == "app:2", "it is promoted")
        shop.until("Succeeded")
        shop.serves_only("2", **OTHERS)
    assert seen == {"1"}
    assert any("iteration 10/10" in text for text in shop.events())
    assert traffic.summary().failed == []


def test_the_mirror_example(town: Town, shop: App) -> None:
    """Before its first weight the new version gets copies of requests that only the old one answers."""
    own = next(item for item in definitions() if item["spec"]["names"]["kind"] == "Canary")
    town.sandbox.apply(own)  # Flagger's takes no `mirror: true`
    wait_for(lambda: accepted(town, *manifests(town, shop, "canary-mirror.yaml")), "our definition is served", PATIENCE)
    shop.until("Initialized")
    with shop.traffic() as traffic:
        shop.push("2")
        shop.ticks_until(lambda: "mirror" in shop.route()["spec"]["http"][0], "requests are mirrored")
        wait_for(lambda: shop.copies() > 0, "a copy arrives", PATIENCE)
        before = shop.copies()
        assert shop.versions(30) == {"1": 30}
        wait_for(lambda: shop.copies() >= before + 30, "each request has a copy", PATIENCE)
        assert set(traffic.summary().versions) == {"1"}
        shop.until("Progressing", 25)
        wait_for(lambda: "2" in traffic.summary().versions, "both versions answer", PATIENCE)
        after = shop.copies()
        shop.until("Succeeded")
        shop.serves_only("2")
    assert shop.copies() == after
    assert shop.promoted == "app:2"
    assert traffic.summary().failed == []


def test_the_canary_of_the_readme(town: Town, shop: App) -> None:
    """It rolls out a version that is well, and rolls one back whose clients get errors, as README.md has it."""
    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    errors = Traffic(f"{town.sandbox.ingress_url}/status/500", f"podinfo-canary.{shop.namespace}", rate=100)
    with shop.traffic() as traffic:
        town.sandbox.apply(*fitted(town, shop, text))
        shop.until("Initialized")
        shop.push("2")
        shop.until("Progressing", 20)
        shop.measure(200)
        shop.until("Progressing", 40)
        shop.until("Progressing", 60)
        shop.until("Succeeded")
        with errors:
            shop.push("3")
            shop.until("Progressing", 20)
            shop.measure(500)
            shop.until("Failed")
        shop.serves_only("2")
    assert traffic.summary().failed == []


def accepted(town: Town, *things: dict[str, Any]) -> bool:
    """Whether the API server takes them."""
    try:
        town.sandbox.apply(*things)
    except ApiError:
        return False
    return True


def manifests(town: Town, app: App, file: str, hooks: str = "") -> list[dict[str, Any]]:
    """The objects of a file, in the app's namespace, with webhooks and Prometheus on loopback and shorter steps."""
    found = fitted(town, app, (SHOP / file).read_text(), hooks)
    for document in found:
        if document["kind"] == "Canary":
            document["spec"]["analysis"]["interval"] = "10s" if file == "canary-ab.yaml" else "20s"
    return found


def fitted(town: Town, app: App, text: str, hooks: str = "") -> list[dict[str, Any]]:
    """The objects of a text, in the app's namespace, with webhooks and Prometheus on loopback and larger steps."""
    for url in HOOKS:
        text = text.replace(url, hooks)
    text = text.replace("http://prometheus.istio-system:9090", town.sandbox.prometheus.url)
    text = text.replace("namespace: shop", f"namespace: {app.namespace}").replace(".shop.", f".{app.namespace}.")
    text = text.replace("ghcr.io/stefanprodan/podinfo:6.9.0", "app:1")
    text = re.sub(r"stepWeight: (5|10)$", "stepWeight: 25", text, flags=re.MULTILINE)
    return [document for document in yaml.safe_load_all(text) if document["kind"] != "Namespace"]
