"""How many rollouts have succeeded and failed, counted in the state: no process lives long enough to count them."""

from collections.abc import Mapping
from typing import Final

from handlers.rollout.objects import Object, spec
from handlers.rollout.state import Phase, State

SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
_ENDS = {Phase.SUCCEEDED: SUCCEEDED, Phase.FAILED: FAILED}


def counted(canary: Object, before: State, after: State, *, skipped: bool) -> Mapping[str, int]:
    """`State.runs` after a step: one more when the rollout has ended by it. `skipped`: its analysis was.

    A key is `succeeded/canary/completed`: result, strategy and status of the analysis, Flagger's labels
    (metrics/recorder.go, CanaryMetricLabels; a failure is always `completed` there).
    """
    if after.phase is before.phase or after.phase not in _ENDS:
        return after.runs
    result = _ENDS[after.phase]
    status = "skipped" if skipped and result == SUCCEEDED else "completed"
    key = f"{result}/{strategy(canary)}/{status}"
    return {**after.runs, key: after.runs.get(key, 0) + 1}


def strategy(canary: Object) -> str:
    """`canary`, `blue-green` or `ab-testing` (v1beta1.Canary, DeploymentStrategy)."""
    analysis = spec(canary).get("analysis") or spec(canary).get("canaryAnalysis")
    if not isinstance(analysis, Mapping) or not analysis.get("iterations"):
        return "canary"
    return "ab-testing" if analysis.get("match") else "blue-green"
