"""Serinus, driven by ticks, does what Flagger was recorded to do: same writes, order, status, Events and hook calls."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.deviations import expected, expected_heard, expected_hooks, expected_told
from tests.conformance.replay import Recording, Run
from tests.conformance.telling import evened, heard

TRACES = sorted((Path(__file__).parents[1] / "samples" / "flagger_traces").glob("*.json"))


@pytest.fixture(scope="module", params=TRACES, ids=lambda path: path.stem)
def replayed(request: pytest.FixtureRequest) -> tuple[dict[str, Any], Recording]:
    """A recording of Flagger, and what Serinus does in the same scenario."""
    scenario = json.loads(request.param.read_text())
    return scenario, Run(scenario).run()


def test_same_writes_in_the_same_order(replayed: tuple[dict[str, Any], Recording]) -> None:
    """Each change of each object comes in Flagger's order, but for the deviations that are listed."""
    scenario, ours = replayed
    assert ours.writes == expected(scenario)


def test_same_hooks(replayed: tuple[dict[str, Any], Recording]) -> None:
    """Webhooks are asked in Flagger's order, with its phase, its payload's keys and its metadata."""
    scenario, ours = replayed
    flagger = [[name, *rest] for name, _answer, *rest in scenario["hooks"] if name != "ev"]
    asked = [row for row in ours.hooks if row[0] != "ev"]
    assert asked == expected_hooks(scenario, flagger, len(asked))


def test_same_event_hooks(replayed: tuple[dict[str, Any], Recording]) -> None:
    """Event webhooks get Flagger's messages in its order; Flagger sends them in the middle of a step, we after it."""
    scenario, ours = replayed
    flagger = heard([name, *rest] for name, _answer, *rest in scenario["hooks"])
    told, _ = evened([text.replace(f"o-{scenario['scenario']}", "NS") for text in flagger])
    said, _ = evened([text.replace(".shop", ".NS") for text in heard(ours.hooks)])
    assert expected_heard(scenario, told, said), said


def test_flaggers_events_are_among_ours(replayed: tuple[dict[str, Any], Recording]) -> None:
    """Each Kubernetes Event of Flagger comes in its order; Flagger's client drops later ones, so we may have more."""
    scenario, ours = replayed
    told, _ = evened([text.replace(".shop", ".NS") for text in ours.events])
    rest = iter(told)
    flagger, _ = evened(expected_told(scenario, scenario["events"]))
    missing = [text for text in flagger if text not in rest]
    assert not missing, ours.events
