"""The mesh agent: keeps Envoy in step with Services, Pods and VirtualServices."""

import time
from collections.abc import Iterable, Mapping

from handlers.sandbox import envoy, tcp
from handlers.sandbox.informer import Agent, Informers
from handlers.sandbox.kube import DAEMON_SETS, DEPLOYMENTS, PODS, SERVICES, VIRTUAL_SERVICES, Object
from handlers.sandbox.proxy import Envoy, Rules
from handlers.sandbox.topology import Name, Topology, topology

SETTLE_SECONDS = 1.0


class Mesh(Agent):
    """Routes by VirtualService where there is one for a host, else to the Service's ready pods."""

    def __init__(self, informers: Informers, proxy: Envoy) -> None:
        self._proxy = proxy
        self._services = informers[SERVICES]
        self._pods = informers[PODS]
        self._workloads = (informers[DEPLOYMENTS], informers[DAEMON_SETS])
        self._virtual_services = informers[VIRTUAL_SERVICES]
        self._missing: Mapping[Name, float] = {}
        super().__init__([self._services, self._pods, *self._workloads, self._virtual_services])

    def reconcile(self) -> None:
        """Give Envoy what the cluster says now; a little later while it names Services not heard of yet."""
        virtual_services = self._virtual_services.objects()  # first, so that what they name is at least as new
        workloads = [thing for informer in self._workloads for thing in informer.objects()]
        found = topology(self._services.objects(), self._pods.objects(), workloads)
        now = time.monotonic()
        self._missing = waited_for(missing(found, virtual_services), self._missing, now)
        if settled(self._missing, now):
            rules = Rules(envoy.route_file(found, virtual_services), tcp.listener_file(found, virtual_services))
            self._proxy.update(found.clusters, rules, now)


def missing(found: Topology, virtual_services: Iterable[Object]) -> set[Name]:
    """Namespaces, and hosts that a VirtualService there sends requests or connections to, and that mean no Service."""
    return {
        (thing["metadata"]["namespace"], destination["destination"]["host"])
        for thing in virtual_services
        for protocol in ("http", "tcp")
        for rule in thing["spec"].get(protocol) or []
        for destination in rule.get("route") or []
        if found.resolve(destination["destination"]["host"], thing["metadata"]["namespace"]) is None
    }


def waited_for(names: Iterable[Name], before: Mapping[Name, float], now: float) -> Mapping[Name, float]:
    """Since when each is missing, in monotonic seconds."""
    return {name: before.get(name, now) for name in names}


def settled(names: Mapping[Name, float], now: float) -> bool:
    """Whether what is missing is really not there, and not only heard of later than the routes to it.

    Each kind has a watch of its own, so that a route may be seen before the Service that was made before it. istiod
    lets changes settle as well: PILOT_DEBOUNCE_AFTER in istio.io/latest/docs/reference/commands/pilot-discovery
    """
    return all(now - since >= SETTLE_SECONDS for since in names.values())
