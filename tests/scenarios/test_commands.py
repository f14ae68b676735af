"""What a user asks by annotation happens at the next tick, and nothing else."""

from contextlib import suppress
from datetime import timedelta

import pytest

from handlers.errors import BadCanary
from handlers.rollout.commands import ABORT, PAUSE, PROMOTE
from handlers.step.ports import Response
from handlers.step.sweep import sweep
from tests.lab import TICK, Lab, a_canary, at, new_lab
from tests.protocol.harness import finish, state_of
from tests.protocol.situations import START, SUCCESS, approved, asked
from tests.protocol.steps import image, no_pods

CANARY = "flagger.app/v1beta1/canaries/app"


def look(lab: Lab, seconds: float = 1) -> Lab:
    """A tick over all, long before the interval is over."""
    lab.kubelet.run()
    lab.clock.tick(seconds)
    sweep(lab.world, (), TICK)
    return lab


def annotate(lab: Lab, **values: str | None) -> None:
    """Set annotations under serinus.dev/."""
    lab.edit(CANARY, {"metadata": {"annotations": {f"serinus.dev/{name}": value for name, value in values.items()}}})


def test_an_abort_rolls_back_at_the_next_tick_and_says_why() -> None:
    """Whatever the interval is, and with the value as the reason."""
    lab = at(new_lab(), "Progressing", 40)
    annotate(lab, abort="latency looks bad")
    look(lab)
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))
    assert any("aborted by serinus.dev/abort: latency looks bad" in event for event in lab.events)
    finish(lab)
    assert (lab.phase, lab.target["spec"]["replicas"]) == ("Failed", 0)


def test_an_abort_works_whatever_the_analysis_says() -> None:
    """A rollback must not wait until a broken spec is mended."""
    lab = asked(at(new_lab(), "Progressing", 40), ABORT)
    lab.edit(CANARY, {"spec": {"analysis": {"metrics": [{"name": "nothing", "interval": "1m"}]}}})
    with suppress(BadCanary):
        look(lab)
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))


def test_an_abort_of_what_waits_for_approval_ends_it() -> None:
    """It never starts, and the next revision does."""
    lab = approved()
    annotate(lab, abort="no", promote=None)
    look(lab)
    assert lab.phase == "Failed"
    finish(lab)
    assert (lab.phase, lab.target["spec"]["replicas"]) == ("Failed", 0)


def test_an_abort_after_the_copy_is_told_once() -> None:
    """Rule 11: the primary runs the revision, and promotion goes on."""
    lab = asked(at(new_lab(), "Promoting", 60), ABORT)
    look(lab)
    assert lab.phase == "Promoting"
    finish(lab)
    assert (lab.phase, image(lab)) == ("Succeeded", "app:v2")
    assert sum("is too late" in event for event in lab.events) == 1


@pytest.mark.parametrize("annotation", [ABORT, PROMOTE])
def test_a_command_from_before_the_run_is_not_about_it(annotation: str) -> None:
    """What stands in Git for ever must not stop, or wave through, each release."""
    lab = asked(new_lab(), annotation)
    at(lab, "Progressing", 40)
    look(lab)
    assert (lab.phase, lab.weights) == ("Progressing", (60, 40))


def test_promote_copies_at_once_and_waits_for_the_primary() -> None:
    """No metric is asked, no interval awaited; the traffic waits for a primary that is ready."""
    lab = asked(at(new_lab(), "Progressing", 20), PROMOTE)
    lab.prometheus.values[SUCCESS] = [10]
    look(lab)
    assert (lab.phase, lab.weights, image(lab)) == ("Promoting", (80, 20), "app:v2")
    no_pods(lab, "app-primary")
    lab.clock.tick(10)
    lab.step()
    assert lab.phase == "Promoting"
    finish(lab)
    assert (lab.phase, image(lab)) == ("Succeeded", "app:v2")


def test_promote_waits_for_the_canary() -> None:
    """A revision whose pods never came up is promoted by nobody."""
    lab = asked(at(new_lab(), "Progressing"), PROMOTE)
    no_pods(lab, "app")
    lab.clock.tick(1)
    sweep(lab.world, (), TICK)
    assert (lab.phase, image(lab)) == ("Progressing", "app:v1")


