"""Alerts that roll nothing back, as they are heard: which of them hold, by which clock, and what they cost."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from handlers import alert
from handlers.errors import BadCanary
from handlers.events import alertmanager
from handlers.rollout.firing import KEPT
from handlers.rollout.written import time_text
from handlers.step.sweep import sweep
from tests.fakes import WRITES
from tests.lab import TICK, Lab, an_alert, at, new_lab
from tests.protocol.harness import finish, state_of
from tests.scenarios.firing import PASSED, go_on, old, told

CANARY = "flagger.app/v1beta1/canaries/app"


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
