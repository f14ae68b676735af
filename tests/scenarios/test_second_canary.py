"""Two Canaries never fight over one target."""

import pytest

from handlers.errors import BadCanary
from handlers.step.step import step
from handlers.step.sweep import sweep
from tests.lab import TICK, a_canary, new_lab
from tests.protocol.harness import ROUTE, finish


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
