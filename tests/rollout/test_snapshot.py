"""What a snapshot says about a canary without being asked for its parts."""

from typing import Any

import pytest

from handlers.rollout.state import State
from handlers.rollout.weights import Weights
from tests.rollout.examples import NEW, OLD, a_primary, a_snapshot, a_state, lost


def test_names_are_told_as_flagger_does() -> None:
    """name.namespace."""
    s = a_snapshot()
    assert (s.name, s.target_text, s.primary_text) == ("podinfo.test", "podinfo.test", "podinfo-primary.test")


def test_a_canary_without_a_state_has_the_first_one() -> None:
    """Nobody has looked at it yet."""
    assert a_snapshot(state=None).known == State()


@pytest.mark.parametrize(
    ("weight", "routes", "carried"),
    [
        pytest.param(20, Weights(80, 20), 20, id="they agree"),
        pytest.param(20, Weights(100, 0), 20, id="what the routes should say"),
        pytest.param(0, Weights(70, 30), 30, id="what the routes say"),
        pytest.param(20, None, 20, id="no route"),
    ],
)
def test_what_a_canary_carries_is_never_taken_for_less(weight: int, routes: Any, carried: int) -> None:
    """A step may have died between route and state."""
    assert a_snapshot(state=a_state(weight=weight), routes=routes).carried == carried


@pytest.mark.parametrize(
    ("primary", "promoted"),
    [(a_primary(NEW), NEW), (a_primary(""), OLD), (None, OLD)],
    ids=["its annotation", "none yet", "no primary"],
)
def test_promoted_is_what_the_primary_says(primary: Any, promoted: str) -> None:
    """Rule 10; the state stands in where there is no annotation."""
    assert a_snapshot(state=a_state(promoted=OLD), primary=primary).promoted == promoted


@pytest.mark.parametrize(
    ("primary", "expected"),
    [(a_primary(), True), (a_primary(ready=False, pods=1), True), (a_primary(**lost()), False), (None, False)],
)
def test_a_primary_with_a_ready_pod_can_serve(primary: Any, expected: bool) -> None:
    """Ready as a whole or not."""
    assert a_snapshot(primary=primary).primary_can_serve is expected
