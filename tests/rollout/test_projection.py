"""`.status` shows what Flagger's does, and moves only when something has changed."""

from typing import Any

import pytest
from hypothesis import given

from handlers.rollout.projection import project
from handlers.rollout.state import Phase, State
from tests.rollout.examples import NEW, NOW, OLD, a_state, seconds
from tests.rollout.strategies import states

AT = "2026-03-04T12:00:00Z"
LATER = NOW + seconds(90)

# canary/status.go, MakeStatusConditions, for a Deployment
CONDITIONS = [
    (Phase.INITIALIZING, "Unknown", "New Deployment detected, starting initialization."),
    (Phase.INITIALIZED, "True", "Deployment initialization completed."),
    (Phase.WAITING, "Unknown", "Waiting for approval."),
    (Phase.PROGRESSING, "Unknown", "New revision detected, progressing canary analysis."),
    (Phase.WAITING_PROMOTION, "Unknown", "Waiting for approval."),
    (Phase.PROMOTING, "Unknown", "Canary analysis completed, starting primary rolling update."),
    (Phase.FINALISING, "Unknown", "Canary analysis completed, routing all traffic to primary."),
    (Phase.SUCCEEDED, "True", "Canary analysis completed successfully, promotion finished."),
    (Phase.FAILED, "False", "Canary analysis failed, Deployment scaled to zero."),
    (Phase.TERMINATING, "Unknown", "Canary is being deleted, the traffic goes back to the target."),
]


def shown(state: State, status: dict[str, Any] | None = None) -> dict[str, Any]:
    """The status after the patch."""
    return {**(status or {}), **project(state, {"status": status}, NOW)}


@pytest.mark.parametrize(("phase", "status", "message"), CONDITIONS, ids=[phase.value for phase, _, _ in CONDITIONS])
def test_the_condition_is_flaggers(phase: Phase, status: str, message: str) -> None:
    """Type, status, reason and message, which `kubectl wait` and dashboards read."""
    assert shown(a_state(phase))["conditions"] == [
        {
            "type": "Promoted",
            "status": status,
            "reason": phase.value,
            "message": message,
            "lastUpdateTime": AT,
            "lastTransitionTime": AT,
        }
    ]


@pytest.mark.parametrize(("phase", "said"), [(phase, text) for phase, _, text in CONDITIONS if "Deployment" in text])
def test_the_condition_names_the_kind_of_the_target(phase: Phase, said: str) -> None:
    """canary/status.go, MakeStatusConditions."""
    canary = {"spec": {"targetRef": {"kind": "DaemonSet", "name": "app"}}}
    condition = project(a_state(phase), canary, LATER)["conditions"][0]
    assert condition["message"] == said.replace("Deployment", "DaemonSet")


def test_every_phase_has_a_condition() -> None:
    """Argo CD's health check needs one."""
    assert {phase for phase, _, _ in CONDITIONS} == set(Phase)


def test_the_fields_are_flaggers() -> None:
    """What its printer columns and Argo CD read."""
    status = shown(a_state(Phase.PROGRESSING, weight=30, failed=1, iterations=2))
    del status["conditions"]
    assert status == {
        "phase": "Progressing",
        "canaryWeight": 30,
        "failedChecks": 1,
        "iterations": 2,
        "lastAppliedSpec": NEW,
        "lastPromotedSpec": OLD,
        "lastTransitionTime": AT,
    }


def test_c17_waiting_for_promotion_shows_the_real_weight() -> None:
    """Flagger shows a weight of 0 and -1 iterations while half of the traffic is on the canary."""
    status = shown(a_state(Phase.WAITING_PROMOTION, weight=50))
    assert (status["canaryWeight"], status["iterations"]) == (50, 0)


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(a_state(Phase.PROGRESSING, weight=100, iterations=2), id="while iterations are counted"),
        pytest.param(a_state(Phase.WAITING_PROMOTION, weight=100, matched=True), id="the only one comes again"),
        pytest.param(a_state(Phase.TERMINATING, weight=40), id="while it is being deleted"),
    ],
)
def test_no_weight_is_shown_where_flagger_shows_none(state: State) -> None:
    """canary/status.go, setStatusPhase; scheduler.go, runAB and runBlueGreen."""
    assert shown(state)["canaryWeight"] == 0


