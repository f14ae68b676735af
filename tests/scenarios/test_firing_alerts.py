"""An alert that was firing before a rollout rolls nothing back, and holds the rollout for as long as it fires."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from handlers import alert
from handlers.errors import BadCanary
from handlers.events import alertmanager
from handlers.rollout.commands import PROMOTE
from handlers.rollout.firing import KEPT
from handlers.rollout.freeze import FREEZE
from handlers.rollout.history import HISTORY
from handlers.rollout.snapshot import Cause
from handlers.rollout.state import Phase
from handlers.rollout.written import time_text
from handlers.step.ports import Response
from handlers.step.sweep import sweep
from tests.fakes import WRITES
from tests.lab import TICK, Lab, a_canary, a_daemonset, an_alert, at, its_end, new_lab
from tests.protocol.harness import finish, state_of
from tests.protocol.situations import GATE, START, SUCCESS, asked, blue_green, iterated, with_analysis
from tests.protocol.situations import tested as ab_tested
from tests.protocol.steps import image

CANARY = "flagger.app/v1beta1/canaries/app"
HALT = "Normal Halt app.shop advancement alert CanaryHighErrorRate has been firing since"
PASSED = "Warning Alert CanaryHighErrorRate does not roll back app.shop"
PROMOTION = {"name": "last", "type": "confirm-promotion", "url": "http://hooks.test/last"}


def old(lab: Lab, seconds: float = 3600, key: str = "fp/1") -> Cause:
    """An alert that has been firing for so long."""
    return an_alert(lab.clock.moment - timedelta(seconds=seconds), key)


def go_on(lab: Lab, firing: Cause | None = None, times: int = 12) -> None:
    """Ticks, and after each one the alert once more."""
    for _ in range(times):
        lab.kubelet.run()
        lab.clock.tick(10)
        sweep(lab.world, (), TICK)
        if firing:
            lab.step(firing)


def told(lab: Lab, text: str) -> list[str]:
    """The Events that begin so."""
    return [event for event in lab.events if event.startswith(text)]


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


def post(lab: Lab, **labels: str) -> None:
    """Alertmanager's webhook with one alert that has been firing for an hour."""
    fired = {
        "status": "firing",
        "labels": {"alertname": "CanaryHighErrorRate", "namespace": "shop", "canary": "app", **labels},
        "fingerprint": "fp",
        "startsAt": time_text(lab.clock.moment - timedelta(hours=1)),
    }
    alert.handle(lab.world, (), alertmanager.read({"version": "4", "alerts": [fired]}), "")


@pytest.mark.parametrize(
    ("labels", "holds"),
    [
        ({}, True),
        ({"destination_workload": "app"}, True),
        ({"destination_workload": "app-primary"}, False),
        ({"workload": "app-primary"}, False),
        ({"deployment": "app-primary"}, False),
        ({"daemonset": "app-primary"}, False),
        ({"pod": "app-primary-7d9c6d5b4-x2x7q"}, False),
        ({"pod": "app-primary-x2x7q"}, False),
        ({"pod": "app-7d9c6d5b4-x2x7q"}, True),
        ({"pod": "app-primary-other-7d9c6d5b4-x2x7q"}, True),
        ({"deployment": "app-primary-other"}, True),
        ({"serinus_about": "primary"}, False),
        ({"serinus_about": "canary", "workload": "app-primary"}, True),
    ],
    ids=lambda value: " ".join(value.values()) if isinstance(value, dict) else "",
)
def test_an_alert_about_the_primary_holds_nothing(labels: dict[str, str], holds: bool) -> None:
    """The release may be what mends it."""
    lab = at(new_lab(), "Progressing", 20)
    post(lab, **labels)
    go_on(lab, times=1)
    assert lab.weights == ((80, 20) if holds else (60, 40))
    assert ("nothing advances" in told(lab, PASSED)[0]) == holds


@pytest.mark.parametrize(("before", "rolls_back"), [(0, True), (4.9, True), (5, True), (5.1, False), (120, False)])
def test_clocks_may_differ_by_five_seconds(before: float, rolls_back: bool) -> None:
    """An alert that began right before the run by another clock is about it; an older one is told with both times."""
    lab = at(new_lab(), "Progressing", 20)
    started = state_of(lab).started
    assert started
    firing = an_alert(started - timedelta(seconds=before))
    for _ in range(2):
        lab.step(firing)
    assert (lab.phase == "Failed") == rolls_back
    said = told(lab, PASSED)
    assert len(said) == (not rolls_back)
    for moment in (firing.alert_started, started):
        assert rolls_back or (moment and moment.strftime("%Y-%m-%dT%H:%M:%SZ") in said[0])
    go_on(lab, times=3)
    assert lab.weights == ((100, 0) if rolls_back else (80, 20))


