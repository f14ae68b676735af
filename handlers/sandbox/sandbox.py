"""The whole sandbox: an API server in memory, controllers, a node, Envoy, Prometheus and Alertmanager, on loopback."""

import logging
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from handlers.sandbox.agents import Agents
from handlers.sandbox.alertmanager import Alertmanager, webhook_config
from handlers.sandbox.api.cluster import Cluster
from handlers.sandbox.api.server import Server
from handlers.sandbox.crds import install_crds
from handlers.sandbox.kube import DEPLOYMENTS, ApiError, Kube, Object, resource_of
from handlers.sandbox.node import DRAIN_SECONDS
from handlers.sandbox.process import HOST, SandboxError, interruptible, wait_for
from handlers.sandbox.prometheus import Prometheus, configuration
from handlers.sandbox.tcp import listener_name

GLANCE_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to start: only the API server (`api_only`), or all, with or without Prometheus and Alertmanager (`metrics`).

    `kubeconfig` names an API server that runs already, with its own controllers: the sandbox is its node and its mesh.
    `interval` is the seconds between scrapes and rule evaluations, `rules` are Prometheus rule groups, `alertmanager` a
    whole alertmanager.yml, `drain` the seconds a pod still serves after the mesh has let go of it.
    """

    api_only: bool = False
    kubeconfig: Path | None = None
    metrics: bool = True
    interval: float = 1.0
    rules: Sequence[Object] = ()
    alertmanager: Object = field(default_factory=lambda: webhook_config(""))
    drain: float = DRAIN_SECONDS


class Sandbox:
    """A cluster to try things on. `with Sandbox() as sandbox: ...`, or start() and stop().

    After start: `kubeconfig` (a path), `api_url`, `kube` (a client), `ingress_url` (send requests here, with the Host
    header of a Service or VirtualService), `envoy_url` (admin page), `prometheus`, `alertmanager` (with `.url`).
    """

    kubeconfig: Path
    kube: Kube
    api_url: str
    prometheus: Prometheus
    alertmanager: Alertmanager
    agents: Agents

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.cluster = Cluster()
        self._running = ExitStack()

    def start(self) -> Self:
        """Start all parts and wait until they are ready; raises SandboxError, with nothing left running."""
        with ExitStack() as starting:
            directory = Path(starting.enter_context(TemporaryDirectory(prefix="serinus-", ignore_cleanup_errors=True)))
            self._start_api(starting, directory)
            if not self.options.api_only:
                self._start_parts(starting, directory)
            self._running = starting.pop_all()
        return self

    def stop(self) -> None:
        """Stop all parts in reverse order and remove their files; does nothing when it is stopped."""
        self._running.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def ingress_url(self) -> str:
        """Envoy's listener."""
        return self.agents.envoy.ingress

    def tcp_address(self, namespace: str, service: str, port: int) -> tuple[str, int]:
        """Where connections to a TCP port of a Service are taken; raises SandboxError when Envoy has none for it."""
        return HOST, self.agents.envoy.port(listener_name((namespace, service), port))

    @property
    def envoy_url(self) -> str:
        """Envoy's admin page."""
        return self.agents.envoy.admin

    def pids(self) -> list[int]:
        """Process ids of all programs that run for this sandbox."""
        if self.options.api_only:
            return []
        metrics = [self.prometheus.pid, self.alertmanager.pid] if self.options.metrics else []
        return [*self.agents.pids(), *metrics]

    def apply(self, *things: Object) -> None:
        """Create objects, or merge them into those that are there."""
        for thing in things:
            resource, meta = resource_of(thing), thing["metadata"]
            try:
                self.kube.create(resource, thing)
            except ApiError as error:
                if error.status != 409:  # noqa: PLR2004  it is there
                    raise
                self.kube.patch(resource, meta.get("namespace", ""), meta["name"], thing)

    def wait_rolled_out(self, namespace: str, name: str, seconds: float = 20) -> None:
        """Wait until a Deployment runs its newest template with all replicas, and nothing else; raises SandboxError."""

        def done() -> bool:
            found = self.kube.get(DEPLOYMENTS, namespace, name)
            status, wanted = found.get("status") or {}, found["spec"]["replicas"]
            counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
            return status.get("observedGeneration") == found["metadata"]["generation"] and counts == [wanted] * 3

        wait_for(done, f"Deployment {namespace}/{name} is rolled out", seconds)

    def _start_api(self, starting: ExitStack, directory: Path) -> None:
        if self.options.kubeconfig:
            self.kubeconfig = self.options.kubeconfig
        else:
            install_crds(self.cluster)
            server = Server(self.cluster)
            starting.callback(server.stop)
            server.start()
            self.kubeconfig = server.write_kubeconfig(directory / "kubeconfig")
        self.kube = Kube.from_kubeconfig(self.kubeconfig)
        self.api_url = self.kube.server

    def _start_parts(self, starting: ExitStack, directory: Path) -> None:
        """Start programs in threads: a signal interrupts the main thread only, never between a start and its record."""
        own = self.options.kubeconfig is None
        self.agents = Agents(self.kube, directory / "envoy", drain=self.options.drain, controllers=own)
        self.alertmanager = Alertmanager(directory / "alertmanager", self.options.alertmanager)
        starting.callback(self.alertmanager.stop)
        starting.callback(self.agents.stop)
        with ThreadPoolExecutor(2) as workers:
            others = [workers.submit(self.alertmanager.start)] if self.options.metrics else []
            for started in (workers.submit(self.agents.start), *others):
                started.result()
            if self.options.metrics:
                config = configuration(self.envoy_url, self.alertmanager.url, interval=self.options.interval)
                self.prometheus = Prometheus(directory / "prometheus", config, self.options.rules)
                starting.callback(self.prometheus.stop)
                workers.submit(self.prometheus.start).result()


def main_sandbox(*, api_only: bool = False, interval: float = 1.0, alerts_to: str = "") -> int:
    """Run a sandbox until Ctrl-C or SIGTERM; returns the exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    interruptible()
    options = Options(api_only=api_only, interval=interval, alertmanager=webhook_config(alerts_to))
    try:
        with Sandbox(options) as sandbox:
            sys.stdout.write(addresses(sandbox))
            sys.stdout.flush()
            while True:  # no endless wait: a signal that came just before it would go unheard
                time.sleep(GLANCE_SECONDS)
    except KeyboardInterrupt:
        return 0
    except SandboxError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def addresses(sandbox: Sandbox) -> str:
    """Where everything is, a line each."""
    lines = {"KUBECONFIG": sandbox.kubeconfig, "API": sandbox.api_url}
    if not sandbox.options.api_only:
        lines |= {"Ingress": sandbox.ingress_url, "Envoy": sandbox.envoy_url}
        if sandbox.options.metrics:
            lines |= {"Prometheus": sandbox.prometheus.url, "Alertmanager": sandbox.alertmanager.url}
    return "".join(f"{name:<13}{where}\n" for name, where in lines.items())
