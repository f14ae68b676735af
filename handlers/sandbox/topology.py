"""Services with their ports, the workloads that stand behind them, and where their ready pods listen. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from handlers.sandbox.kube import Object
from handlers.sandbox.pods import endpoint, is_ending, is_over, is_ready, is_tcp, matches, workload

Address = tuple[str, int]
Name = tuple[str, str]  # namespace, name

Ports = Mapping[int, tuple[str, ...]]
"""The clusters behind each port of a Service."""
Members = dict[tuple[str, str], list[Object]]
"""Pods by the namespace and the name of their workload."""

SUFFIXES = ("", ".svc", ".svc.cluster.local")
HTTP_PORT = 80  # of a request that names no port


@dataclass(frozen=True, slots=True)
class Topology:
    """Clusters by name (see `topology`) with the addresses of their ready pods, the clusters behind the ports of each
    Service, and the ports of Services that are plain TCP.
    """

    clusters: dict[str, frozenset[Address]] = field(default_factory=dict)
    services: dict[Name, Ports] = field(default_factory=dict)
    tcp_ports: frozenset[tuple[Name, int]] = frozenset()

    def resolve(self, host: str, namespace: str) -> Name | None:
        """The Service that a host means to an object of this namespace; None when it means none.

        `name` is looked for in the namespace itself; `name.namespace`, with or without `.svc.cluster.local`, anywhere.
        """
        name, _, rest = host.removesuffix(".cluster.local").removesuffix(".svc").partition(".")
        found = (rest or namespace, name)
        return found if found in self.services else None

    def shares(self, service: Name, port: int) -> list[tuple[str, int]]:
        """Clusters of a Service's port with the number of ready pods of each; none when it has no such port."""
        return [(cluster, len(self.clusters[cluster])) for cluster in self.services[service].get(port, ())]

    def knows(self, destination: Object, namespace: str) -> bool:
        """Whether there is the Service, with the port, that a destination of a VirtualService names."""
        service, number = self.resolve(destination["host"], namespace), _number(destination)
        return service is not None and number in {None, *self.services[service]}

    def behind(self, destination: Object, namespace: str, asked: int | None) -> list[tuple[str, int]]:
        """Shares of a destination of a VirtualService; none when there is no such Service, or port.

        Without a port in it: the Service's only one, or the one that was asked for; None is a gateway's. The rule is
        that of GetDestinationCluster in istio.io/istio/pilot/pkg/networking/core/route
        """
        service, number = self.resolve(destination["host"], namespace), _number(destination)
        if service is None:
            return []
        if number is None:
            ports = self.services[service]
            number = next(iter(ports)) if len(ports) == 1 else asked or HTTP_PORT
        return self.shares(service, number)


def topology(services: Iterable[Object], pods: Iterable[Object], workloads: Iterable[Object]) -> Topology:
    """Topology of the whole cluster.

    A cluster is called NAMESPACE/WORKLOAD/TARGETPORT. A Service without pods keeps that of the workload whose template
    it selects, so that routes to it stay valid and answer 503 while nothing is ready. One that selects only some pods
    of a workload has a cluster of its own for them, whose name ends with the Service's.
    """
    living = _by_workload(pod for pod in pods if not is_ending(pod) and not is_over(pod))
    clusters: dict[str, frozenset[Address]] = {}
    found: dict[Name, Ports] = {}
    tcp: set[tuple[Name, int]] = set()
    for service in services:
        name = (service["metadata"]["namespace"], service["metadata"]["name"])
        behind = _selected(service, living) or dict.fromkeys(_templates(service, workloads) or {name[1]}, ())
        ports = [port for port in service["spec"].get("ports") or [] if is_tcp(port)]
        tcp |= {(name, port["port"]) for port in ports if _plain(port)}
        each = {port["port"]: _clusters(name, port.get("targetPort") or port["port"], behind, living) for port in ports}
        found[name] = {number: tuple(members) for number, members in each.items()}
        for members in each.values():
            clusters |= members
    return Topology(clusters, found, frozenset(tcp))


def _by_workload(pods: Iterable[Object]) -> Members:
    found: Members = {}
    for pod in pods:
        found.setdefault((pod["metadata"]["namespace"], workload(pod)), []).append(pod)
    return found


def _selected(service: Object, living: Members) -> Mapping[str, Sequence[Object]]:
    """The pods that a Service selects, by their workload, whoever that is."""
    namespace, selector = service["metadata"]["namespace"], service["spec"].get("selector") or {}
    found = {
        name: [pod for pod in pods if matches(selector, pod["metadata"].get("labels"))]
        for (where, name), pods in living.items()
        if where == namespace
    }
    return {name: pods for name, pods in sorted(found.items()) if pods}


def _clusters(
    service: Name, target: int | str, behind: Mapping[str, Sequence[Object]], living: Members
) -> dict[str, frozenset[Address]]:
    """The clusters behind a port of a Service, and where connections to their ready pods go."""
    found = {}
    for name, pods in behind.items():
        part = len(pods) < len(living.get((service[0], name), ()))
        addresses = (endpoint(pod, target) for pod in pods if is_ready(pod))
        cluster = "/".join([service[0], name, str(target), *([service[1]] if part else [])])
        found[cluster] = frozenset(address for address in addresses if address)
    return found


def _templates(service: Object, workloads: Iterable[Object]) -> set[str]:
    """Names of the workloads whose templates a Service selects."""
    namespace, selector = service["metadata"]["namespace"], service["spec"].get("selector") or {}
    return {
        thing["metadata"]["name"]
        for thing in workloads
        if thing["metadata"]["namespace"] == namespace
        and matches(selector, (thing["spec"]["template"].get("metadata") or {}).get("labels"))
    }


def _number(destination: Object) -> int | None:
    found: int | None = (destination.get("port") or {}).get("number")
    return found


def _plain(port: Object) -> bool:
    """Whether a port is plain TCP: by appProtocol, or by its name (Istio's "Protocol Selection")."""
    told = port.get("appProtocol") or str(port.get("name") or "").partition("-")[0]
    return str(told).lower() == "tcp"
