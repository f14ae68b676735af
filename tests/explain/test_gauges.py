"""What dashboards show is what the annotations say."""

import json
from typing import Any

import pytest

from handlers.explain.gauges import FAMILIES, samples
from handlers.rollout import state
from handlers.rollout.history import HISTORY
from handlers.rollout.state import STATE, Phase, State
from tests.fakes import EPOCH
from tests.lab import a_canary, at, new_lab

WHERE = ("app", "shop")


def values(*canaries: Any) -> dict[tuple[str, ...], float]:
    """The samples by metric and labels; each is there once."""
    found = [((item.metric, *item.labels), item.value) for item in samples(canaries)]
    assert len(found) == len(dict(found))
    return dict(found)


def in_phase(phase: Phase, checks: Any = (), **changes: Any) -> dict[str, Any]:
    """A Canary with this state and one step of history."""
    canary = a_canary()
    canary["metadata"]["annotations"] = {
        STATE: state.dump(State(phase=phase, **changes)),
        HISTORY: json.dumps([{"checks": checks}]),
    }
    return canary


def test_a_run_in_numbers() -> None:
    """Weights by workload, the last values and limits with durations in seconds, and when the last step was.

    Flagger's TestRecorder_GetterMethodsWithData.
    """
    lab = at(new_lab(), "Progressing", 20)
    lab.prometheus.values = {"istio_requests_total": [50]}
    lab.tick()
    assert values(lab.canary) == {
        ("flagger_canary_total", "shop"): 1,
        ("flagger_canary_status", *WHERE): 0,
        ("flagger_canary_weight", "app-primary", "shop"): 80,
        ("flagger_canary_weight", *WHERE): 20,
        ("serinus_canary_failed_checks", *WHERE): 1,
        ("serinus_canary_threshold", *WHERE): 3,
        ("serinus_canary_last_step_timestamp_seconds", *WHERE): lab.clock().timestamp(),
        ("flagger_canary_metric_analysis", *WHERE, "request-success-rate"): 50,
        ("serinus_canary_metric_limit", *WHERE, "request-success-rate", "min"): 99,
        ("flagger_canary_metric_analysis", *WHERE, "request-duration"): 0.05,
        ("serinus_canary_metric_limit", *WHERE, "request-duration", "max"): 0.5,
    }


@pytest.mark.parametrize("phase", Phase)
def test_the_status_is_flaggers(phase: Phase) -> None:
    """Progressing is 0, Failed 2, and all else 1 (metrics/recorder.go, SetStatus)."""
    status = values(in_phase(phase))["flagger_canary_status", *WHERE]
    assert status == {Phase.PROGRESSING: 0, Phase.FAILED: 2}.get(phase, 1)


def test_ends_of_rollouts_are_counters_by_their_labels() -> None:
    """The state's counts with Flagger's labels; what is no count of ours is left out."""
    runs = {"succeeded/canary/completed": 3, "failed/ab-testing/completed": 1, "other/a/b": 5, "succeeded/a": 1}
    found = values(in_phase(Phase.SUCCEEDED, runs=runs, stepped=EPOCH))
    counts = {key: value for key, value in found.items() if key[0].endswith("s_total")}
    assert counts == {
        ("flagger_canary_successes_total", *WHERE, "canary", "completed"): 3,
        ("flagger_canary_failures_total", *WHERE, "ab-testing", "completed"): 1,
    }


@pytest.mark.parametrize(
    "checks",
    [
        {"metric": "request-duration"},
        ["x"],
        [{"metric": "request-duration", "value": "5"}],
        [{"metric": "no longer in the spec", "value": 5}],
        [{"metric": "request-duration"}],
    ],
)
def test_a_history_that_has_no_value_gives_none(checks: Any) -> None:
    """Nothing is shown that was not measured, for a metric that is not there any more, or from a broken annotation."""
    assert not [key for key in values(in_phase(Phase.PROGRESSING, checks)) if "metric" in key[0]]


def test_canaries_without_a_state_are_counted_and_no_more() -> None:
    """New, unreadable and invalid Canaries do not stop a scrape."""
    broken = a_canary()
    broken["metadata"]["annotations"] = {STATE: "{"}
    assert values(a_canary(), broken, {**in_phase(Phase.FAILED), "spec": {}}) == {("flagger_canary_total", "shop"): 3}


def test_each_sample_has_its_labels() -> None:
    """Names and labels agree with the table that the exposition is made from."""
    lab = at(new_lab(), "Progressing", 40)
    for sample in samples([lab.canary, in_phase(Phase.FAILED, runs={"failed/canary/completed": 1})]):
        assert len(sample.labels) == len(FAMILIES[sample.metric][1])
