"""Which Services there are, which workloads stand behind them, and where their ready pods listen. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from handlers.sandbox.kube import Object
from handlers.sandbox.pods import address, is_ending, is_ready, matches, workload

Address = tuple[str, int]
Name = tuple[str, str]  # namespace, name

SUFFIXES = ("", ".svc", ".svc.cluster.local")


@dataclass(frozen=True, slots=True)
class Topology:
    """Clusters by name (`namespace/workload`) with the addresses of their ready pods, each Service's clusters, and
    which ports of Services are plain TCP.
    """

    clusters: dict[str, frozenset[Address]] = field(default_factory=dict)
    services: dict[Name, tuple[str, ...]] = field(default_factory=dict)
    tcp_ports: frozenset[tuple[Name, int]] = frozenset()

    def resolve(self, host: str, namespace: str) -> Name | None:
        """The Service that a host means to an object of this namespace; None when it means none.

        `name` is looked for in the namespace itself; `name.namespace`, with or without `.svc.cluster.local`, anywhere.
        """
        name, _, rest = host.removesuffix(".cluster.local").removesuffix(".svc").partition(".")
        found = (rest or namespace, name)
        return found if found in self.services else None

    def shares(self, service: Name) -> list[tuple[str, int]]:
        """Clusters of a Service with the number of ready pods of each."""
        return [(cluster, len(self.clusters[cluster])) for cluster in self.services[service]]


def topology(services: Iterable[Object], pods: Iterable[Object], workloads: Iterable[Object]) -> Topology:
    """Topology of the whole cluster.

    A Service without pods keeps the cluster of the workload whose template it selects, so that routes to it stay valid
    and answer 503 while nothing is ready.
    """
    members: dict[str, frozenset[Address]] = {}
    behind: dict[Name, tuple[str, ...]] = {}
    ports: set[tuple[Name, int]] = set()
    living = [pod for pod in pods if not is_ending(pod)]
    for service in services:
        meta, selector = service["metadata"], service["spec"].get("selector") or {}
        namespace = meta["namespace"]
        selected = [pod for pod in _within(namespace, living) if matches(selector, pod["metadata"].get("labels"))]
        names = {workload(pod) for pod in selected} or _templates(namespace, selector, workloads) or {meta["name"]}
        clusters = tuple(f"{namespace}/{name}" for name in sorted(names))
        behind[namespace, meta["name"]] = clusters
        ports |= {
            ((namespace, meta["name"]), port["port"]) for port in service["spec"].get("ports") or [] if _tcp(port)
        }
        for cluster in clusters:
            ready = {address(pod) for pod in selected if is_ready(pod) and f"{namespace}/{workload(pod)}" == cluster}
            members[cluster] = members.get(cluster, frozenset()) | frozenset(filter(None, ready))
    return Topology(members, behind, frozenset(ports))


def _tcp(port: Object) -> bool:
    """Whether a port is plain TCP: by appProtocol, or by its name (Istio's "Protocol Selection")."""
    told = port.get("appProtocol") or str(port.get("name") or "").partition("-")[0]
    return str(told).lower() == "tcp"


def _within(namespace: str, things: Iterable[Object]) -> list[Object]:
    return [thing for thing in things if thing["metadata"]["namespace"] == namespace]


def _templates(namespace: str, selector: Object, workloads: Iterable[Object]) -> set[str]:
    return {
        thing["metadata"]["name"]
        for thing in _within(namespace, workloads)
        if matches(selector, (thing["spec"]["template"].get("metadata") or {}).get("labels"))
    }
