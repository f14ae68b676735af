"""What Flagger did is kept in the form of the recordings that are there."""

import json

import pytest

from tests.parity import recordings
from tests.parity.played import Played
from tests.parity.scenarios import RECORDINGS, Scenario

LATE = "Warning app-primary.flagger-x not ready: waiting for rollout to finish: 0 of 1 updated replicas are available"


@pytest.mark.parametrize("name", ["all-hooks", "never-ready", "revert-on-deletion"])
def test_a_recording_comes_back_as_it_was(name: str) -> None:
    """Writes, Events, and webhook calls with their answers; but how often a pod was waited for."""
    path = RECORDINGS / f"{name}.json"
    recorded = json.loads(path.read_text(encoding="utf-8"))
    hooks = json.loads(json.dumps(recorded["hooks"]).replace(f"o-{name}", "flagger-x"))
    played = Played(
        "flagger-x",
        ended=True,
        writes=recorded["writes"],
        events=[LATE, *(text.replace(".NS", ".flagger-x") for text in recorded["events"]), LATE],
        hooks=[[hook, *rest] for hook, _, *rest in hooks],
        answers=[answer for _, answer, *_ in hooks],
    )
    scenario = Scenario.read(path)
    assert json.loads(recordings.text(scenario, played)) == recorded | {"given": scenario.given}
