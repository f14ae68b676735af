"""A forecast is what a rollout then does."""

from datetime import timedelta
from typing import Any

import pytest

from handlers.explain.forecast import forecast
from handlers.rollout import history
from handlers.rollout.objects import annotations
from handlers.rollout.spec.canary import parse
from tests.lab import a_canary, new_lab

ITERATIONS = {"stepWeight": None, "maxWeight": None, "iterations": 3}
HOOKS = [
    {"name": "gate", "type": "confirm-promotion", "url": "http://gate"},
    {"name": "load", "type": "rollout", "url": "http://load"},
    {"name": "back", "type": "rollback", "url": "http://back"},
]


@pytest.mark.parametrize(
    "canary",
    [
        a_canary(),
        a_canary(analysis={"stepWeight": None, "stepWeights": [1, 10, 50], "maxWeight": None}),
        a_canary(analysis={"stepWeightPromotion": 25, "webhooks": HOOKS}),
        a_canary(skipAnalysis=True),
        a_canary(analysis={**ITERATIONS, "match": [{"headers": {"x-canary": {"exact": "insider"}}}]}),
        a_canary(analysis=ITERATIONS),
        a_canary(analysis={**ITERATIONS, "mirror": True}),
        a_canary(analysis={"mirror": True}),
    ],
    ids=[
        "steps",
        "step weights",
        "promotion in steps, webhooks",
        "no analysis",
        "A/B testing",
        "blue/green",
        "blue/green, mirrored",
        "steps, mirrored",
    ],
)
def test_it_is_what_happens(canary: dict[str, Any]) -> None:
    """Situations, decisions, weights and times are those of a rollout in a cluster that is always ready."""
    lab = new_lab(canary)
    lab.webhooks.answers = {"http://back": [403]}
    lab.until("Initialized")
    lab.push("app:v2")
    lab.until("Succeeded")
    begun, *_ = happened = [
        step for step in history.load(annotations(lab.canary)) if step["stage"] not in ("bootstrap", "not due yet")
    ]
    foretold = forecast(parse(canary))
    assert [(step["stage"], step["decision"], step["phase"], step["weight"]) for step in happened] == [
        (step.stage, step.decision, step.phase, step.weight) for step in foretold
    ]
    assert begun["stage"] == "new revision"
    assert foretold[-1].after == timedelta(seconds=10) * (len(happened) - 1)


def test_it_names_what_is_asked() -> None:
    """Webhooks with their type, metrics by name, in the order in which they are asked."""
    steps = forecast(parse(a_canary(analysis={"webhooks": HOOKS})))
    [last] = [step for step in steps if step.stage == "last step"]
    assert last.asks == ("load (rollout)", "request-success-rate", "request-duration", "gate (confirm-promotion)")


def test_an_endless_rollout_ends_on_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many steps there are, they are told as far as anybody reads."""
    monkeypatch.setattr("handlers.explain.forecast.LIMIT", 3)
    assert [step.weight for step in forecast(parse(a_canary()))] == [0, 20, 40]


def test_a_canary_that_is_suspended_or_steered_is_foretold_all_the_same() -> None:
    """What a user has set for now does not change where the rollout leads."""
    canary = a_canary(suspend=True)
    canary["metadata"]["annotations"] = {"serinus.dev/retry": "x"}
    assert forecast(parse(canary)) == forecast(parse(a_canary()))
