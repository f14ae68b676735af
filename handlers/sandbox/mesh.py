"""The mesh agent: keeps Envoy in step with Services, Pods and VirtualServices."""

import time

from handlers.sandbox import envoy, tcp
from handlers.sandbox.informer import Agent, Informers
from handlers.sandbox.kube import DAEMON_SETS, DEPLOYMENTS, PODS, SERVICES, VIRTUAL_SERVICES
from handlers.sandbox.proxy import Envoy, Rules
from handlers.sandbox.topology import topology


class Mesh(Agent):
    """Routes by VirtualService where there is one for a host, else to the Service's ready pods."""

    def __init__(self, informers: Informers, proxy: Envoy) -> None:
        self._proxy = proxy
        self._services = informers[SERVICES]
        self._pods = informers[PODS]
        self._workloads = (informers[DEPLOYMENTS], informers[DAEMON_SETS])
        self._virtual_services = informers[VIRTUAL_SERVICES]
        super().__init__([self._services, self._pods, *self._workloads, self._virtual_services])

    def reconcile(self) -> None:
        """Give Envoy what the cluster says now."""
        workloads = [thing for informer in self._workloads for thing in informer.objects()]
        found = topology(self._services.objects(), self._pods.objects(), workloads)
        virtual_services = self._virtual_services.objects()
        rules = Rules(envoy.route_file(found, virtual_services), tcp.listener_file(found, virtual_services))
        self._proxy.update(found.clusters, rules, time.monotonic())
