"""A cluster that Flagger has run is taken over at any phase, and two Canaries never fight over one target."""

from typing import Any

import pytest

from handlers.errors import BadCanary
from handlers.step.step import step
from handlers.step.sweep import sweep
from tests.lab import TICK, Lab, a_canary, at, new_lab
from tests.protocol.harness import ROUTE, finish
from tests.protocol.steps import image

CANARY = "flagger.app/v1beta1/canaries/app"
PHASES = [
    ("Initializing", "Initialized", 0),
    ("Initialized", "Initialized", 0),
    ("Waiting", "Initialized", 0),
    ("Progressing", "Progressing", 40),
    ("WaitingPromotion", "Progressing", 60),
    ("Promoting", "Promoting", 60),
    ("Finalising", "Finalising", 0),
    ("Succeeded", "Succeeded", 0),
    ("Failed", "Failed", 0),
]


def left_by_flagger(phase: str, ours: str, weight: int) -> Lab:
    """A rollout of app:v2 at some phase, without anything that Serinus has written down of it."""
    lab = new_lab()
    if ours in ("Progressing", "Promoting", "Finalising"):
        at(lab, ours, weight)
    else:
        lab.until("Initialized")
    if ours == "Succeeded":
        lab.push("app:v2")
        lab.until("Succeeded")
    if phase in ("Waiting", "Failed"):
        lab.push("app:v2")
    annotations = {f"serinus.dev/{name}": None for name in ("state", "history")}
    lab.edit(CANARY, {"metadata": {"annotations": annotations}})
    lab.edit("apps/v1/deployments/app-primary", {"metadata": {"annotations": {"serinus.dev/promoted": None}}})
    path = "/apis/flagger.app/v1beta1/namespaces/shop/canaries/app/status"
    assert lab.api.call("PATCH", path, {"status": {"phase": phase}}).status == 200
    return lab


def serving(lab: Lab) -> dict[str, Any]:
    """Which sides have traffic, and which have pods."""
    primary, canary = lab.weights or (0, 0)
    pods = {name: (obj or {}).get("status", {}).get("readyReplicas", 0) for name, obj in _workloads(lab).items()}
    return {"primary": primary, "canary": canary, "pods": pods}


def _workloads(lab: Lab) -> dict[str, Any]:
    return {"primary": lab.primary, "canary": lab.target}


@pytest.mark.parametrize(("phase", "ours", "weight"), PHASES, ids=[phase for phase, _, _ in PHASES])
def test_a_rollout_is_taken_over_at_any_phase(phase: str, ours: str, weight: int) -> None:
    """Each side that has traffic has pods all the way; what was not finished is analysed anew, and told."""
    lab = left_by_flagger(phase, ours, weight)
    for _ in range(30):
        lab.tick()
        now = serving(lab)
        for side in ("primary", "canary"):
            assert not now[side] or now["pods"][side], (now, lab.events[-3:])
    wanted = "app:v1" if phase in ("Initializing", "Initialized") else "app:v2"
    assert (image(lab), lab.target["spec"]["replicas"], lab.weights) == (wanted, 0, (100, 0))
    assert lab.phase in ("Initialized", "Succeeded")
    said = [event for event in lab.events if "Taking over app-primary.shop" in event]
    assert len(said) == 1
    assert (f"the canary has {weight}% of the traffic" in said[0]) == bool(weight)


def test_a_second_canary_on_one_target_is_refused() -> None:
    """Both are named, nothing of the first is touched, and the first goes on; other canaries cost nothing more."""
    lab = new_lab()
    lab.until("Initialized")
    second = a_canary()
    second["metadata"]["name"] = "another"
    path = "/apis/flagger.app/v1beta1/namespaces/shop/canaries"
    assert lab.api.call("POST", path, second).status == 201
    before = lab.get(ROUTE), lab.primary
    with pytest.raises(BadCanary, match=r"belongs to Canary app already.*Canary another has to name another"):
        step(lab.world, type(lab.ref)(lab.ref.kind, "shop", "another"), TICK)
    for _ in range(3):
        lab.clock.tick(10)
        sweep(lab.world, (), TICK)
    assert (lab.get(ROUTE), lab.primary) == before
    assert sum("belongs to Canary app already" in event for event in lab.events) == 1
    lab.push("app:v2")
    lab.until("Succeeded")
    finish(lab)
    assert lab.phase == "Succeeded"
