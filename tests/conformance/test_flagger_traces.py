"""Serinus, driven by ticks, does what Flagger was recorded to do: same writes, order, status, Events and hook calls."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.deviations import expected
from tests.conformance.replay import Recording, Run

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
    assert [row for row in ours.hooks if row[0] != "ev"] == flagger


def test_same_event_hooks(replayed: tuple[dict[str, Any], Recording]) -> None:
    """Event webhooks get Flagger's messages in its order; Flagger sends them in the middle of a step, we after it."""
    scenario, ours = replayed
    flagger = [[name, *rest] for name, _answer, *rest in scenario["hooks"] if name == "ev"]
    told = json.loads(json.dumps(flagger).replace(f"o-{scenario['scenario']}", "shop"))
    assert [row for row in ours.hooks if row[0] == "ev"] == told


def test_flaggers_events_are_among_ours(replayed: tuple[dict[str, Any], Recording]) -> None:
    """Each Kubernetes Event of Flagger comes in its order; Flagger's client drops later ones, so we may have more."""
    scenario, ours = replayed
    rest = iter(_plain(text) for text in ours.events)
    missing = [text for text in map(_plain, _until_reverted(scenario)) if text not in rest]
    assert not missing, ours.events


def _until_reverted(scenario: dict[str, Any]) -> list[str]:
    """Flagger's Events; of a run that a push back ends, those before it (deviation revert-cancels)."""
    events: list[str] = scenario["events"]
    for move in scenario["given"]["moves"]:
        if found := re.fullmatch(r"at Progressing (\d+): push v1", move):
            return events[: events.index(f"Normal Advance app.NS canary weight {found[1]}") + 1]
    return events


def _plain(text: str) -> str:
    """An Event without its namespace; of a failed webhook without the reason, the HTTP library's in Flagger."""
    text = text.replace(".NS", ".shop")
    if text.startswith("Warning Halt") and " check " in text and " failed " in text:
        return text.partition(" failed ")[0]
    return text
