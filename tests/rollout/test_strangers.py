"""A canary whose Service has come to lead to another workload as well."""

from handlers.rollout.actions import Route
from handlers.rollout.state import Intent, Phase
from tests.rollout.decisions import decided, texts
from tests.rollout.examples import NEW, a_snapshot, a_target

WHY = "spec.targetRef: a Service for app would lead to pods of worker as well"


def test_a_canary_that_others_stand_behind_gives_its_share_to_the_primary() -> None:
    """The same revision begins again at 0, and says who is in the way (invariant 13)."""
    decision = decided(a_snapshot(weight=20, target=a_target(NEW, strangers=WHY), mixed=WHY))
    assert (decision.intent, decision.actions) == (Intent.RESTART, (Route(0),))
    assert (decision.state.phase, decision.state.weight, decision.state.revision) == (Phase.PROGRESSING, 0, NEW)
    assert WHY in texts(decision)[0]


def test_nothing_goes_to_such_a_canary_before_it_is_told_apart() -> None:
    """It is held before its first step, without a share."""
    decision = decided(a_snapshot(Phase.PROGRESSING, target=a_target(NEW, strangers=WHY), mixed=WHY))
    assert decision.state.weight == 0
    assert decision.state.waiting == f"hold: {WHY}"
