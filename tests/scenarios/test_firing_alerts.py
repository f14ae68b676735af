"""An alert that was firing before a rollout rolls nothing back, and holds the rollout for as long as it fires."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from handlers.rollout.commands import PROMOTE
from handlers.rollout.freeze import FREEZE
from handlers.rollout.history import HISTORY
from handlers.step.ports import Response
from tests.lab import Lab, a_canary, a_daemonset, an_alert, at, its_end, new_lab
from tests.protocol.harness import finish, state_of
from tests.protocol.situations import GATE, START, SUCCESS, asked, blue_green, iterated, with_analysis
from tests.protocol.situations import tested as ab_tested
from tests.protocol.steps import image
from tests.scenarios.firing import HALT, PASSED, go_on, old, told

CANARY = "flagger.app/v1beta1/canaries/app"
PROMOTION = {"name": "last", "type": "confirm-promotion", "url": "http://hooks.test/last"}


def shares(lab: Lab) -> tuple[Any, ...]:
    """All that tells who answers, and what."""
    route = lab.get("networking.istio.io/v1beta1/virtualservices/app")["spec"]["http"]
    return json.dumps(route), image(lab), state_of(lab).iterations


def test_the_next_revision_is_held_while_the_alert_that_rolled_the_last_one_back_fires() -> None:
    """It is told once and written down as a hold, nothing is raised or promoted, and its end lets it go on."""
    lab = at(new_lab(a_canary(analysis={"metrics": []})), "Progressing", 20)
    firing = an_alert(lab.clock.moment)
    lab.step(firing)
    assert lab.phase == "Failed"
    lab.push("app:v3")
    go_on(lab, firing)
    assert (lab.phase, lab.weights, image(lab)) == ("Progressing", (100, 0), "app:v1")
    assert len(told(lab, HALT)) == 1
    steps = json.loads(lab.canary["metadata"]["annotations"][HISTORY])
    assert steps[-1]["decision"].startswith("hold: alert CanaryHighErrorRate has been firing since 2026-11-23T12:00:")
    assert steps[-1]["stage"] == "held before the first step"
    lab.step(its_end(firing, lab.clock.moment))
    assert lab.events[-1] == "Normal Alert CanaryHighErrorRate has ended, nothing holds app.shop any more"
    finish(lab)
    assert (lab.phase, image(lab)) == ("Succeeded", "app:v3")


def gated(hook: dict[str, Any]) -> Lab:
    """A lab whose gate says no."""
    lab = with_analysis(webhooks=[hook])
    lab.webhooks.answers[hook["url"]] = [Response(status=403)]
    return lab


HEARD: dict[str, Callable[[], Lab]] = {
    "before the first weight": lambda: at(new_lab(), "Progressing"),
    "at a weight": lambda: at(new_lab(), "Progressing", 40),
    "at the last weight": lambda: at(new_lab(), "Progressing", 60),
    "at a gate of more traffic": lambda: at(gated(GATE), "Progressing"),
    "waiting for the promotion": lambda: at(gated(PROMOTION), "WaitingPromotion", 60),
    "mirroring": lambda: at(with_analysis(mirror=True), "Progressing"),
    "before the first iteration": lambda: at(blue_green(), "Progressing"),
    "blue/green": lambda: iterated(blue_green(), 2),
    "A/B": lambda: iterated(ab_tested(), 1),
    "without analysis": lambda: at(new_lab(a_canary(skipAnalysis=True)), "Progressing"),
    "a DaemonSet": lambda: at(
        new_lab(a_canary(targetRef={"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "app"}), a_daemonset()),
        "Progressing",
        20,
    ),
}


@pytest.mark.parametrize("ready", HEARD.values(), ids=HEARD)
def test_an_alert_from_before_the_run_holds_it_wherever_it_is(ready: Callable[[], Lab]) -> None:
    """Nobody gets to the canary who did not before, nothing is promoted; once it has ended, all goes on."""
    lab = ready()
    firing, before = old(lab), shares(lab)
    lab.step(firing)
    lab.webhooks.answers.clear()
    go_on(lab, firing)
    assert (lab.phase in ("Progressing", "WaitingPromotion"), shares(lab)) == (True, before)
    assert (len(told(lab, HALT)), len(told(lab, PASSED))) == (1, 1)
    lab.step(its_end(firing, lab.clock.moment))
    finish(lab)
    assert (lab.phase, image(lab)) == ("Succeeded", "app:v2")


@pytest.mark.parametrize("phase", ["Initializing", "Initialized", "Waiting", "Failed", "Succeeded"])
def test_an_alert_that_is_heard_before_the_run_holds_it(phase: str) -> None:
    """It is remembered on the Canary: nobody has to tell it again for the run to be held."""
    lab = gated(START) if phase == "Waiting" else new_lab()
    if phase in ("Failed", "Succeeded"):
        at(lab, "Progressing", 20)
        lab.prometheus.values[SUCCESS] = [10 if phase == "Failed" else 100]
    elif phase == "Waiting":
        lab.until("Initialized")
        lab.push("app:v2")
    lab.until(phase)
    lab.prometheus.values.clear()
    lab.step(old(lab))
    lab.webhooks.answers.clear()
    lab.until("Progressing" if phase == "Waiting" else "Initialized" if phase == "Initializing" else phase)
    lab.push("app:v3")
    go_on(lab)
    assert (lab.phase, lab.weights, image(lab) == "app:v3") == ("Progressing", (100, 0), False)


def test_while_it_promotes_an_old_alert_changes_nothing() -> None:
    """The primary runs the revision already."""
    lab = at(new_lab(), "Promoting", 60)
    firing = old(lab)
    lab.step(firing)
    go_on(lab, firing)
    assert (lab.phase, image(lab)) == ("Succeeded", "app:v2")


def test_an_alert_that_fires_anew_in_the_run_rolls_it_back() -> None:
    """The same alert, with a start of its own, is about what runs now."""
    lab = at(new_lab(), "Progressing", 20)
    lab.step(old(lab))
    go_on(lab, times=2)
    lab.step(an_alert(lab.clock.moment, "fp/2"))
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))


def test_checks_that_fail_meanwhile_roll_back() -> None:
    """A hold keeps the weight, and keeps asking."""
    lab = at(new_lab(), "Progressing", 20)
    lab.step(old(lab))
    lab.prometheus.values[SUCCESS] = [10]
    go_on(lab, times=3)
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))


def test_a_check_that_fails_now_and_then_does_not_make_it_told_again() -> None:
    """It is the same hold."""
    lab = at(new_lab(), "Progressing", 20)
    lab.step(old(lab))
    for value in (100, 10, 100, 10, 100):
        lab.prometheus.values[SUCCESS] = [value]
        go_on(lab, times=1)
    assert (lab.weights, len(told(lab, HALT))) == ((80, 20), 1)


@pytest.mark.parametrize("scale", [1, 10])
def test_without_a_word_for_ten_minutes_it_holds_no_more(scale: float) -> None:
    """The end of it may have been lost. Minutes are as long as the time scale makes them."""
    lab = at(new_lab(), "Progressing", 20)
    lab.world = replace(lab.world, config=replace(lab.world.config, scale=scale))
    lab.step(old(lab))
    lab.tick(59, seconds=10 / scale)
    assert lab.weights == (80, 20)
    lab.tick(seconds=10 / scale)
    assert lab.weights == (60, 40)


def test_each_repeat_counts_from_its_own_time() -> None:
    """Ten minutes are from the last time that it was told."""
    lab = at(new_lab(), "Progressing", 20)
    firing = old(lab)
    for _ in range(3):
        lab.step(firing)
        lab.tick(59)
    assert lab.weights == (80, 20)


def test_the_end_of_an_earlier_firing_does_not_end_this_one() -> None:
    """It came late."""
    lab = at(new_lab(), "Progressing", 20)
    first, now = old(lab, 3600), old(lab, 60, "fp/2")
    lab.step(first)
    lab.step(now)
    lab.step(its_end(first, lab.clock.moment - timedelta(seconds=120)))
    assert [alert.key for alert in state_of(lab).firing] == ["fp/2"]
    go_on(lab, times=3)
    assert lab.weights == (80, 20)


def test_the_end_of_a_firing_ends_what_began_before() -> None:
    """Alertmanager may tell another start at the end, where two Prometheus servers have found the same."""
    lab = at(new_lab(), "Progressing", 20)
    lab.step(old(lab, 3600, "fp/1"))
    lab.step(its_end(old(lab, 3700, "fp/2"), lab.clock.moment))
    assert state_of(lab).firing == ()


@pytest.mark.parametrize("key", ["fp/1", "other/1"], ids=["told twice", "of another alert"])
def test_an_end_that_ends_nothing_writes_nothing(key: str) -> None:
    """However often it comes."""
    lab = at(new_lab(), "Progressing", 20)
    firing = old(lab)
    lab.step(firing)
    if key == firing.alert:
        lab.step(its_end(firing, lab.clock.moment))
    before = lab.api.store.revision
    lab.step(its_end(old(lab, key=key), lab.clock.moment))
    assert lab.api.store.revision == before


def test_two_alerts_hold_until_both_have_ended() -> None:
    """Each is told, one after the other."""
    lab = at(new_lab(), "Progressing", 20)
    first, second = old(lab, 3600, "one/1"), replace(old(lab, 1800, "two/1"), alert_name="CanaryLatency")
    for firing in (second, first):
        lab.step(firing)
    go_on(lab, times=2)
    lab.step(its_end(first, lab.clock.moment))
    go_on(lab, times=2)
    assert lab.weights == (80, 20)
    assert [event.partition(" alert ")[2].split()[0] for event in told(lab, "Normal Halt")] == [
        "CanaryHighErrorRate",
        "CanaryLatency",
    ]
    lab.step(its_end(second, lab.clock.moment))
    go_on(lab, times=1)
    assert lab.weights == (60, 40)


@pytest.mark.parametrize("heard", ["in the run", "before it"])
def test_promote_goes_past_it(heard: str) -> None:
    """Whoever knows that the release mends what the alert is about says so."""
    lab = new_lab()
    lab.until("Initialized")
    if heard == "before it":
        lab.step(old(lab))
    at(lab, "Progressing")
    lab.step(old(lab, key="fp/2"))
    go_on(lab, times=2)
    asked(lab, PROMOTE)
    go_on(lab, old(lab, key="fp/2"))
    assert (lab.phase, image(lab)) == ("Succeeded", "app:v2")


def test_promote_goes_past_no_freeze() -> None:
    """Not even of a canary that an alert holds as well."""
    lab = asked(at(new_lab(), "Progressing", 20), PROMOTE)
    lab.step(old(lab))
    lab.edit(CANARY, {"metadata": {"annotations": {FREEZE: "2026-11-01T00:00Z/2026-12-01T00:00Z"}}})
    go_on(lab, times=3)
    assert (lab.phase, lab.weights) == ("Progressing", (80, 20))
