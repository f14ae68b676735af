"""The agents that make a cluster out of an API server: controllers, a node, and a mesh with a real Envoy."""

from contextlib import ExitStack
from pathlib import Path

from handlers.sandbox.informer import Informers
from handlers.sandbox.jobs import Jobs
from handlers.sandbox.kube import Kube
from handlers.sandbox.mesh import Mesh
from handlers.sandbox.node import DRAIN_SECONDS, Node
from handlers.sandbox.process import SandboxError
from handlers.sandbox.proxy import Envoy
from handlers.sandbox.workloads import Workloads

SYNC_SECONDS = 30


class Agents:
    """All agents on one API server, the sandbox's or a real one.

    `controllers=False` leaves Deployments, DaemonSets, Jobs and the choice of nodes to those that run already.
    """

    def __init__(self, kube: Kube, directory: Path, *, drain: float = DRAIN_SECONDS, controllers: bool = True) -> None:
        self.envoy = Envoy(directory)
        self._informers = Informers(kube)
        self._mesh = Mesh(self._informers, self.envoy)
        self.node = Node(kube, self._informers, serving=self.envoy.serving, drain=drain, schedules=controllers)
        self._controllers = [Workloads(kube, self._informers), Jobs(kube, self._informers)] if controllers else []
        self._running = ExitStack()

    def start(self) -> None:
        """Start all and wait until every agent knows the cluster; raises SandboxError, with nothing left running."""
        with ExitStack() as starting:
            starting.callback(self.envoy.stop)
            self.envoy.start()
            starting.callback(self._informers.stop)
            self._informers.start()
            if not self._informers.synced(SYNC_SECONDS):
                raise SandboxError(f"the API server does not list all that the agents need within {SYNC_SECONDS} s")
            for agent in (self.node, self._mesh, *self._controllers):
                starting.callback(agent.stop)
                agent.start()
            self._running = starting.pop_all()

    def stop(self) -> None:
        """Stop in reverse order; ends the pods' processes and Envoy."""
        self._running.close()

    def pids(self) -> list[int]:
        """Process ids of Envoy and all pods."""
        return [*([self.envoy.pid] if self.envoy.pid else []), *self.node.pids()]
