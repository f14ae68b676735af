"""A VirtualService that served before its Canary: its other hosts, gateways and rules go on, or nothing is written."""

from typing import Any

import pytest

from handlers.rollout.objects import VIRTUAL_SERVICE
from handlers.routers.istio_originals import ORIGINAL
from handlers.step.sweep import sweep
from tests.lab import TICK, Lab, a_canary, an_alert, at, new_lab
from tests.protocol.harness import ROUTE, finish
from tests.protocol.situations import deleted

LEGACY = {"match": [{"uri": {"prefix": "/legacy"}}], "route": [{"destination": {"host": "legacy"}}]}
API = {
    "match": [{"uri": {"prefix": "/api"}}],
    "timeout": "15s",
    "route": [{"destination": {"host": "app.shop.svc.cluster.local"}}],
}
REST = {"route": [{"destination": {"host": "app"}}]}
SPEC: dict[str, Any] = {
    "hosts": ["shop.example.com"],
    "gateways": ["istio-system/gw"],
    "http": [LEGACY, API, REST],
}


def adopted(canary: Any = None) -> Lab:
    """A Canary whose VirtualService serves the internet already."""
    lab = new_lab(canary)
    meta = {"name": "app", "namespace": "shop"}
    kind = {"apiVersion": VIRTUAL_SERVICE.api_version, "kind": VIRTUAL_SERVICE.name}
    lab.create(VIRTUAL_SERVICE, {**kind, "metadata": meta, "spec": SPEC})
    return lab


def look(lab: Lab) -> None:
    """A tick over all canaries."""
    lab.kubelet.run()
    lab.clock.tick(10)
    sweep(lab.world, (), TICK)


def shares(lab: Lab) -> list[list[tuple[str, int]]]:
    """Each rule: hosts and weights."""
    rules = lab.get(ROUTE)["spec"]["http"]
    return [[(side["destination"]["host"], side.get("weight", 100)) for side in rule["route"]] for rule in rules]


def split(weight: int) -> list[tuple[str, int]]:
    """The shares of both sides."""
    return [("app-primary", 100 - weight), ("app-canary", weight)]


def test_a_rollout_among_foreign_rules() -> None:
    """From the bootstrap to the promotion hosts, gateways and the foreign rule stay; both rules for the app are split.

    In the end all is given back.
    """
    lab = at(adopted(a_canary(revertOnDeletion=True)), "Progressing", 40)
    spec = lab.get(ROUTE)["spec"]
    assert (spec["hosts"], spec["gateways"], spec["http"][0]) == (SPEC["hosts"], SPEC["gateways"], LEGACY)
    assert shares(lab)[1:] == [split(40), split(40)]
    assert spec["http"][1]["timeout"] == "15s"
    lab.until("Succeeded")
    assert shares(lab) == [[("legacy", 100)], split(0), split(0)]
    assert ORIGINAL in lab.get(ROUTE)["metadata"]["annotations"]
    finish(deleted(lab))
    assert lab.get(ROUTE)["spec"] == SPEC


def test_at_rest_an_adopted_route_is_not_written() -> None:
    """What was rendered once is what is wanted."""
    lab = adopted()
    lab.until("Initialized")
    before = lab.get(ROUTE)
    for _ in range(3):
        look(lab)
    assert lab.get(ROUTE) == before


@pytest.mark.parametrize("phase", ["Initialized", "Progressing"])
def test_the_users_manifest_is_taken_up_again(phase: str) -> None:
    """GitOps applies it with another rule: the next step splits what leads to the app, and leaves the rest."""
    lab = adopted()
    lab.until("Initialized")
    if phase == "Progressing":
        at(lab, phase, 20)
    health = {"match": [{"uri": {"exact": "/health"}}], "directResponse": {"status": 200}}
    lab.edit(ROUTE, {"spec": {"http": [health, REST, LEGACY]}})
    look(lab)
    http = lab.get(ROUTE)["spec"]["http"]
    assert (http[0], http[2]) == (health, LEGACY)
    assert {side["destination"]["host"] for side in http[1]["route"]} == {"app-primary", "app-canary"}


def test_a_contradiction_is_told_before_anything_is_written() -> None:
    """No primary, no Service and no route: what serves goes on serving, and once they agree the bootstrap begins."""
    lab = adopted(a_canary(service={"timeout": "5s"}))
    for _ in range(3):
        look(lab)
    assert (lab.primary, lab.get("v1/services/app-primary"), lab.get(ROUTE)["spec"]) == (None, None, SPEC)
    assert lab.target["spec"]["replicas"] == 1
    there = 'VirtualService shop/app, which is there already, says http[1].timeout "15s"'
    text = f'Warning spec.service.timeout: "5s", but {there}; make them equal or leave one out'
    assert [event for event in lab.events if "http[1].timeout" in event] == [text]
    lab.edit(ROUTE, {"spec": {"http": [LEGACY, REST]}})
    for _ in range(3):
        look(lab)
    assert (lab.phase, shares(lab)) == ("Initialized", [[("legacy", 100)], split(0)])


def test_a_contradiction_holds_no_rollback() -> None:
    """An edit in the middle of a run is refused; an alert takes the traffic back all the same."""
    lab = at(adopted(), "Progressing", 40)
    lab.edit("flagger.app/v1beta1/canaries/app", {"spec": {"service": {"timeout": "5s"}}})
    look(lab)
    assert shares(lab)[1:] == [split(40), split(40)]
    lab.step(an_alert(lab.clock.moment))
    assert shares(lab) == [[("legacy", 100)], split(0), split(0)]
