"""What a workload controller does next and what it reports: the rules of Kubernetes' own, as pure functions.

Rules from kubernetes/pkg/controller/deployment: rolling.go (reconcileNewReplicaSet, reconcileOldReplicaSets),
progress.go (syncRolloutStatus) and util/deployment_util.go.
"""

import hashlib
import json
import math
from dataclasses import dataclass

from handlers.sandbox.kube import Object, timestamp
from handlers.sandbox.pods import condition, is_available, is_ready, seconds

Condition = dict[str, str]

NEW = "NewReplicaSetCreated"
UPDATED = "ReplicaSetUpdated"
COMPLETE = "NewReplicaSetAvailable"
TIMED_OUT = "ProgressDeadlineExceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """How many pods of the current template there should be, and how far a rollout may go above and below."""

    replicas: int
    surge: int
    unavailable: int
    recreate: bool = False
    min_ready_seconds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Have:
    """The pods there are: of the current template, of older ones, and how many old ones are still ending."""

    new: list[Object]
    old: list[Object]
    ending_old: int = 0

    def available(self, want: Want, now: float) -> list[Object]:
        """Those that count as available."""
        return [pod for pod in self.new + self.old if is_available(pod, want.min_ready_seconds, now)]


def deployment_want(spec: Object) -> Want:
    """Want of a Deployment; maxSurge is rounded up, maxUnavailable down, and not both may be 0 (ResolveFenceposts)."""
    replicas = 1 if spec.get("replicas") is None else int(spec["replicas"])
    strategy = spec.get("strategy") or {}
    min_ready = int(spec.get("minReadySeconds") or 0)
    if strategy.get("type") == "Recreate":
        return Want(replicas=replicas, surge=0, unavailable=replicas, recreate=True, min_ready_seconds=min_ready)
    rolling = strategy.get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", "25%"), replicas, up=True)
    unavailable = min(replicas, _share(rolling.get("maxUnavailable", "25%"), replicas, up=False))
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Want(replicas=replicas, surge=surge, unavailable=unavailable, min_ready_seconds=min_ready)


def daemon_want(spec: Object, nodes: int) -> Want:
    """Want of a DaemonSet with one pod on each of `nodes` nodes."""
    rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", 0), nodes, up=True)
    unavailable = 0 if surge else max(1, _share(rolling.get("maxUnavailable", 1), nodes, up=True))
    return Want(
        replicas=nodes, surge=surge, unavailable=unavailable, min_ready_seconds=int(spec.get("minReadySeconds") or 0)
    )


def moves(want: Want, have: Have, now: float) -> tuple[int, list[Object]]:
    """How many pods to create now, and which to delete now (those that are not ready first)."""
    total = len(have.new) + len(have.old)
    if want.recreate and (have.old or have.ending_old):
        return 0, have.old
    room = want.replicas + want.surge - total
    create = max(0, min(want.replicas - len(have.new), room))
    surplus = max(0, len(have.new) - want.replicas)
    return create, expendable(have.new)[:surplus] + _retire(want, have, now)


def expendable(pods: list[Object]) -> list[Object]:
    """Pods in the order they are given up: not ready before ready, young before old."""
    return sorted(
        sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp")), reverse=True), key=is_ready
    )


def _retire(want: Want, have: Have, now: float) -> list[Object]:
    available = have.available(want, now)
    floor = want.replicas - want.unavailable
    new_unavailable = sum(pod not in available for pod in have.new)
    budget = max(0, len(have.new) + len(have.old) - floor - new_unavailable)
    broken = [pod for pod in have.old if pod not in available][:budget]
    budget = min(budget - len(broken), max(0, len(available) - floor))
    return broken + [pod for pod in expendable(have.old) if pod in available][:budget]


def deployment_status(deployment: Object, want: Want, have: Have, now: float) -> Object:
    """The status of a Deployment after this look at its pods."""
    before = deployment.get("status") or {}
    status = {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        **replica_counts(want, have, now),
    }
    enough = status["availableReplicas"] >= want.replicas - (0 if want.recreate else want.unavailable)
    available = _condition(
        "Available",
        "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        f"Deployment {'has' if enough else 'does not have'} minimum availability.",
        now,
        ok=enough,
    )
    conditions = [_kept(deployment, available), _progress(deployment, before, status, want, now)]
    return status | {"conditions": conditions}


def daemon_status(daemon_set: Object, want: Want, have: Have, now: float) -> Object:
    """The status of a DaemonSet after this look at its pods."""
    counts = replica_counts(want, have, now)
    return {
        "observedGeneration": daemon_set["metadata"].get("generation", 1),
        "desiredNumberScheduled": want.replicas,
        "currentNumberScheduled": min(counts["replicas"], want.replicas),
        "updatedNumberScheduled": counts["updatedReplicas"],
        "numberReady": counts["readyReplicas"],
        "numberAvailable": counts["availableReplicas"],
        "numberUnavailable": max(0, want.replicas - counts["availableReplicas"]),
        "numberMisscheduled": 0,
    }


def replica_counts(want: Want, have: Have, now: float) -> dict[str, int]:
    """The numbers in a Deployment's status."""
    pods, available = have.new + have.old, len(have.available(want, now))
    return {
        "replicas": len(pods),
        "updatedReplicas": len(have.new),
        "readyReplicas": sum(map(is_ready, pods)),
        "availableReplicas": available,
        "unavailableReplicas": max(0, max(len(pods), want.replicas) - available),
    }


