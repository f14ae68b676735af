"""What dashboards show of canaries: Flagger's metrics, computed from the Canaries alone (metrics/recorder.go)."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handlers.errors import BadCanary
from handlers.rollout import history, state
from handlers.rollout.objects import Object, annotations, metadata
from handlers.rollout.runs import FAILED, SUCCEEDED
from handlers.rollout.spec import canary as canaries
from handlers.rollout.spec.analysis import DURATION
from handlers.rollout.spec.canary import Canary
from handlers.rollout.state import Phase, State
from handlers.rollout.weights import FULL

FAMILIES = {
    "flagger_canary_total": ("Total number of canary objects.", ("namespace",)),
    "flagger_canary_status": (
        "Last canary analysis result: 0 running, 1 successful, 2 failed.",
        ("name", "namespace"),
    ),
    "flagger_canary_weight": ("The current weight of a workload, in percent.", ("workload", "namespace")),
    "flagger_canary_metric_analysis": (
        "Last measured value of a metric; request-duration in seconds.",
        ("name", "namespace", "metric"),
    ),
    "serinus_canary_metric_limit": (
        "The limit that the last value was held against, in the same unit.",
        ("name", "namespace", "metric", "bound"),
    ),
    "serinus_canary_failed_checks": ("Failed checks that count towards the threshold.", ("name", "namespace")),
    "serinus_canary_threshold": ("Failed checks at which a canary is rolled back.", ("name", "namespace")),
    "serinus_canary_last_step_timestamp_seconds": ("When the last step was made, in Unix time.", ("name", "namespace")),
    "flagger_canary_successes_total": (
        "Rollouts that succeeded.",
        ("name", "namespace", "deployment_strategy", "analysis_status"),
    ),
    "flagger_canary_failures_total": (
        "Rollouts that failed.",
        ("name", "namespace", "deployment_strategy", "analysis_status"),
    ),
}
"""Each metric's help and the names of its labels. As in Flagger, `name` is the target's."""
_COUNTERS = {SUCCEEDED: "flagger_canary_successes_total", FAILED: "flagger_canary_failures_total"}
_STATUS = {Phase.PROGRESSING: 0, Phase.FAILED: 2}
_PARTS = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric, with the values of its labels in the order of FAMILIES."""

    metric: str
    labels: tuple[str, ...]
    value: float


def samples(objects: Sequence[Object], *, provider: str = "istio") -> Iterator[Sample]:
    """The values for these Canaries; one whose state cannot be read, or that has none yet, only counts in the total."""
    totals = Counter(str(metadata(obj).get("namespace", "")) for obj in objects)
    for namespace, count in sorted(totals.items()):
        yield Sample("flagger_canary_total", (namespace,), count)
    for obj in objects:
        try:
            known = state.load(annotations(obj))
            canary = canaries.parse(obj, provider=provider, lenient=True)
        except BadCanary:
            continue
        if known is not None:
            yield from _of_state(canary, known)
            yield from _of_history(canary, history.load(annotations(obj)))


def _of_state(canary: Canary, known: State) -> Iterator[Sample]:
    where = (canary.target_name, canary.namespace)
    yield Sample("flagger_canary_status", where, _STATUS.get(known.phase, 1))
    primary = (f"{canary.target_name}-primary", canary.namespace)
    yield Sample("flagger_canary_weight", primary, FULL - known.weight)
    yield Sample("flagger_canary_weight", where, known.weight)
    yield Sample("serinus_canary_failed_checks", where, known.failed)
    yield Sample("serinus_canary_threshold", where, canary.analysis.threshold)
    if known.stepped:
        yield Sample("serinus_canary_last_step_timestamp_seconds", where, known.stepped.timestamp())
    for key, count in known.runs.items():
        result, *labels = key.split("/")
        if result in _COUNTERS and len(labels) == _PARTS - 1:
            yield Sample(_COUNTERS[result], (*where, *labels), count)


def _of_history(canary: Canary, steps: Sequence[Mapping[str, Any]]) -> Iterator[Sample]:
    """The last value of each metric that the spec still names, and the limits that it was held against."""
    builtin = {metric.name: metric.builtin for metric in canary.analysis.metrics}
    for name, check in sorted(_last_values(steps).items()):
        if name not in builtin:
            continue
        scale = 1000 if builtin[name] == DURATION else 1  # the state has milliseconds
        where = (canary.target_name, canary.namespace, name)
        yield Sample("flagger_canary_metric_analysis", where, check["value"] / scale)
        for bound in ("min", "max"):
            if isinstance(limit := check.get(bound), int | float):
                yield Sample("serinus_canary_metric_limit", (*where, bound), limit / scale)


def _last_values(steps: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for step in steps:
        checks = step.get("checks")
        for check in checks if isinstance(checks, list) else ():
            if isinstance(check, Mapping) and isinstance(check.get("value"), int | float):
                found[str(check.get("metric"))] = check
    return found
