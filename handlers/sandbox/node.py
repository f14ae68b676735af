"""The sandbox's only node: binds pending pods to itself and runs each as a small process on 127.0.0.1."""

import asyncio
import os
import platform
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from handlers.sandbox.heartbeat import Heartbeat
from handlers.sandbox.informer import Agent, Informers
from handlers.sandbox.kube import NODES, PODS, ApiError, Kube, Object, timestamp
from handlers.sandbox.pods import is_ending, is_over, matches
from handlers.sandbox.runner import Runner

NAME = "sandbox"
DRAIN_SECONDS = 0.3


def _nobody(_address: tuple[str, int]) -> bool:
    return False


class Node(Agent):
    """Scheduler and kubelet in one; `serving` is asked before a pod's program is stopped (see Runner).

    `schedules=False` leaves pods to a scheduler and sends signs of life, for a cluster that has its own controllers.
    """

    def __init__(
        self,
        kube: Kube,
        informers: Informers,
        *,
        serving: Callable[[tuple[str, int]], bool] = _nobody,
        drain: float = DRAIN_SECONDS,
        schedules: bool = True,
    ) -> None:
        self.kube = kube
        self.pods = informers[PODS]
        self.name = NAME
        self._schedules = schedules
        self._heartbeat = Heartbeat(kube, NAME)
        self._serving = serving
        self._drain = drain
        self._runners: dict[str, tuple[Runner, asyncio.Task[None]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        super().__init__([self.pods])

    def start(self) -> None:
        """Register the node, then begin to run pods."""
        register(self.kube, self.name)
        self._loop = asyncio.new_event_loop()
        self._tasks = threading.Thread(target=self._loop.run_forever, name="pods", daemon=True)
        self._tasks.start()
        super().start()

    def stop(self) -> None:
        """Stop all pods' programs without ceremony; their objects stay as they are."""
        super().stop()
        if self._loop:
            asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result(timeout=15)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._tasks.join(timeout=5)
            self._loop.close()

    def pids(self) -> list[int]:
        """Process ids of the pods that run now."""
        processes = [runner.process for runner, _ in list(self._runners.values())]
        return [process.pid for process in processes if process and process.returncode is None]

    def reconcile(self) -> None:
        """Bind what is pending, start what is bound, end what is deleted."""
        known = {pod["metadata"]["uid"]: pod for pod in self.pods.objects()}
        labels = _labels(self.name)
        if not self._schedules:
            self._heartbeat.beat(time.monotonic(), datetime.now(UTC))  # noqa: TID251  the cluster's own clock
        for pod in known.values():
            spec = pod["spec"]
            if is_ending(pod) and spec.get("nodeName") in {None, "", self.name}:
                self._bury(pod)
            elif self._schedules and not spec.get("nodeName") and _fits(spec, labels):
                self._bind(pod)
        if self._loop:
            asyncio.run_coroutine_threadsafe(self._update(known), self._loop).result(timeout=15)

    def _bind(self, pod: Object) -> None:
        meta = pod["metadata"]
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": self.name},
        }
        try:
            self.kube.create(PODS, binding, meta["name"], "binding")
        except ApiError as error:
            if error.status not in {404, 409}:  # gone, or bound already
                raise

    def _bury(self, pod: Object) -> None:
        """Remove the object of a deleted pod that never ran here."""
        meta = pod["metadata"]
        if meta["uid"] not in self._runners:
            with suppress(ApiError):  # gone already
                self.kube.delete(PODS, meta["namespace"], meta["name"], grace=0, uid=meta["uid"])

    async def _update(self, known: dict[str, Object]) -> None:
        for uid, pod in known.items():
            ours = pod["spec"].get("nodeName") == self.name
            if ours and uid not in self._runners and not is_over(pod) and not is_ending(pod):
                runner = Runner(self.kube, pod, serving=self._serving, drain=self._drain)
                self._runners[uid] = runner, asyncio.create_task(runner.run())
        for uid, (runner, task) in list(self._runners.items()):
            if uid not in known or is_ending(known[uid]):
                runner.deleted.set()
            if task.done() and uid not in known:
                del self._runners[uid]


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def register(kube: Kube, name: str) -> None:
    """Create the Node object, ready and without taints."""
    with suppress(ApiError):  # it may be there from an earlier run
        kube.create(NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": _labels(name)}})
    kube.patch(NODES, "", name, {"spec": {"taints": None}})
    room = {"cpu": str(os.cpu_count()), "memory": "4Gi", "pods": "110"}
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "the sandbox runs pods as processes",
        "lastHeartbeatTime": timestamp(),
        "lastTransitionTime": timestamp(),
    }
    addresses = [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": name}]
    status = {"conditions": [ready], "capacity": room, "allocatable": room, "addresses": addresses}
    kube.patch(NODES, "", name, {"status": status}, "status")


def _labels(name: str) -> dict[str, str]:
    return {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
    }


def _fits(spec: Object, labels: dict[str, str]) -> bool:
    return not spec.get("nodeSelector") or matches(spec["nodeSelector"], labels)
