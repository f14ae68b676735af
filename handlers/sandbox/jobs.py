"""The job controller of the sandbox: a Job gets one pod at a time until it has completed, failed or run out of time."""

import time

from handlers.sandbox.informer import Agent, Informers
from handlers.sandbox.kube import JOBS, PODS, Kube, Object, timestamp
from handlers.sandbox.pods import condition, is_ending, is_news, is_over, seconds
from handlers.sandbox.workloads import create_pod, delete_pod, pods_by_owner


class Jobs(Agent):
    """Runs Jobs (kubernetes/pkg/controller/job/job_controller.go, without parallelism)."""

    def __init__(self, kube: Kube, informers: Informers) -> None:
        self.kube = kube
        self.pods = informers[PODS]
        self.jobs = informers[JOBS]
        super().__init__([self.pods, self.jobs])

    def reconcile(self) -> None:
        """Look at every Job that has not ended."""
        by_owner = pods_by_owner(self.pods)
        for job in self.jobs.objects():
            if not (is_ending(job) or condition(job, "Complete") or condition(job, "Failed")):
                self._look(job, by_owner.get(job["metadata"]["uid"], []))

    def _look(self, job: Object, pods: list[Object]) -> None:
        now = time.time()  # noqa: TID251  this is the cluster's own clock
        alive = [pod for pod in pods if not is_over(pod) and not is_ending(pod)]
        status, verdict = job_status(job, pods, len(alive), now)
        if verdict:
            for pod in alive:
                delete_pod(self.kube, self.pods, pod)
        elif not alive:
            create_pod(self.kube, self.pods, job, "Job")
            status["active"] = 1
        if is_news(status, job):
            meta = job["metadata"]
            answer = self.kube.patch(JOBS, meta["namespace"], meta["name"], {"status": status}, "status")
            self.jobs.put(answer)


def job_status(job: Object, pods: list[Object], active: int, now: float) -> tuple[Object, bool]:
    """The status of a Job from its pods, and whether it has ended."""
    spec = job["spec"]
    started = (job.get("status") or {}).get("startTime") or timestamp(now)
    phases = [(pod.get("status") or {}).get("phase") for pod in pods]
    succeeded, failed = phases.count("Succeeded"), phases.count("Failed")
    limit = 6 if spec.get("backoffLimit") is None else int(spec["backoffLimit"])
    status: Object = {"startTime": started, "active": active, "succeeded": succeeded, "failed": failed, "ready": active}
    deadline = spec.get("activeDeadlineSeconds")
    if succeeded >= int(spec.get("completions") or 1):
        done = _condition("Complete", "CompletionsReached", "Reached expected number of succeeded pods", now)
        return status | {"active": 0, "ready": 0, "completionTime": timestamp(now), "conditions": [done]}, True
    if failed > limit:
        broken = _condition("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit", now)
    elif deadline is not None and now - seconds(started) >= float(deadline):
        broken = _condition("Failed", "DeadlineExceeded", "Job was active longer than specified deadline", now)
    else:
        return status, False
    return status | {"active": 0, "ready": 0, "conditions": [broken]}, True


def _condition(kind: str, reason: str, message: str, now: float) -> Object:
    moment = timestamp(now)
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastProbeTime": moment,
        "lastTransitionTime": moment,
    }
