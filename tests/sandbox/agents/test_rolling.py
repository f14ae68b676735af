"""The rules by which a workload rolls out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.sandbox.kube import timestamp
from handlers.sandbox.pods import condition
from handlers.sandbox.rolling import Have, Want, daemon_want, deployment_status, deployment_want, moves

NOW = 1_000_000.0


def a_pod(name: str, *, ready: bool) -> dict[str, Any]:
    """A pod that has been ready, or not, for a minute."""
    state = {"type": "Ready", "status": str(ready), "lastTransitionTime": timestamp(NOW - 60)}
    return {"metadata": {"name": name, "creationTimestamp": timestamp(NOW - 60)}, "status": {"conditions": [state]}}


def some_pods(prefix: str, ready: list[bool]) -> list[dict[str, Any]]:
    """One pod for each entry."""
    return [a_pod(f"{prefix}{number}", ready=state) for number, state in enumerate(ready)]


def a_deployment(**spec: Any) -> dict[str, Any]:
    """A Deployment of generation 7."""
    return {"metadata": {"name": "app", "generation": 7}, "spec": {"template": {"spec": {}}, **spec}}


@pytest.mark.parametrize(
    ("spec", "surge", "unavailable"),
    [
        ({"replicas": 10}, 3, 2),
        ({"replicas": 1}, 1, 0),
        ({"replicas": 4, "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "50%"}}}, 0, 2),
        ({"replicas": 3, "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}}, 0, 1),
        ({"replicas": 0}, 0, 1),
    ],
)
def test_surge_is_rounded_up_and_unavailable_down(spec: dict[str, Any], surge: int, unavailable: int) -> None:
    """Percentages are of the replicas, and a rollout can always move."""
    want = deployment_want(spec)
    assert (want.surge, want.unavailable) == (surge, unavailable)


pods_ready = st.lists(st.booleans(), max_size=6)


@given(st.integers(0, 5), st.integers(0, 3), st.integers(0, 3), pods_ready, pods_ready)
def test_a_rollout_stays_within_its_limits(
    replicas: int, surge: int, unavailable: int, new: list[bool], old: list[bool]
) -> None:
    """No move goes above replicas + surge, or takes an available pod away below replicas - unavailable."""
    want = Want(replicas=replicas, surge=surge, unavailable=unavailable)
    have = Have(new=some_pods("new", new), old=some_pods("old", old))
    create, delete = moves(want, have, NOW)
    total = len(new) + len(old)
    assert create == 0 or total + create <= replicas + surge
    assert create == 0 or len(new) + create <= replicas
    before = len(have.available(want, NOW))
    after = before - sum(pod in have.available(want, NOW) for pod in delete)
    surplus = max(0, len(new) - replicas)
    assert after >= min(before, replicas - unavailable) - surplus


@given(st.integers(0, 5), st.integers(0, 3), st.integers(0, 3), pods_ready, st.booleans())
def test_a_rollout_comes_to_its_end(
    replicas: int, surge: int, unavailable: int, old: list[bool], recreate: bool
) -> None:
    """When every new pod becomes ready, repeated moves leave exactly the wanted pods of the new template."""
    surge = surge if surge or unavailable else 1
    want = Want(replicas=replicas, surge=surge, unavailable=unavailable, recreate=recreate)
    have = Have(new=[], old=some_pods("old", old))
    for look in range(40):
        create, delete = moves(want, have, NOW)
        have = Have(
            new=[pod for pod in have.new if pod not in delete] + some_pods(f"new{look}-", [True] * create),
            old=[pod for pod in have.old if pod not in delete],
        )
    assert (len(have.new), have.old) == (replicas, [])


def test_recreate_waits_until_the_last_old_pod_has_ended() -> None:
    """Nothing new starts while an old pod is still ending."""
    want = Want(replicas=2, surge=0, unavailable=2, recreate=True)
    assert moves(want, Have(new=[], old=[], ending_old=1), NOW) == (0, [])
    assert moves(want, Have(new=[], old=[]), NOW) == (2, [])


def test_scaling_down_gives_up_pods_that_are_not_ready_first() -> None:
    """A ready pod stays as long as there is one that is not."""
    have = Have(new=some_pods("pod", [True, False, True]), old=[])
    _, delete = moves(Want(replicas=2, surge=1, unavailable=0), have, NOW)
    assert [pod["metadata"]["name"] for pod in delete] == ["pod1"]


def test_a_young_pod_is_not_available_yet() -> None:
    """The wait of minReadySeconds holds a rollout back."""
    have = Have(new=some_pods("new", [True]), old=some_pods("old", [True]))
    want = Want(replicas=1, surge=1, unavailable=0, min_ready_seconds=3600)
    assert moves(want, have, NOW) == (0, [])


def test_a_daemon_set_replaces_its_pod_on_the_node() -> None:
    """With the default strategy the old pod goes first."""
    have = Have(new=[], old=some_pods("old", [True]))
    create, delete = moves(daemon_want({}, 1), have, NOW)
    assert (create, len(delete)) == (0, 1)


def settled(deployment: dict[str, Any], have: Have, now: float = NOW) -> dict[str, Any]:
    """The Deployment with its status after one look."""
    status = deployment_status(deployment, deployment_want(deployment["spec"]), have, now)
    return deployment | {"status": status}


def test_the_status_of_a_finished_rollout() -> None:
    """All counts, the observed generation and both conditions say that it is done."""
    status = settled(a_deployment(replicas=2), Have(new=some_pods("new", [True, True]), old=[]))["status"]
    assert status["observedGeneration"] == 7
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas")
    assert [status[name] for name in counts] == [2, 2, 2, 2, 0]
    reasons = {entry["type"]: (entry["status"], entry["reason"]) for entry in status["conditions"]}
    assert reasons == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }


def test_a_rollout_that_does_not_move_runs_out_of_time() -> None:
    """After progressDeadlineSeconds Progressing turns False, and both conditions keep the time of their change."""
    have = Have(new=some_pods("new", [False]), old=[])
    deployment = settled(a_deployment(replicas=1, progressDeadlineSeconds=10), have)
    deployment = settled(deployment, have, NOW + 5)
    assert condition(deployment, "Progressing")["status"] == "True"
    deployment = settled(deployment, have, NOW + 20)
    progressing, available = condition(deployment, "Progressing"), condition(deployment, "Available")
    assert (progressing["status"], progressing["reason"]) == ("False", "ProgressDeadlineExceeded")
    assert (available["status"], available["reason"]) == ("False", "MinimumReplicasUnavailable")
    assert available["lastTransitionTime"] == timestamp(NOW)


def test_scaling_a_finished_rollout_has_no_deadline() -> None:
    """A Deployment that finished at 0 replicas stays NewReplicaSetAvailable when scaled up, as on a real cluster."""
    deployment = settled(a_deployment(replicas=0, progressDeadlineSeconds=10), Have(new=[], old=[]))
    deployment["spec"]["replicas"] = 1
    deployment = settled(deployment, Have(new=some_pods("new", [False]), old=[]), NOW + 100)
    assert condition(deployment, "Progressing")["reason"] == "NewReplicaSetAvailable"
    assert condition(deployment, "Available")["status"] == "False"


def test_a_new_template_begins_a_new_rollout() -> None:
    """Progressing starts over when the template changes."""
    deployment = settled(a_deployment(replicas=1), Have(new=some_pods("new", [True]), old=[]))
    deployment["spec"]["template"] = {"spec": {"containers": []}}
    deployment = settled(deployment, Have(new=[], old=some_pods("old", [True])), NOW + 100)
    progressing = condition(deployment, "Progressing")
    assert (progressing["reason"], progressing["lastUpdateTime"]) == ("NewReplicaSetCreated", timestamp(NOW + 100))
