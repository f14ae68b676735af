"""The workload controller of the sandbox: Deployments and DaemonSets become Pods, and report how far they are."""

import secrets
import time
from copy import deepcopy

from handlers.sandbox import rolling
from handlers.sandbox.informer import Agent, Informer, Informers
from handlers.sandbox.kube import DAEMON_SETS, DEPLOYMENTS, NODES, PODS, ApiError, Kube, Object
from handlers.sandbox.pods import HASH_LABEL, is_ending, is_news, is_over, matches, owner
from handlers.sandbox.rolling import Have, Want


class Workloads(Agent):
    """Rolls Deployments and DaemonSets out.

    Pods belong to their Deployment directly: there are no ReplicaSets, so `kubectl rollout undo` has no history here.
    """

    def __init__(self, kube: Kube, informers: Informers) -> None:
        self.kube = kube
        self.pods = informers[PODS]
        self.nodes = informers[NODES]
        self.deployments = informers[DEPLOYMENTS]
        self.daemon_sets = informers[DAEMON_SETS]
        super().__init__([self.pods, self.nodes, self.deployments, self.daemon_sets])

    def reconcile(self) -> None:
        """Look at every workload; one that fails does not keep the others waiting."""
        by_owner = pods_by_owner(self.pods)
        failures: list[ApiError] = []
        for informer, look in ((self.deployments, self._deployment), (self.daemon_sets, self._daemon_set)):
            for workload in informer.objects():
                try:
                    if not is_ending(workload):
                        look(workload, by_owner.get(workload["metadata"]["uid"], []))
                except ApiError as error:
                    failures.append(error)
        if failures:
            raise failures[0]

    def _deployment(self, deployment: Object, pods: list[Object]) -> None:
        want, now = rolling.deployment_want(deployment["spec"]), time.time()  # noqa: TID251  the cluster's own clock
        have = self._roll(deployment, "Deployment", pods, want, now)
        self._report(self.deployments, deployment, rolling.deployment_status(deployment, want, have, now))

    def _daemon_set(self, daemon_set: Object, pods: list[Object]) -> None:
        selector = daemon_set["spec"]["template"]["spec"].get("nodeSelector") or {}
        nodes = [
            node for node in self.nodes.objects() if not selector or matches(selector, node["metadata"].get("labels"))
        ]
        want, now = rolling.daemon_want(daemon_set["spec"], len(nodes)), time.time()  # noqa: TID251  see above
        have = self._roll(daemon_set, "DaemonSet", pods, want, now)
        self._report(self.daemon_sets, daemon_set, rolling.daemon_status(daemon_set, want, have, now))

    def _roll(self, workload: Object, kind: str, pods: list[Object], want: Want, now: float) -> Have:
        have = _have(pods, rolling.template_hash(workload))
        create, delete = rolling.moves(want, have, now)
        for pod in delete:
            delete_pod(self.kube, self.pods, pod)
        made = [create_pod(self.kube, self.pods, workload, kind) for _ in range(create)]
        return Have(
            new=[pod for pod in have.new if pod not in delete] + made,
            old=[pod for pod in have.old if pod not in delete],
        )

    def _report(self, informer: Informer, workload: Object, status: Object) -> None:
        if is_news(status, workload):
            meta = workload["metadata"]
            patch = {"status": status}
            informer.put(self.kube.patch(informer.resource, meta["namespace"], meta["name"], patch, "status"))


def create_pod(kube: Kube, informer: Informer, workload: Object, kind: str) -> Object:
    """A Pod from the workload's template, owned by it and labelled with the template's hash."""
    meta, template = workload["metadata"], deepcopy(workload["spec"]["template"])
    digest = rolling.template_hash(workload)
    inner = template.get("metadata") or {}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{meta['name']}-{digest}-{secrets.token_hex(3)[:5]}",
            "namespace": meta["namespace"],
            "labels": (inner.get("labels") or {}) | {HASH_LABEL: digest},
            "annotations": inner.get("annotations") or {},
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1" if kind == "Job" else "apps/v1",
                    "kind": kind,
                    "name": meta["name"],
                    "uid": meta["uid"],
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": template["spec"],
    }
    made = kube.create(PODS, pod)
    informer.put(made)
    return made


def delete_pod(kube: Kube, informer: Informer, pod: Object) -> None:
    """Ask for a pod to be ended gracefully; one that is gone already is no error."""
    meta = pod["metadata"]
    try:
        informer.put(kube.delete(PODS, meta["namespace"], meta["name"], uid=meta["uid"]))
    except ApiError as error:
        if error.status not in {404, 409}:
            raise


def pods_by_owner(informer: Informer) -> dict[str, list[Object]]:
    """Pods by the uid of the object that controls them."""
    found: dict[str, list[Object]] = {}
    for pod in informer.objects():
        found.setdefault(owner(pod).get("uid", ""), []).append(pod)
    return found


def _have(pods: list[Object], digest: str) -> Have:
    new, old, ending_old = [], [], 0
    for pod in pods:
        current = (pod["metadata"].get("labels") or {}).get(HASH_LABEL) == digest
        if is_ending(pod) or is_over(pod):
            ending_old += not current
        elif current:
            new.append(pod)
        else:
            old.append(pod)
    return Have(new=new, old=old, ending_old=ending_old)
