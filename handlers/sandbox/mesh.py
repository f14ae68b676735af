"""The mesh agent: keeps Envoy in step with Services, Pods and VirtualServices."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from handlers.sandbox import envoy, tcp
from handlers.sandbox.informer import Agent, Informers
from handlers.sandbox.kube import DAEMON_SETS, DEPLOYMENTS, PODS, SERVICES, VIRTUAL_SERVICES, Object
from handlers.sandbox.proxy import Envoy, Rules
from handlers.sandbox.topology import Name, Topology, topology

SETTLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Heard:
    """The VirtualServices to go by; and since when, in monotonic seconds, others name Services not heard of yet."""

    taken: Mapping[Name, Object] = field(default_factory=dict)
    waiting: Mapping[Name, float] = field(default_factory=dict)


class Mesh(Agent):
    """Routes by VirtualService where there is one for a host, else to the Service's ready pods."""

    def __init__(self, informers: Informers, proxy: Envoy) -> None:
        self._proxy = proxy
        self._services = informers[SERVICES]
        self._pods = informers[PODS]
        self._workloads = (informers[DEPLOYMENTS], informers[DAEMON_SETS])
        self._virtual_services = informers[VIRTUAL_SERVICES]
        self._heard = Heard()
        super().__init__([self._services, self._pods, *self._workloads, self._virtual_services])

    def reconcile(self) -> None:
        """Give Envoy what the cluster says now."""
        virtual_services = self._virtual_services.objects()  # first, so that what they name is at least as new
        workloads = [thing for informer in self._workloads for thing in informer.objects()]
        found = topology(self._services.objects(), self._pods.objects(), workloads)
        now = time.monotonic()
        self._heard = settled(found, virtual_services, self._heard, now)
        routes = list(self._heard.taken.values())
        self._proxy.update(
            found.clusters, Rules(envoy.route_file(found, routes), tcp.listener_file(found, routes)), now
        )


def settled(found: Topology, virtual_services: Iterable[Object], before: Heard, now: float) -> Heard:
    """Each VirtualService, or what it was before, while it names Services that may only be heard of later than it.

    Each kind has a watch of its own, so that a route may be seen before the Service that was made before it. istiod
    lets changes settle as well: PILOT_DEBOUNCE_AFTER in istio.io/latest/docs/reference/commands/pilot-discovery
    """
    taken: dict[Name, Object] = {}
    waiting: dict[Name, float] = {}
    for newest in virtual_services:
        thing: Object | None = newest
        name = (newest["metadata"]["namespace"], newest["metadata"]["name"])
        if missing(found, newest):
            waiting[name] = before.waiting.get(name, now)
            if now - waiting[name] < SETTLE_SECONDS:
                thing = before.taken.get(name)
        if thing:
            taken[name] = thing
    return Heard(taken, waiting)


def missing(found: Topology, virtual_service: Object) -> set[str]:
    """The hosts that it sends requests or connections to, and that mean no Service, or one without the port."""
    namespace = virtual_service["metadata"]["namespace"]
    return {
        destination["destination"]["host"]
        for protocol in ("http", "tcp")
        for rule in virtual_service["spec"].get(protocol) or []
        for destination in rule.get("route") or []
        if not found.knows(destination["destination"], namespace)
    }
