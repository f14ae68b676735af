"""A Canary that has lost its annotations is taken over like one of Flagger's."""

from collections.abc import Callable

import pytest

from tests.flagger import STATUS as STATUS_PATH
from tests.lab import Lab, at, new_lab
from tests.protocol.harness import state_of
from tests.protocol.situations import daemons, served
from tests.scenarios.takeovers import CANARY, share, taken_over

LOST = {f"serinus.dev/{name}": None for name in ("state", "history")}


def forgotten(lab: Lab) -> Lab:
    """Somebody has replaced the Canary, and the annotations are gone."""
    lab.edit(CANARY, {"metadata": {"annotations": LOST}})
    return lab


@pytest.mark.parametrize(
    ("ready", "phase", "weight"),
    [
        pytest.param(lambda: at(new_lab(), "Progressing", 40), "Progressing", 40, id="in the middle"),
        pytest.param(lambda: at(daemons(), "Progressing", 40), "Progressing", 40, id="a DaemonSet"),
        pytest.param(lambda: at(new_lab(), "Promoting", 60), "Promoting", 60, id="promoting"),
        pytest.param(lambda: at(new_lab(), "Finalising"), "Finalising", 0, id="finalising"),
        pytest.param(lambda: served(at_weight=40), "Progressing", 40, id="a Service"),
    ],
)
def test_lost_annotations_are_made_up_for(ready: Callable[[], Lab], phase: str, weight: int) -> None:
    """Our own `.status` is as good as Flagger's, and says the revision exactly."""
    lab = forgotten(ready())
    lab.tick()
    assert (lab.phase, state_of(lab).weight, share(lab)) == (phase, weight, weight)
    lab.tick(20)
    assert (lab.phase, share(lab), len(taken_over(lab))) == ("Succeeded", 0, 1)
    primary = lab.primary  # a Service has none
    assert primary is None or primary["spec"]["template"]["spec"]["containers"][0]["image"] == "app:v2"


def test_a_service_that_was_promoted_is_not_copied_over() -> None:
    """Where not even a status is left, what NAME-primary points at stays until something else was analysed."""
    lab = forgotten(served(at_weight=40))
    assert lab.api.call("PATCH", STATUS_PATH, {"status": {"phase": ""}}).status == 200
    lab.edit("v1/services/app-primary", {"metadata": {"annotations": {"serinus.dev/promoted": None}}})
    lab.until("Initialized")
    assert lab.get("v1/services/app-primary")["spec"]["selector"] == {"version": "1"}
    lab.until("Succeeded")
    assert lab.get("v1/services/app-primary")["spec"]["selector"] == {"version": "2"}
