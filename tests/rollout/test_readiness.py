"""When a Deployment counts as ready: Flagger's cases and the ones that must differ."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.rollout.objects.readiness import Readiness, readiness

WAITING = "waiting for rollout to finish: "
COUNTS = st.integers(0, 20)


def deployment(*, replicas: int | None = None, generation: int = 1, observed: int = 1, **status: Any) -> dict[str, Any]:
    """A Deployment as the API server shows it."""
    return {
        "metadata": {"name": "podinfo", "generation": generation},
        "spec": {} if replicas is None else {"replicas": replicas},
        "status": {"observedGeneration": observed, **status},
    }


def condition(kind: str, reason: str = "") -> dict[str, str]:
    """A condition of a Deployment."""
    return {"type": kind, "reason": reason}


def stuck(**fields: Any) -> dict[str, Any]:
    """A Deployment that Kubernetes has given up on."""
    return deployment(
        conditions=[condition("Available"), condition("Progressing", "ProgressDeadlineExceeded")], **fields
    )


CASES = [
    pytest.param(
        deployment(generation=2, updatedReplicas=1, availableReplicas=1),
        f"{WAITING}observed deployment generation less than desired generation",
        id="isDeploymentReady: observed generation is less than desired generation",
    ),
    pytest.param(
        {"metadata": {"generation": 0}, "status": {"observedGeneration": -1}},
        f"{WAITING}observed deployment generation less than desired generation",
        id="isDeploymentReady: observed generation of minus one",
    ),
    pytest.param(
        {"metadata": {"generation": 1}, "spec": {"replicas": 1}},
        f"{WAITING}observed deployment generation less than desired generation",
        id="a status that nobody has written yet",
    ),
    pytest.param(
        deployment(replicas=2, updatedReplicas=1),
        f"{WAITING}1 out of 2 new replicas have been updated",
        id="isDeploymentReady: old",
    ),
    pytest.param(
        deployment(),
        f"{WAITING}0 out of 1 new replicas have been updated",
        id="no replicas in the spec means one",
    ),
    pytest.param(
        deployment() | {"status": {"observedGeneration": 1, "updatedReplicas": 1, "replicas": 2}},
        f"{WAITING}1 old replicas are pending termination",
        id="isDeploymentReady: waiting for old replicas to be terminated",
    ),
    pytest.param(
        deployment(updatedReplicas=2, availableReplicas=1),
        f"{WAITING}1 of 2 (readyThreshold 100%) updated replicas are available",
        id="isDeploymentReady: waiting for updated ones to be available",
    ),
    pytest.param(
        deployment(replicas=0),
        'deployment "podinfo" is scaled to zero',
        id="IsReady: a target scaled to zero, which Flagger takes for ready",
    ),
]


@pytest.mark.parametrize(("obj", "reason"), CASES)
def test_a_rollout_under_way_is_waited_for_in_words(obj: dict[str, Any], reason: str) -> None:
    """What is not ready says why, as Flagger words it, and may still become ready.

    Flagger's TestDeploymentController_isDeploymentReady.
    """
    assert readiness(obj, 100) == Readiness(ready=False, reason=reason, exceeded=False, available=_available(obj))


def _available(obj: dict[str, Any]) -> int:
    return int(obj.get("status", {}).get("availableReplicas", 0))


def test_what_runs_everywhere_is_ready() -> None:
    """isDeploymentReady, ok: every replica updated and available.

    Flagger's TestDeploymentController_isDeploymentReady.
    """
    obj = deployment(
        replicas=1,
        updatedReplicas=1,
        readyReplicas=1,
        availableReplicas=1,
        conditions=[condition("Progressing", "NewReplicaSetAvailable")],
    )

    assert readiness(obj, 100) == Readiness(ready=True, available=1)


def test_a_rollout_that_kubernetes_gave_up_on_has_exceeded_its_deadline() -> None:
    """isDeploymentReady, ProgressDeadlineExceeded: waiting on has no point.

    Flagger's TestDeploymentController_isDeploymentReady.
    """
    expected = Readiness(ready=False, reason='deployment "podinfo" exceeded its progress deadline', exceeded=True)

    assert readiness(stuck(), 100) == expected


@pytest.mark.parametrize(
    "obj",
    [
        pytest.param(stuck(generation=2), id="the condition is about the spec before"),
        pytest.param(stuck(replicas=0), id="there is nothing to wait for"),
    ],
)
def test_an_old_verdict_does_not_count(obj: dict[str, Any]) -> None:
    """A deadline that was exceeded earlier must not fail what has changed since."""
    assert not readiness(obj, 100).exceeded


@pytest.mark.parametrize(
    ("updated", "available", "threshold", "ready"),
    [
        pytest.param(1, 1, 50, True, id="readyThreshold: ok"),
        pytest.param(4, 2, 50, True, id="readyThreshold: 50% is available, ok"),
        pytest.param(4, 1, 50, False, id="readyThreshold: less than 50% available"),
        pytest.param(3, 1, 50, True, id="half of three is rounded down"),
        pytest.param(1, 0, 50, False, id="at least one, where half of one is none"),
        pytest.param(3, 0, 0, False, id="at least one, whatever the threshold"),
    ],
)
def test_a_threshold_asks_for_a_share_of_the_pods(updated: int, available: int, threshold: int, ready: bool) -> None:
    """The share is rounded down, and is never less than one pod.

    Flagger's TestDeploymentController_isDeploymentReady_readyThreshold.
    """
    obj = deployment(replicas=updated, updatedReplicas=updated, availableReplicas=available)

    assert readiness(obj, threshold).ready is ready


def test_a_ready_pod_counts_before_it_is_available() -> None:
    """Within minReadySeconds a pod takes traffic already, but the rollout is not over."""
    found = readiness(deployment(replicas=2, updatedReplicas=2, readyReplicas=2), 100)

    assert (found.ready, found.available) == (False, 2)


@given(
    wanted=st.none() | COUNTS,
    counts=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), COUNTS)
    ),
    threshold=st.integers(0, 100),
)
def test_ready_means_that_a_pod_can_take_traffic(wanted: int | None, counts: dict[str, int], threshold: int) -> None:
    """Nothing is ready without an available pod of the newest spec, and what is not ready says why."""
    obj = {
        "metadata": {"name": "podinfo", "generation": 1},
        "spec": {} if wanted is None else {"replicas": wanted},
        "status": {"observedGeneration": 1, **counts},
    }

    found = readiness(obj, threshold)

    assert found.ready == (not found.reason)
    assert not found.ready or (found.available >= 1 and counts.get("updatedReplicas", 0) >= 1 and wanted != 0)
