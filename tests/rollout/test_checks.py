"""In which order checks are asked, and when enough is known."""

import pytest

from handlers.rollout.checks import Finding, HookCheck, MetricCheck, Outcome, ServerCheck, in_groups, settled
from handlers.rollout.spec.analysis import Hook, Metric
from handlers.rollout.state import Phase
from tests.rollout.examples import a_webhook, answered, measured

METRIC = MetricCheck(Metric(name="a", window="1m"))
SERVER = ServerCheck(Metric(name="b", window="1m"))
HOOK = HookCheck(a_webhook(Hook.ROLLOUT), Phase.PROGRESSING)


def test_webhooks_are_asked_one_by_one_and_metrics_together() -> None:
    """A webhook may depend on the one before it (a load test before its check); metrics do not."""
    groups = in_groups([HOOK, HOOK, METRIC, METRIC, HOOK, METRIC])
    assert groups == ((HOOK,), (HOOK,), (METRIC, METRIC), (HOOK,), (METRIC,))
    assert in_groups([SERVER, SERVER]) == ((SERVER, SERVER),)
    assert in_groups([]) == ()


@pytest.mark.parametrize(
    ("kind", "outcome", "expected"),
    [
        (Hook.ROLLOUT, Outcome.PASSED, False),
        (Hook.ROLLOUT, Outcome.REFUSED, True),
        (Hook.ROLLOUT, Outcome.ERROR, True),
        (Hook.CONFIRM_PROMOTION, Outcome.REFUSED, True),
        (Hook.CONFIRM_PROMOTION, Outcome.NOT_YET, True),
        (Hook.ROLLBACK, Outcome.PASSED, True),
        (Hook.ROLLBACK, Outcome.REFUSED, False),
        (Hook.ROLLBACK, Outcome.ERROR, False),
        (Hook.ROLLBACK, Outcome.NOT_YET, False),
    ],
)
def test_the_first_no_ends_the_asking(kind: Hook, outcome: Outcome, expected: bool) -> None:
    """scheduler_hooks.go; a rollback webhook's yes is what ends it."""
    assert settled([answered(Hook.ROLLOUT, Outcome.PASSED), answered(kind, outcome)]) is expected


@pytest.mark.parametrize("outcome", Outcome)
def test_a_metric_that_did_not_pass_ends_the_asking(outcome: Outcome) -> None:
    """Whatever the trouble is."""
    assert settled([measured(METRIC.metric, outcome)]) is (outcome is not Outcome.PASSED)
    assert settled([Finding(check=SERVER, outcome=outcome)]) is (outcome is not Outcome.PASSED)


def test_nothing_asked_settles_nothing() -> None:
    """A canary without checks goes on."""
    assert not settled([])
