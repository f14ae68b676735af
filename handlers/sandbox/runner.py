"""The life of one pod on the sandbox's node: start its program, probe it, start it again, end it gracefully."""

import asyncio
import logging
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from handlers.sandbox.behaviour import behaviour, job_command
from handlers.sandbox.environment import Missing, environment
from handlers.sandbox.kube import PODS, ApiError, Kube, Object, Resource, timestamp
from handlers.sandbox.pods import CLOSED_ANNOTATION, PORT_ANNOTATION, condition, owner

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
PROGRAM = str(Path(__file__).with_name("pod.py"))
UNREADY_PERIOD = 0.05  # seconds between probes until the pod is ready
READY_PERIOD = 1.0
PROBE_TIMEOUT = 1.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0  # before a container that ended is started again; doubles each time


class Runner:
    """Runs one pod; `deleted` tells it to end.

    `serving` says whether the mesh still sends requests to an address: the program is not stopped before that is over
    and `drain` seconds have passed, so that no request is lost.
    """

    def __init__(self, kube: Kube, pod: Object, *, serving: Callable[[tuple[str, int]], bool], drain: float) -> None:
        self.kube = kube
        self.pod = pod
        self.deleted = asyncio.Event()
        self.process: Process | None = None
        self._serving = serving
        self._drain = drain
        self._restarts = 0
        self._started = timestamp()
        self._port = 0

    async def run(self) -> None:
        """From the first start until the object is gone."""
        with socket.socket() as self._closed:
            self._closed.bind((HOST, 0))  # and never listens: connections to ports that the pod has not are refused
            await self._run()

    async def _run(self) -> None:
        try:
            if owner(self.pod).get("kind") == "Job" or self.pod["spec"].get("restartPolicy") in {"Never", "OnFailure"}:
                await self._run_job()
            else:
                await self._run_server()
        finally:
            await self._kill()
        await self._remove()

    async def _remove(self) -> None:
        meta = self.pod["metadata"]
        try:
            await asyncio.to_thread(self.kube.delete, PODS, meta["namespace"], meta["name"], grace=0, uid=meta["uid"])
        except ApiError as error:
            if error.status not in {404, 409}:  # somebody else was faster
                log.warning("pod %s stays: %s", meta["name"], error)

    async def _run_server(self) -> None:
        if behaviour(self.pod["spec"]["containers"][0]).missing:
            await self._report("Pending", ready=False, state={"waiting": {"reason": "ImagePullBackOff"}})
            await self.deleted.wait()
            return
        pause = FIRST_PAUSE
        while not self.deleted.is_set():
            container = await self._configured()
            if container is None:
                return
            self.process = await start(self.pod["metadata"]["name"], container)
            self._port = await port_of(self.process)
            if self._port:
                await self._annotate({PORT_ANNOTATION: self._port})
                await self._probe(self.process)
            if self.deleted.is_set():
                await self._end(self.process)
                return
            self._restarts += 1
            await self._report("Running", ready=False, state={"waiting": {"reason": "CrashLoopBackOff"}})
            await _within(self.deleted.wait(), pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _configured(self) -> Object | None:
        """The container with its environment; waits for what is missing, None when the pod is deleted meanwhile."""
        container: Object = self.pod["spec"]["containers"][0]
        reported = False
        while not self.deleted.is_set():
            try:
                found = await asyncio.to_thread(environment, container, self._find)
            except Missing as error:
                if not reported:
                    state = {"waiting": {"reason": "CreateContainerConfigError", "message": str(error)}}
                    await self._report("Pending", ready=False, state=state)
                reported = True
                await _within(self.deleted.wait(), FIRST_PAUSE)
            else:
                return container | {"env": [{"name": name, "value": value} for name, value in found.items()]}
        return None

    def _find(self, resource: Resource, name: str) -> Object | None:
        try:
            return self.kube.get(resource, self.pod["metadata"]["namespace"], name)
        except ApiError as error:
            if error.status == 404:  # noqa: PLR2004  the HTTP status
                return None
            raise Missing(str(error)) from error

    async def _probe(self, process: Process) -> None:
        """Report readiness whenever it changes, until the program ends or the pod is deleted."""
        over = asyncio.ensure_future(_first(process.wait(), self.deleted.wait()))
        known = None
        while not over.done():
            ready = await probe(self.pod, self._port)
            if ready != known and not over.done():
                await self._report("Running", ready=ready, state={"running": {"startedAt": timestamp()}})
                known = ready
            await asyncio.wait([over], timeout=READY_PERIOD if ready else UNREADY_PERIOD)

    async def _end(self, process: Process) -> None:
        """Out of the mesh first, then drained, then SIGTERM, within the grace period (Kubernetes: Pod Lifecycle)."""
        grace = float(self.pod["spec"].get("terminationGracePeriodSeconds") or 30)
        deadline = time.monotonic() + grace
        serving = partial(self._serving, (HOST, self._port))
        while serving() and time.monotonic() < deadline:  # noqa: ASYNC110  the mesh is in another thread, and is asked
            await asyncio.sleep(0.02)
        await asyncio.sleep(self._drain)
        if process.returncode is None:
            process.terminate()
            await _within(process.wait(), grace)

    async def _kill(self) -> None:
        if self.process and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def _run_job(self) -> None:
        """Do what the command says; the pod stays as Succeeded or Failed until it is deleted."""
        name, number = job_command(self.pod["spec"]["containers"][0])
        await self._annotate({})
        await self._report("Running", ready=True, state={"running": {"startedAt": timestamp()}})
        await _within(self.deleted.wait(), number if name == "sleep" else 0)
        code = int(number) if name == "exit" else 0
        ended = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed"}}
        await self._report("Failed" if code else "Succeeded", ready=False, state=ended)
        await self.deleted.wait()

    async def _annotate(self, ports: dict[str, int]) -> None:
        annotations = {
            name: str(port) for name, port in {CLOSED_ANNOTATION: self._closed.getsockname()[1], **ports}.items()
        }
        await self._patch({"metadata": {"annotations": annotations}})

    async def _report(self, phase: str, *, ready: bool, state: Object) -> None:
        await self._patch({"status": self._status(phase, ready=ready, state=state)}, "status")

    async def _patch(self, patch: Object, subresource: str = "") -> None:
        meta = self.pod["metadata"]
        try:
            self.pod = await asyncio.to_thread(
                self.kube.patch, PODS, meta["namespace"], meta["name"], patch, subresource
            )
        except ApiError as error:
            if error.status == 404:  # noqa: PLR2004  the object is gone without a grace period
                self.deleted.set()

    def _status(self, phase: str, *, ready: bool, state: Object) -> Object:
        conditions = {"PodScheduled": True, "Initialized": True, "ContainersReady": ready, "Ready": ready}
        return {
            "phase": phase,
            "hostIP": HOST,
            "podIP": HOST,
            "podIPs": [{"ip": HOST}],
            "startTime": self._started,
            "conditions": [self._condition(kind, ok=ok) for kind, ok in conditions.items()],
            "containerStatuses": [
                {
                    "name": container["name"],
                    "image": container.get("image", ""),
                    "imageID": "",
                    "ready": ready,
                    "started": "running" in state,
                    "restartCount": self._restarts,
                    "state": state,
                }
                for container in self.pod["spec"]["containers"]
            ],
        }

    def _condition(self, kind: str, *, ok: bool) -> Object:
        known = condition(self.pod, kind)
        if known.get("status") == str(ok):
            return known
        return {"type": kind, "status": str(ok), "lastTransitionTime": timestamp(), "lastProbeTime": None}


async def start(name: str, container: Object) -> Process:
    """Start the program of a pod.

    In a session of its own: Linux shares the processor out between sessions first, so that on a busy machine a pod does
    not wait for all else that the sandbox does.
    """
    arguments = [sys.executable, "-I", "-S", PROGRAM, *behaviour(container).arguments(name)]
    return await asyncio.create_subprocess_exec(
        *arguments, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, start_new_session=True
    )


async def port_of(process: Process) -> int:
    """The port that the program says it listens on; 0 when it ended before."""
    line = await process.stdout.readline() if process.stdout else b""
    return int(line or 0)


async def probe(pod: Object, port: int) -> bool:
    """Ask the readiness probe's path as the kubelet does: 200 to 399 is ready. Probes of other kinds ask `/`."""
    http_get = (pod["spec"]["containers"][0].get("readinessProbe") or {}).get("httpGet") or {}
    path = http_get.get("path") or "/"
    request = f"GET {path} HTTP/1.1\r\nhost: {HOST}\r\nuser-agent: kube-probe/1.36\r\nconnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):  # wait_for swallows a cancellation in Python 3.11
            answer = await _exchange(port, request.encode())
        return answer.split(b" ", 2)[1][:1] in {b"2", b"3"}
    except (OSError, IndexError, TimeoutError):
        return False


async def _exchange(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(request)
        return await reader.readline()
    finally:
        writer.close()


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


async def _within(wait: Coroutine[Any, Any, object], seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wait
