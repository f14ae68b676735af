"""In which situation a canary is found: each one reached, and each border between two."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from handlers.rollout.facts import live
from handlers.rollout.freeze import Namespace
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.stage import Stage
from handlers.rollout.stages import may_be_held, stage_of
from handlers.rollout.state import Intent, Phase
from tests.protocol.sampling import examples
from tests.rollout.examples import NEW, NOW, a_canary, a_claim, a_firing, a_snapshot, a_state, an_alert, seconds
from tests.rollout.found import FAILED, FINALISING, INITIALIZED, PROGRESSING, PROMOTING, SUCCEEDED, SUSPENDED, WAITING
from tests.rollout.stages import CASES
from tests.rollout.strategies import snapshots


@pytest.mark.parametrize(("stage", "s"), [pytest.param(st, s, id=f"{st.name}: {why}") for st, why, s in CASES])
def test_a_situation_is_recognised(stage: Stage, s: Snapshot) -> None:
    """Each stage, and what decides between two."""
    assert stage_of(s) is stage


ALERTED, TOO_LATE, PASSED_OVER = Stage.ALERTED, Stage.TOO_LATE, Stage.ALERT_PASSED_OVER
ROLLBACK, UNDER_WAY = a_claim(Intent.ROLLBACK), a_claim(Intent.ROLLBACK, left=9)
ALERTS = [
    (ALERTED, "Progressing", a_state(PROGRESSING, weight=10)),
    (ALERTED, "before the first weight", a_state(PROGRESSING)),
    (ALERTED, "WaitingPromotion", a_state(Phase.WAITING_PROMOTION, weight=50)),
    (ALERTED, "over a live claim", a_state(PROGRESSING, claim=a_claim(Intent.RAISE, left=9))),
    (ALERTED, "over a copy not made", a_state(PROGRESSING, claim=a_claim(Intent.PROMOTE, left=9))),
    (ALERTED, "another alert was seen", a_state(PROGRESSING, alerts=("f/2",))),
    (ALERTED, "it began with the rollout", a_state(PROGRESSING, started=NOW)),
    (TOO_LATE, "Promoting", a_state(PROMOTING, weight=50)),
    (TOO_LATE, "Finalising", a_state(FINALISING)),
    (TOO_LATE, "the copy was made", a_state(PROGRESSING, promoted=NEW, claim=a_claim(Intent.PROMOTE))),
    (PASSED_OVER, "seen before", a_state(PROGRESSING, alerts=("f/1",))),
    (ALERTED, "clocks differ a little", a_state(PROGRESSING, started=NOW + seconds(5))),
    (PASSED_OVER, "begun before the rollout", a_state(PROGRESSING, started=NOW + seconds(5.001))),
    (PASSED_OVER, "heard before the rollout", a_state(PROGRESSING, started=NOW + seconds(1), firing=(a_firing(),))),
    (PASSED_OVER, "heard before, by a clock that is behind", a_state(PROGRESSING, firing=(a_firing(),))),
    (PASSED_OVER, "nothing began yet", a_state(PROGRESSING, started=None)),
    (PASSED_OVER, "nobody has looked yet", None),
    (PASSED_OVER, "Initializing", a_state(Phase.INITIALIZING)),
    (PASSED_OVER, "Initialized", a_state(INITIALIZED)),
    (PASSED_OVER, "Waiting", a_state(WAITING)),
    (PASSED_OVER, "Succeeded", a_state(SUCCEEDED)),
    (PASSED_OVER, "Failed already", a_state(FAILED)),
    (PASSED_OVER, "the canary serves", a_state(FAILED, weight=100, promoted=NEW)),
    (Stage.ROLLING_BACK, "a rollback was begun and its process died", a_state(PROGRESSING, claim=ROLLBACK)),
    (PASSED_OVER, "another rollback is under way", a_state(PROGRESSING, claim=UNDER_WAY)),
    (Stage.BUSY, "its own rollback is under way", a_state(PROGRESSING, claim=UNDER_WAY, firing=(a_firing(),))),
]


@pytest.mark.parametrize(("stage", "state"), [pytest.param(st, s, id=f"{st.name}: {why}") for st, why, s in ALERTS])
def test_an_alert_is_scoped(stage: Stage, state: Any) -> None:
    """Firing, in an active phase, begun since this rollout began, not seen before; suspended or not, due or not."""
    for canary in (a_canary(), SUSPENDED):
        assert stage_of(a_snapshot(state=state, cause=an_alert(), canary=canary)) is stage


def test_an_alert_without_a_beginning_is_passed_over() -> None:
    """It cannot be said to be about this rollout."""
    assert stage_of(a_snapshot(PROGRESSING, weight=10, cause=an_alert(began=None))) is PASSED_OVER


@pytest.mark.parametrize("state", [pytest.param(s, id=f"{st.name}: {why}") for st, why, s in ALERTS])
def test_the_end_of_an_alert_decides_nothing(state: Any) -> None:
    """Whatever the phase, and whoever holds a claim: there is nothing to roll back, and nothing to wait for."""
    resolved = replace(an_alert(), alert_ended=NOW)
    assert stage_of(a_snapshot(state=state, cause=resolved)) is Stage.ALERT_ENDED


def test_every_stage_is_reached() -> None:
    """The tables above leave none out."""
    assert {stage for stage, *_ in CASES} | {stage for stage, *_ in ALERTS} | {Stage.ALERT_ENDED} == set(Stage)


@pytest.mark.parametrize(
    ("nonce", "mine", "left", "expected"),
    [
        pytest.param("a.1", "", 9, True, id="somebody's"),
        pytest.param("a.1", "b", 9, True, id="somebody else's"),
        pytest.param("a.1", "a", 9, False, id="ours, of an earlier try"),
        pytest.param("ab.1", "a", 9, True, id="a nonce that only begins alike"),
        pytest.param("a.1", "", 0, False, id="its time is over"),
    ],
)
def test_a_claim_is_live_while_somebody_may_act_on_it(nonce: str, mine: str, left: float, expected: bool) -> None:
    """Not ours, and in time."""
    assert live(a_snapshot(state=a_state(claim=a_claim(left=left, nonce=nonce)), mine=mine)) is expected


def test_no_claim_is_live_where_there_is_none() -> None:
    """Nor where there is no state."""
    assert not live(a_snapshot())
    assert not live(a_snapshot(state=None))


@settings(max_examples=examples(200))
@given(snapshots())
def test_every_snapshot_is_in_one_stage(s: Snapshot) -> None:
    """Whatever was gathered, and always the same one."""
    assert stage_of(s) is stage_of(s)


@given(snapshots())
def test_a_freeze_matters_only_where_it_is_looked_for(s: Snapshot) -> None:
    """Whoever does not read the namespace decides as if it were frozen, or were not."""
    frozen = replace(s, namespace=Namespace(name="shop", windows="* * * * * 1h"))
    assert may_be_held(s.state) or stage_of(frozen) is stage_of(s)