def test_promote_is_about_the_revision_it_was_said_of() -> None:
    """Another push in between is analysed like any other."""
    lab = asked(at(new_lab(), "Progressing", 20), PROMOTE)
    lab.push("app:v3")
    look(lab)
    look(lab)
    assert (lab.phase, image(lab)) == ("Progressing", "app:v1")
    assert state_of(lab).seen == {PROMOTE: "now"}


def test_promote_is_an_approval() -> None:
    """A rollout that waits for its gate starts, and goes straight to its promotion."""
    lab = look(approved())
    assert lab.phase == "Progressing"
    assert look(lab).phase == "Promoting"
    assert len([request for request in lab.webhooks.asked if request.url == START["url"]]) == 1


def test_a_pause_holds_the_weight_and_lets_go() -> None:
    """Checks go on, the weight stays; it is told once."""
    lab = asked(at(new_lab(), "Progressing", 40), PAUSE)
    annotate(lab, pause="true")
    lab.tick(5)
    assert (lab.phase, lab.weights) == ("Progressing", (60, 40))
    assert sum("paused by serinus.dev/pause" in event for event in lab.events) == 1
    annotate(lab, pause="false")
    finish(lab)
    assert lab.phase == "Succeeded"


def test_a_paused_canary_still_rolls_back() -> None:
    """Failed checks count as ever."""
    lab = at(new_lab(), "Progressing", 40)
    annotate(lab, pause="true")
    lab.prometheus.values[SUCCESS] = [10]
    finish(lab)
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))


def test_a_paused_canary_starts_nothing() -> None:
    """A push waits until the pause is over; a push back leaves nothing behind."""
    lab = new_lab(a_canary())
    lab.until("Initialized")
    annotate(lab, pause="true")
    lab.push("app:v2")
    look(lab, 10)
    look(lab, 10)
    assert (lab.phase, lab.target["spec"]["replicas"]) == ("Initialized", 0)
    assert sum("paused by" in event for event in lab.events) == 1
    lab.push("app:v1")
    look(lab, 10)
    assert state_of(lab).waiting == ""
    lab.push("app:v2")
    annotate(lab, pause=None)
    finish(lab)
    assert lab.phase == "Succeeded"


def test_nonsense_in_a_pause_holds_and_says_so() -> None:
    """No state is lost, and what was expected is told."""
    lab = at(new_lab(), "Progressing", 40)
    annotate(lab, pause="perhaps")
    lab.tick(2)
    assert lab.weights == (60, 40)
    assert '\'perhaps\', expected "true" or "false"' in lab.events[-1]


def test_a_frozen_canary_waits_for_the_end_of_the_window() -> None:
    """It is told once, with the time; a push waits, and starts when the window is over."""
    lab = new_lab()
    lab.until("Initialized")
    start, end = (lab.clock.moment + timedelta(minutes=minutes) for minutes in (-1, 2))
    annotate(lab, freeze=f"{start.isoformat()}/{end.isoformat()}")
    lab.push("app:v2")
    look(lab, 10)
    look(lab, 10)
    assert lab.phase == "Initialized"
    assert [event for event in lab.events if f"frozen until {end:%Y-%m-%dT%H:%M:%SZ}" in event] == lab.events[-1:]
    lab.clock.tick(120)
    finish(lab)
    assert lab.phase == "Succeeded"


def test_a_rollback_webhook_is_heard_before_a_promotion_by_command() -> None:
    """Who wants to go back is stronger than who wants no more analysis."""
    back = {"name": "back", "type": "rollback", "url": "http://hooks.test/back"}
    lab = new_lab(a_canary(analysis={"webhooks": [back]}))
    lab.webhooks.answers[back["url"]] = [Response(status=403)]
    at(lab, "Progressing", 40)
    lab.webhooks.answers[back["url"]] = [Response(status=200)]
    annotate(lab, promote="now")
    look(lab, 10)
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))
