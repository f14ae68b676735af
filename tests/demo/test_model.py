"""What is counted and timed from what was seen."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from handlers.sandbox.demo.model import Counters, Split, rescue, splits
from handlers.sandbox.demo.recorder import counters_of, weight_of
from tests.demo.scenes import answer, client, routed, seen

BEGAN = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


def test_splits_are_counted_from_one_weight_to_the_next() -> None:
    """The requests before the first weight and after the last belong to no split."""
    assert splits(routed(5, 10)) == (Split(5, Counters(950, 50)), Split(10, Counters(900, 100)))


def test_times_after_an_alert_count_from_its_firing() -> None:
    """The alert fired at second 40; the client began at second 2 and counts from there."""
    slow = seen(3).act.tag
    stages = [replace(stage, at=36.5 + stage.at) for stage in routed(5)]
    answers = [answer(slow, at=36), answer("1.0.1", at=50), answer(slow, at=38.03, seconds=1.1)]
    found = rescue(seen(3, routed=stages), answers, BEGAN, 2.0)
    assert found is not None
    times = (found.waited, found.told, found.routed, found.sent, found.answered)
    assert [round(value, 3) for value in times] == [2.0, 0.05, 0.5, 0.03, 1.13]


def test_a_rollback_by_metrics_has_no_alert_to_count_from() -> None:
    """Only an alert's rollback is timed."""
    assert rescue(seen(2), [answer("1.0.2-errors2")], BEGAN, 0) is None


def test_failed_checks_count_as_the_analysis_counts() -> None:
    """In a row: a passed check begins anew, a step that asked nothing changes nothing."""
    failed = {"checks": [{"metric": "a", "outcome": "passed"}, {"metric": "b", "outcome": "no data"}]}
    passed = {"checks": [{"metric": "a", "outcome": "passed"}]}
    server = {"checks": [{"server": "a", "outcome": "error"}]}
    assert seen(2, steps=[failed, failed, passed, failed, server, failed, {}]).failed_checks == 2


def test_the_client_tells_errors_slow_answers_and_lost_requests_apart() -> None:
    """An error of a pod is no lost request, and a slow answer is neither."""
    tally = client()
    tally.add([answer("1.0.3-slow1100", seconds=1.2)])
    assert (tally.sent, tally.failed.total(), tally.slow.total(), tally.lost.total()) == (6, 1, 1, 0)


def test_envoys_counters_are_read_by_workload() -> None:
    """Lines of Envoy's admin page."""
    counts = {"podinfo/http": 10, "podinfo/9898": 2, "podinfo-primary/http": 345}
    lines = [*(f"cluster.demo/{name}.upstream_rq_total: {count}" for name, count in counts.items()), ""]
    assert counters_of(lines) == {"podinfo": 12, "podinfo-primary": 345}


def test_the_canarys_weight_is_read_from_the_virtual_service() -> None:
    """The weight of the canary's destination; a destination without a weight has none."""
    targets: list[dict[str, Any]] = [
        {"destination": {"host": "podinfo-primary"}, "weight": 85},
        {"destination": {"host": "podinfo-canary"}},
    ]
    assert weight_of({"spec": {"http": [{"route": targets}]}}) == 0
    targets[1]["weight"] = 15
    assert weight_of({"spec": {"http": [{"route": targets}]}}) == 15