def _progress(deployment: Object, before: Object, status: Object, want: Want, now: float) -> Condition:
    current = condition(deployment, "Progressing")
    name = f'ReplicaSet "{deployment["metadata"]["name"]}-{template_hash(deployment)}"'
    if name not in current.get("message", ""):
        current = _condition("Progressing", NEW, f"Created new {name}", now)
    elif current["reason"] == COMPLETE and status["replicas"] == status["updatedReplicas"]:
        return current  # scaling a finished rollout is no progress and has no deadline
    if status["updatedReplicas"] == status["replicas"] == status["availableReplicas"] == want.replicas:
        done = _condition("Progressing", COMPLETE, f"{name} has successfully progressed.", now)
        return _kept(deployment, done)
    if _went_on(before, status):
        moved = _condition("Progressing", UPDATED, f"{name} is progressing.", now)
        return moved | ({"lastTransitionTime": current["lastTransitionTime"]} if current["status"] == "True" else {})
    deadline = int(deployment["spec"].get("progressDeadlineSeconds") or 600)
    if current["reason"] not in {COMPLETE, TIMED_OUT} and now - seconds(current["lastUpdateTime"]) > deadline:
        return _condition("Progressing", TIMED_OUT, f"{name} has timed out progressing.", now, ok=False)
    return current


def _went_on(before: Object, status: Object) -> bool:
    def old(counts: Object) -> int:
        return int(counts.get("replicas", 0)) - int(counts.get("updatedReplicas", 0))

    fewer_old = old(status) < old(before)
    more = any(status[key] > before.get(key, 0) for key in ("updatedReplicas", "readyReplicas", "availableReplicas"))
    return fewer_old or more


def _condition(kind: str, reason: str, message: str, now: float, *, ok: bool = True) -> Condition:
    moment = timestamp(now)
    return {
        "type": kind,
        "status": str(ok),
        "reason": reason,
        "message": message,
        "lastUpdateTime": moment,
        "lastTransitionTime": moment,
    }


def _kept(deployment: Object, new: Condition) -> Condition:
    """The condition there is when nothing changes, with its times (SetDeploymentCondition)."""
    current: Condition = condition(deployment, new["type"])
    if current.get("status") != new["status"]:
        return new
    if current.get("reason") == new["reason"] and current.get("message") == new["message"]:
        return current
    return new | {"lastTransitionTime": current["lastTransitionTime"]}


def template_hash(workload: Object) -> str:
    """A short name for the pod template, equal for equal templates."""
    canonical = json.dumps(workload["spec"]["template"], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:10]


def _share(value: object, total: int, *, up: bool) -> int:
    text = str(value)
    if not text.endswith("%"):
        return int(text)
    exact = int(text[:-1]) * total / 100
    return math.ceil(exact) if up else math.floor(exact)
