"""Is a workload ready to take traffic? Rules and wordings: Flagger's deployment_ready.go and daemonset_ready.go."""

from dataclasses import dataclass

from handlers.rollout.objects import DAEMONSET, Object, generation, metadata, spec, status

_WAITING = "waiting for rollout to finish:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What the status of a workload says.

    `exceeded`: Kubernetes has given up on the rollout. `available`: pods that can take traffic now, of any version.
    """

    ready: bool
    reason: str = ""
    exceeded: bool = False
    available: int = 0


def readiness(workload: Object, ready_threshold: int) -> Readiness:
    """Whether the newest spec runs on enough pods: `ready_threshold` percent of them, rounded down, and at least one.

    Flagger takes a workload without pods for ready; here it never is, for it cannot take traffic. Deadlines of
    our own are absolute times in the state and are not looked at.
    """
    state = status(workload)
    daemons = workload.get("kind") == DAEMONSET.name
    # an available pod is a ready one that has been so for minReadySeconds
    counts = ("numberReady", "numberAvailable") if daemons else ("readyReplicas", "availableReplicas")
    available = max(_count(state, name) for name in counts)
    if daemons:
        return Readiness(ready=not (reason := _daemons(workload, ready_threshold)), reason=reason, available=available)
    reason, exceeded = _hindrance(workload, ready_threshold)
    return Readiness(ready=not reason, reason=reason, exceeded=exceeded, available=available)


def _daemons(daemonset: Object, ready_threshold: int) -> str:
    """Why a DaemonSet is not ready, empty when it is."""
    state = status(daemonset)
    if generation(daemonset) > _count(state, "observedGeneration"):
        return f"{_WAITING} observed daemonset generation less than desired generation"
    wanted = _count(state, "desiredNumberScheduled")
    if wanted == 0:
        return f'daemonset "{metadata(daemonset).get("name", "")}" has no node to run on'
    updated, available = _count(state, "updatedNumberScheduled"), _count(state, "numberAvailable")
    if updated < wanted:
        return f"{_WAITING} {updated} out of {wanted} new pods have been updated"
    needed = max(1, wanted * ready_threshold // 100)
    if available < needed:
        return f"{_WAITING} {available} of {needed} (readyThreshold {ready_threshold}%) updated pods are available"
    return ""


def _hindrance(deployment: Object, ready_threshold: int) -> tuple[str, bool]:
    """Why it is not ready, empty when it is, and whether waiting has no point."""
    state = status(deployment)
    name = metadata(deployment).get("name", "")
    wanted = 1 if (replicas := spec(deployment).get("replicas")) is None else int(replicas)
    if generation(deployment) > _count(state, "observedGeneration"):
        return f"{_WAITING} observed deployment generation less than desired generation", False
    if wanted == 0:
        return f'deployment "{name}" is scaled to zero', False
    if _progress_reason(state) == "ProgressDeadlineExceeded":
        return f'deployment "{name}" exceeded its progress deadline', True
    return _rollout(state, wanted, ready_threshold), False


def _rollout(state: Object, wanted: int, ready_threshold: int) -> str:
    updated, available = _count(state, "updatedReplicas"), _count(state, "availableReplicas")
    if updated < wanted:
        return f"{_WAITING} {updated} out of {wanted} new replicas have been updated"
    if (old := _count(state, "replicas") - updated) > 0:
        return f"{_WAITING} {old} old replicas are pending termination"
    needed = max(1, updated * ready_threshold // 100)
    if available < needed:
        return f"{_WAITING} {available} of {needed} (readyThreshold {ready_threshold}%) updated replicas are available"
    return ""


def _count(state: Object, field: str) -> int:
    """A number in a status; Kubernetes leaves zeros out."""
    return int(state.get(field) or 0)


def _progress_reason(state: Object) -> str:
    conditions = state.get("conditions") or ()
    return next((str(one.get("reason", "")) for one in conditions if one.get("type") == "Progressing"), "")
