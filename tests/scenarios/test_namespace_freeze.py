"""A freeze of a namespace holds all canaries in it, however each step came about, and never a rollback."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from handlers.errors import Forbidden, SerinusError, Unavailable
from handlers.rollout.commands import PROMOTE
from handlers.rollout.freeze import FREEZE
from handlers.step.sweep import sweep
from tests.lab import TICK, Lab, an_alert, at, new_lab
from tests.protocol.harness import finish, state_of
from tests.protocol.situations import SUCCESS, asked

NAMESPACE = "/api/v1/namespaces/shop"
ALWAYS = "* * * * * 1h"
OF_SHOP = "serinus.dev/freeze of Namespace shop"


def swept(lab: Lab) -> None:
    """A tick over all canaries."""
    sweep(lab.world, (), TICK)


def alone(lab: Lab) -> None:
    """An event about this canary."""
    lab.step()


def freeze(lab: Lab, windows: str | None) -> None:
    """Set the annotation of the Namespace, or take it away."""
    patch = {"metadata": {"annotations": {FREEZE: windows}}}
    assert lab.api.call("PATCH", NAMESPACE, patch, query={"fieldManager": "kubectl"}).status == 200


def go_on(lab: Lab, look: Callable[[Lab], None], times: int = 3) -> None:
    """Let pods come up and time pass."""
    for _ in range(times):
        lab.kubelet.run()
        lab.clock.tick(10)
        look(lab)


def unreadable(lab: Lab, error: SerinusError) -> None:
    """From now on the API server does not show the namespace."""

    def before(verb: str, path: str) -> None:
        if (verb, path) == ("get", NAMESPACE):
            raise error

    lab.cluster.before = before


@pytest.mark.parametrize("look", [swept, alone])
def test_nothing_starts_until_the_window_is_over(look: Callable[[Lab], None]) -> None:
    """It is told once, with the time and where the annotation is; then the push that waited is rolled out."""
    lab = new_lab()
    lab.until("Initialized")
    start, end = (lab.clock.moment + timedelta(minutes=minutes) for minutes in (-1, 2))
    freeze(lab, f"{start.isoformat()}/{end.isoformat()}")
    lab.push("app:v2")
    go_on(lab, look)
    assert (lab.phase, lab.target["spec"]["replicas"]) == ("Initialized", 0)
    told = f"Normal Halt app.shop advancement frozen until {end:%Y-%m-%dT%H:%M:%SZ} by {OF_SHOP}"
    assert [event for event in lab.events if "Halt" in event] == [told]
    lab.clock.tick(120)
    finish(lab)
    assert lab.phase == "Succeeded"


@pytest.mark.parametrize("look", [swept, alone])
@pytest.mark.parametrize("weight", [20, 60])
def test_nothing_advances_and_nothing_is_promoted(look: Callable[[Lab], None], weight: int) -> None:
    """Not by command either; a freeze that is lifted lets it go on."""
    lab = asked(at(new_lab(), "Progressing", weight), PROMOTE)
    freeze(lab, ALWAYS)
    go_on(lab, look)
    assert (lab.phase, lab.weights) == ("Progressing", (100 - weight, weight))
    freeze(lab, None)
    finish(lab)
    assert lab.phase == "Succeeded"


@pytest.mark.parametrize("look", [swept, alone])
def test_what_goes_back_is_not_held(look: Callable[[Lab], None]) -> None:
    """Failed checks count as ever, and an alert needs no look at the namespace."""
    lab = at(new_lab(), "Progressing", 20)
    freeze(lab, ALWAYS)
    other = lab.copy()
    lab.prometheus.values[SUCCESS] = [10]
    go_on(lab, look)
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))
    other.step(an_alert(other.clock.moment))
    assert (other.phase, other.weights) == ("Failed", (100, 0))


def test_a_window_that_cannot_be_read_freezes_and_names_its_place() -> None:
    """The safe side, and what was expected is told."""
    lab = at(new_lab(), "Progressing", 20)
    freeze(lab, "weekends")
    go_on(lab, swept)
    assert lab.weights == (80, 20)
    assert f"frozen by {OF_SHOP}: 'weekends', expected CRON DURATION" in lab.events[-1]


@pytest.mark.parametrize("look", [swept, alone])
def test_without_the_right_rollouts_go_on_and_each_says_so_once(look: Callable[[Lab], None]) -> None:
    """A cluster that does not grant it must not stop for ever, nor must a freeze be passed over in silence."""
    lab = new_lab()
    freeze(lab, ALWAYS)
    unreadable(lab, Forbidden("not allowed to get namespaces shop"))
    for number, image in enumerate(("app:v2", "app:v3"), 1):
        at_rest = "Succeeded" if number > 1 else "Initialized"
        lab.until(at_rest)
        lab.push(image)
        go_on(lab, look, 8)
        assert lab.phase == "Succeeded"
        said = [event for event in lab.events if "cannot be seen" in event]
        assert said == [f"Warning {OF_SHOP} cannot be seen: not allowed to get namespaces shop"] * number


@pytest.mark.parametrize("look", [swept, alone])
def test_a_namespace_out_of_reach_holds_until_it_is_read_again(look: Callable[[Lab], None]) -> None:
    """It may be frozen. Checks are asked all the same, and a rollback does not wait for it."""
    lab = at(new_lab(), "Progressing", 20)
    unreadable(lab, Unavailable("get namespaces shop: no answer"))
    go_on(lab, look)
    assert (lab.phase, lab.weights) == ("Progressing", (80, 20))
    assert state_of(lab).waiting == f"hold: frozen, for {OF_SHOP} cannot be seen: get namespaces shop: no answer"
    other = lab.copy()
    unreadable(other, Unavailable("get namespaces shop: no answer"))
    other.prometheus.values[SUCCESS] = [10]
    go_on(other, look)
    assert (other.phase, other.weights) == ("Failed", (100, 0))
    lab.cluster.before = lambda _verb, _path: None
    finish(lab)
    assert lab.phase == "Succeeded"


def test_a_freeze_that_begins_within_a_tick_holds_from_the_next_one() -> None:
    """What a tick has read of the namespace stands for all of its steps, also after a conflict."""
    lab = at(new_lab(), "Progressing", 20)
    touched: list[str] = []

    def before(verb: str, path: str) -> None:
        if verb == "patch" and path.endswith("/canaries/app") and not touched:
            touched.append(path)
            freeze(lab, ALWAYS)
            lab.edit("flagger.app/v1beta1/canaries/app", {"metadata": {"labels": {"touched": "1"}}})

    lab.cluster.before = before
    go_on(lab, swept, 1)
    assert lab.weights == (60, 40)
    go_on(lab, swept)
    assert lab.weights == (60, 40)