def test_a_failed_promotion_says_who_serves() -> None:
    """Flagger's message would be wrong: nothing was scaled to zero."""
    condition = shown(a_state(Phase.FAILED, weight=100))["conditions"][0]
    assert (condition["status"], condition["message"]) == ("False", "Promotion failed, the canary keeps serving.")


@given(states())
def test_c20_nothing_is_written_when_nothing_has_changed(state: State) -> None:
    """So that lastTransitionTime means something, also for a canary that stays in Failed."""
    assert project(state, {"status": shown(state)}, LATER) == {}


def test_only_what_changed_is_written() -> None:
    """One more step: weight and time."""
    before = shown(a_state(Phase.PROGRESSING, weight=10))
    patch = project(a_state(Phase.PROGRESSING, weight=20), {"status": before}, LATER)
    assert patch == {"canaryWeight": 20, "lastTransitionTime": "2026-03-04T12:01:30Z"}


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        pytest.param(Phase.PROGRESSING, Phase.PROMOTING, False, id="still unknown"),
        pytest.param(Phase.FINALISING, Phase.SUCCEEDED, True, id="now true"),
        pytest.param(Phase.PROGRESSING, Phase.FAILED, True, id="now false"),
    ],
)
def test_the_time_of_the_condition_moves_with_its_status(before: Phase, after: Phase, moved: bool) -> None:
    """The convention of Kubernetes: lastTransitionTime is when the status changed, lastUpdateTime when anything did."""
    status = shown(State(phase=before, revision=NEW))
    condition = project(State(phase=after, revision=NEW), {"status": status}, LATER)["conditions"][0]
    assert condition["lastUpdateTime"] == "2026-03-04T12:01:30Z"
    assert (condition["lastTransitionTime"] != AT) is moved


@pytest.mark.parametrize(
    "conditions",
    [
        pytest.param(None, id="null"),
        pytest.param([{"type": "Other", "status": "True", "reason": "x"}], id="another type"),
        pytest.param([{"type": "Promoted", "status": "Unknown", "reason": "x"}], id="a condition without times"),
    ],
)
def test_a_strange_condition_is_replaced(conditions: Any) -> None:
    """The CRD wants type, status and reason only."""
    condition = shown(a_state(Phase.PROGRESSING), {"conditions": conditions})["conditions"][0]
    assert (condition["reason"], condition["lastTransitionTime"]) == ("Progressing", AT)


def test_strangers_fields_of_the_status_stay() -> None:
    """A merge patch names only what is ours."""
    assert "note" not in project(a_state(), {"status": {"note": "a"}}, NOW)


def test_tracked_configs_are_those_of_the_state() -> None:
    """As in Flagger, by `configmap/NAME`; one that the pods read no longer is taken out."""
    state = a_state(configs={"configmap/a": "1", "secret/b": "2"})
    patch = project(state, {"status": {"trackedConfigs": {"secret/b": "2", "secret/c": "3"}}}, NOW)
    assert patch["trackedConfigs"] == {"configmap/a": "1", "secret/c": None}
    assert "trackedConfigs" not in project(state, {"status": {"trackedConfigs": state.configs}}, NOW)


def test_iterations_show_no_weight() -> None:
    """Flagger counts iterations instead; a canary that serves in Failed, or shifts by steps, shows its weight."""
    assert shown(a_state(weight=100, iterations=2))["canaryWeight"] == 0
    assert shown(a_state(weight=40, iterations=2))["canaryWeight"] == 40
    assert shown(a_state(Phase.FAILED, weight=100))["canaryWeight"] == 100


def test_cookies_are_shown_as_flagger_shows_them() -> None:
    """Each in its field, and none that is not there."""
    status = shown(a_state(cookie="c=1", primary_cookie="p=2", previous_cookie="c=0"))
    assert status["sessionAffinityCookie"] == "c=1"
    assert status["primarySessionAffinityCookie"] == "p=2"
    assert status["previousSessionAffinityCookie"] == "c=0"
    assert "sessionAffinityCookie" not in shown(a_state())
    assert project(a_state(), {"status": status}, NOW)["sessionAffinityCookie"] is None
