"""Alerts that are known to fire: which holds, for how long, and which are kept."""

import json
from dataclasses import replace

import pytest

from handlers.rollout import firing
from handlers.rollout.firing import KEPT, Firing
from handlers.rollout.rules.alerts import ended
from handlers.rollout.state import Phase
from tests.rollout.decisions import decided
from tests.rollout.examples import NEW, NOW, a_firing, a_snapshot, a_state, an_alert, seconds

SAID = "alert HighErrorRate has been firing since 2026-03-04T11:5"


@pytest.mark.parametrize(
    ("alerts", "scale", "since"),
    [
        pytest.param((), 1, "", id="none"),
        pytest.param((a_firing(),), 1, "9:00Z", id="heard now"),
        pytest.param((a_firing(heard=599.9),), 1, "9:00Z", id="heard almost ten minutes ago"),
        pytest.param((a_firing(heard=600),), 1, "", id="heard ten minutes ago"),
        pytest.param((a_firing(heard=59.9),), 10, "9:00Z", id="within a tenth of them"),
        pytest.param((a_firing(heard=60),), 10, "", id="after a tenth of them"),
        pytest.param((a_firing(holds=False),), 1, "", id="about the primary"),
        pytest.param((a_firing("f/2", ago=60), a_firing("f/1", ago=120)), 1, "8:00Z", id="the longest of two"),
        pytest.param((a_firing("f/2"), a_firing("f/1", ago=120, heard=700)), 1, "9:00Z", id="the one that still fires"),
    ],
)
def test_why_nothing_advances(alerts: tuple[Firing, ...], scale: float, since: str) -> None:
    """The alert that fires for the longest time, ten minutes from when it was last heard; the scale divides them."""
    assert firing.hold(alerts, NOW, scale) == (f"{SAID}{since}" if since else "")


def test_the_last_ones_are_kept() -> None:
    """One that is heard again is the newest, and is there once."""
    alerts: tuple[Firing, ...] = ()
    for number in range(KEPT):
        alerts = firing.with_heard(alerts, a_firing(f"f{number}/1", heard=100 - number))
    alerts = firing.with_heard(alerts, a_firing("f0/1"))
    alerts = firing.with_heard(alerts, a_firing("new/1"))
    assert [alert.key for alert in alerts] == [*(f"f{number}/1" for number in range(2, KEPT)), "f0/1", "new/1"]


@pytest.mark.parametrize(
    ("key", "ago", "left"),
    [("f/1", 0, ("g/1",)), ("f/9", 0, ("g/1",)), ("f/1", 90, ("f/2", "g/1")), ("h/1", 0, ("f/1", "f/2", "g/1"))],
    ids=["both firings", "another start was told", "the earlier one", "an unknown one"],
)
def test_what_an_end_leaves(key: str, ago: float, left: tuple[str, ...]) -> None:
    """Whatever began before that end, of the same alert, is over."""
    alerts = (a_firing("f/1", ago=120), a_firing("f/2", ago=60), a_firing("g/1"))
    assert tuple(alert.key for alert in firing.without(alerts, key, NOW - seconds(ago))) == left


def test_it_is_written_and_read_back() -> None:
    """With all that is not at its default."""
    for alert in (a_firing(), a_firing(holds=False, told=True)):
        assert firing.load(json.loads(json.dumps(firing.dump(alert)))) == alert


@pytest.mark.parametrize(("name", "kept"), [("n" * 65, "n" * 64), ("", "f")])
def test_a_name_is_short_and_never_empty(name: str, kept: str) -> None:
    """Without one the fingerprint tells which alert it is."""
    assert firing.named(name, "f/1") == kept


@pytest.mark.parametrize(
    ("phase", "others", "told"),
    [
        (Phase.PROGRESSING, (), 1),
        (Phase.WAITING_PROMOTION, (), 1),
        (Phase.PROGRESSING, (a_firing("g/1"),), 0),
        (Phase.PROMOTING, (), 0),
        (Phase.SUCCEEDED, (), 0),
    ],
    ids=["in a run", "before its promotion", "another one holds it", "after the copy", "at rest"],
)
def test_the_end_of_a_hold_is_told(phase: Phase, others: tuple[Firing, ...], told: int) -> None:
    """Only where it held something."""
    state = a_state(phase, firing=(a_firing(), *others))
    decision = ended(a_snapshot(state=state, cause=replace(an_alert(), alert_ended=NOW)), ())
    assert (len(decision.messages), decision.state.firing, decision.looked) == (told, others, False)


def test_an_alert_over_a_copy_is_kept_for_the_next_run() -> None:
    """It is too late for this one."""
    decision = decided(a_snapshot(state=a_state(Phase.PROMOTING, weight=50, promoted=NEW), cause=an_alert()))
    assert [alert.key for alert in decision.state.firing] == ["f/1"]
