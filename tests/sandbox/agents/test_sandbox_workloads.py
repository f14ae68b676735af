"""What becomes of workloads in the sandbox."""

import os
import signal

import pytest

from handlers.sandbox.kube import DAEMON_SETS, DEPLOYMENTS, JOBS, ApiError
from handlers.sandbox.pods import condition, is_ready
from tests.sandbox.agents.place import Manifest, Place


def test_a_deployment_reports_that_it_is_done(place: Place) -> None:
    """Status and conditions are what `kubectl rollout status` and canary tools wait for."""
    place.deployment("app", "1", replicas=2)
    found = place.sandbox.kube.get(DEPLOYMENTS, place.namespace, "app")
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
    assert condition(found, "Available")["reason"] == "MinimumReplicasAvailable"
    assert condition(found, "Progressing")["reason"] == "NewReplicaSetAvailable"
    for pod in place.pods():
        assert pod["metadata"]["labels"]["pod-template-hash"]
        assert pod["metadata"]["ownerReferences"][0]["name"] == "app"


def test_a_deployment_that_never_gets_ready_says_so(place: Place) -> None:
    """Available is False from the start, and Progressing after the deadline."""
    place.deployment("app", "1-never-ready", progressDeadlineSeconds=1, wait=False)

    def reasons() -> set[str]:
        found = place.sandbox.kube.get(DEPLOYMENTS, place.namespace, "app")
        return {entry["reason"] for entry in found["status"].get("conditions", [])}

    place.eventually(lambda: reasons() == {"MinimumReplicasUnavailable", "ProgressDeadlineExceeded"}, "both say so")


def test_scaling_and_deleting_end_pods(place: Place) -> None:
    """Pods that are not wanted any more are gone, and their programs with them."""
    before = set(place.sandbox.pids())
    place.deployment("app", "1", replicas=3)
    mine = set(place.sandbox.pids()) - before
    assert len(mine) == 3
    place.deployment("app", "1", replicas=1)
    place.eventually(lambda: len(place.pods()) == 1, "one pod is left")
    place.sandbox.kube.delete(DEPLOYMENTS, place.namespace, "app")
    place.eventually(lambda: place.pods() == [], "no pod is left")
    place.eventually(lambda: not mine & set(place.sandbox.pids()), "no program is left")


def test_a_killed_program_is_started_again(place: Place) -> None:
    """The pod stays, counts a restart and becomes ready again on another port."""
    before = set(place.sandbox.pids())
    place.deployment("app", "1")
    (pid,) = set(place.sandbox.pids()) - before
    os.kill(pid, signal.SIGKILL)

    def restarted() -> bool:
        (pod,) = place.pods()
        return pod["status"]["containerStatuses"][0]["restartCount"] == 1 and is_ready(pod)

    place.eventually(restarted, "the pod is ready after a restart")


def test_a_program_that_ends_at_once_crash_loops(place: Place) -> None:
    """The container waits as CrashLoopBackOff and is started again and again."""
    place.deployment("app", "1-crash", wait=False)

    def loops() -> bool:
        statuses = [entry for pod in place.pods() for entry in pod["status"].get("containerStatuses", [])]
        return any(
            entry["restartCount"] > 1 and "CrashLoopBackOff" in str(entry["state"].get("waiting")) for entry in statuses
        )

    place.eventually(loops, "the pod crash-loops")


@pytest.mark.parametrize(
    ("command", "spec", "verdict", "reason"),
    [
        (["echo", "done"], {}, "Complete", "CompletionsReached"),
        (["exit", "3"], {"backoffLimit": 1}, "Failed", "BackoffLimitExceeded"),
        (["sleep", "60"], {"activeDeadlineSeconds": 1}, "Failed", "DeadlineExceeded"),
    ],
)
def test_a_job_ends(place: Place, command: list[str], spec: Manifest, verdict: str, reason: str) -> None:
    """It completes, fails after its retries, or runs out of time."""
    containers = [{"name": "work", "image": "tools", "command": command}]
    template = {"spec": {"restartPolicy": "Never", "containers": containers}}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": place.meta("work"),
        "spec": {"template": template, **spec},
    }
    place.sandbox.apply(job)

    def found() -> Manifest:
        return place.sandbox.kube.get(JOBS, place.namespace, "work")

    place.eventually(lambda: condition(found(), verdict).get("status") == "True", f"the Job is {verdict}")
    assert condition(found(), verdict)["reason"] == reason


def test_a_daemon_set_has_one_pod_on_the_only_node(place: Place) -> None:
    """A node selector that no node fulfils takes the pod away, which is how a canary DaemonSet is scaled to zero."""
    spec = {"containers": [{"name": "app", "image": "app:1"}]}
    labels = {"app": "app"}
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": place.meta("app"),
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
    }

    def numbers() -> tuple[int, int]:
        status = place.sandbox.kube.get(DAEMON_SETS, place.namespace, "app")["status"]
        return status["desiredNumberScheduled"], status["numberReady"]

    place.sandbox.apply(manifest)
    place.eventually(lambda: numbers() == (1, 1), "one pod is ready")
    selector = {"spec": {"template": {"spec": {"nodeSelector": {"nowhere": "true"}}}}}
    place.sandbox.kube.patch(DAEMON_SETS, place.namespace, "app", selector)
    place.eventually(lambda: numbers() == (0, 0) and place.pods() == [], "no pod is left")


def test_deleting_what_is_not_there_is_an_error_with_a_status(place: Place) -> None:
    """Callers can tell 404 from everything else."""
    with pytest.raises(ApiError) as error:
        place.sandbox.kube.delete(DEPLOYMENTS, place.namespace, "missing")
    assert error.value.status == 404


def test_each_pod_has_a_session_of_its_own(place: Place) -> None:
    """Linux shares the processor out between sessions, so a pod does not wait for what else the sandbox does."""
    place.deployment("app", "1", replicas=2)
    pods = place.sandbox.agents.node.pids()
    assert len(pods) >= 2
    assert all(os.getsid(pid) == pid for pid in pods)
