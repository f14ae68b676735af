"""Each rollout is counted once, under Flagger's labels."""

from typing import Any

import pytest

from handlers.rollout import state
from handlers.rollout.objects import annotations
from handlers.rollout.runs import counted, strategy
from handlers.rollout.state import Phase, State
from tests.lab import Lab, a_canary, an_alert, new_lab


def runs(lab: Lab) -> dict[str, int]:
    """What the state in the lab has counted."""
    known = state.load(annotations(lab.canary))
    assert known
    return dict(known.runs)


def test_rollouts_are_counted_by_how_they_end() -> None:
    """One success, one failure by an alert, and looks at rest that add nothing."""
    lab = new_lab()
    lab.until("Initialized")
    assert runs(lab) == {}
    lab.push("app:v2")
    lab.until("Succeeded")
    lab.push("app:v3")
    lab.until("Progressing")
    lab.tick(2)
    lab.step(an_alert(lab.clock()))
    lab.tick(3)
    assert lab.phase == "Failed"
    assert runs(lab) == {"succeeded/canary/completed": 1, "failed/canary/completed": 1}


def test_a_rollout_without_analysis_is_counted_as_such() -> None:
    """Flagger's label analysis_status tells the two apart."""
    lab = new_lab(a_canary(skipAnalysis=True))
    for image in ("app:v2", "app:v3"):
        lab.tick(3)
        lab.push(image)
        lab.tick()
        lab.until("Succeeded")
    assert runs(lab) == {"succeeded/canary/skipped": 2}


@pytest.mark.parametrize(
    ("before", "after", "skipped", "found"),
    [
        (Phase.FINALISING, Phase.SUCCEEDED, False, {"succeeded/canary/completed": 1}),
        (Phase.FINALISING, Phase.SUCCEEDED, True, {"succeeded/canary/skipped": 1}),
        (Phase.PROGRESSING, Phase.FAILED, True, {"failed/canary/completed": 1}),
        (Phase.FAILED, Phase.FAILED, False, {}),
        (Phase.PROGRESSING, Phase.INITIALIZED, False, {}),
    ],
)
def test_what_counts(before: Phase, after: Phase, skipped: bool, found: dict[str, int]) -> None:
    """Only a step that ends a rollout; one that was cancelled has neither succeeded nor failed."""
    assert counted(a_canary(), State(phase=before), State(phase=after), skipped=skipped) == found


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ({"analysis": {"stepWeight": 5}}, "canary"),
        ({"analysis": {"iterations": 5}}, "blue-green"),
        ({"canaryAnalysis": {"iterations": 5, "match": [{}]}}, "ab-testing"),
        ({"analysis": {"match": [{}]}}, "canary"),
        ({"analysis": 5}, "canary"),
        ({}, "canary"),
    ],
)
def test_the_strategy_is_named_as_by_flagger(spec: dict[str, Any], name: str) -> None:
    """By what the analysis has: iterations, and with them a match.

    Flagger's TestCanary_GetDeploymentStrategy.
    """
    assert strategy({"spec": spec}) == name