def test_an_alert_that_was_heard_before_the_run_is_not_about_it_however_late_it_began() -> None:
    """It began two seconds before the run, and rolled back the revision before."""
    lab = at(new_lab(), "Progressing", 20)
    firing = an_alert(lab.clock.moment)
    lab.step(firing)
    lab.push("app:v3")
    lab.clock.tick(2)
    sweep(lab.world, (), TICK)
    assert lab.phase == "Progressing"
    go_on(lab, firing, times=3)
    assert (lab.phase, lab.weights) == ("Progressing", (100, 0))


def test_an_alert_that_is_heard_by_a_canary_with_a_broken_spec_holds_it_once_mended() -> None:
    """A rollback works whatever the analysis says, and so does a hold."""
    lab = at(new_lab(), "Progressing", 20)
    metrics = lab.canary["spec"]["analysis"]["metrics"]
    lab.edit(CANARY, {"spec": {"analysis": {"metrics": [{"name": "nothing", "interval": "1m"}]}}})
    lab.step(old(lab))
    lab.edit(CANARY, {"spec": {"analysis": {"metrics": metrics}}})
    go_on(lab, times=3)
    assert lab.weights == (80, 20)


def test_a_state_that_cannot_be_read_is_not_written_over_by_an_alert() -> None:
    """It is refused, as any step is."""
    lab = at(new_lab(), "Progressing", 20)
    lab.edit(CANARY, {"metadata": {"annotations": {"serinus.dev/state": '{"schema":99}'}}})
    with pytest.raises(BadCanary):
        lab.step(old(lab))
    assert lab.canary["metadata"]["annotations"]["serinus.dev/state"] == '{"schema":99}'


def test_a_canary_that_nobody_has_looked_at_remembers_nothing() -> None:
    """There is no state to keep it in, nor anything to hold."""
    lab = new_lab()
    before = lab.api.store.revision
    lab.step(old(lab))
    assert lab.api.store.revision == before


@pytest.mark.parametrize("phase", ["Initialized", "Failed"])
def test_a_repeat_at_rest_costs_one_write_and_an_idle_tick_five_requests(phase: str) -> None:
    """However many canaries have heard of alerts."""
    lab = new_lab()
    lab.until("Initialized")
    firing = old(lab)
    if phase == "Failed":
        at(lab, "Progressing", 20)
        firing = an_alert(lab.clock.moment)
    lab.step(firing)
    finish(lab)
    assert lab.phase == phase
    lab.cluster.calls.clear()
    lab.step(firing)
    assert len([verb for verb, _ in lab.cluster.calls if verb in WRITES]) == 1
    lab.cluster.calls.clear()
    sweep(lab.world, (), TICK)
    assert len(lab.cluster.calls) == 5


def test_an_alert_marks_nothing_as_seen() -> None:
    """What a user has changed right before it is still brought up to date by the next tick."""
    lab = new_lab()
    lab.until("Initialized")
    finish(lab)
    lab.edit(CANARY, {"spec": {"service": {"port": 81}}})
    lab.step(old(lab))
    sweep(lab.world, (), TICK)
    assert lab.get("v1/services/app")["spec"]["ports"][0]["port"] == 81


def test_any_number_of_alerts_takes_a_bounded_room() -> None:
    """The last ones are kept, with names of a bounded length."""
    lab = at(new_lab(), "Progressing", 20)
    for number in range(KEPT + 10):
        lab.clock.tick(0.1)
        lab.step(replace(old(lab, key=f"{number:064d}/2026-11-23T12:00:00+00:00"), alert_name="n" * 256))
    kept = state_of(lab).firing
    assert [int(alert.fingerprint) for alert in kept] == list(range(10, KEPT + 10))
    assert len(json.dumps(json.loads(lab.canary["metadata"]["annotations"]["serinus.dev/state"])["firing"])) < 8 * 1024


def test_an_alert_over_a_step_under_way_holds_what_it_was_about_to_raise() -> None:
    """The step finds that somebody has written, and puts the weight back."""
    lab = at(new_lab(), "Progressing", 20)
    lab.clock.tick(10)
    firing, heard = old(lab), list[str]()

    def before(verb: str, path: str) -> None:
        if verb == "patch" and path.endswith("virtualservices/app") and not heard:
            heard.append(path)
            lab.step(firing)

    lab.cluster.before = before
    lab.step()
    assert (heard != [], lab.weights, state_of(lab).phase) == (True, (80, 20), Phase.PROGRESSING)
    assert state_of(lab).claim is None
