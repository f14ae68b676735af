"""TCP ports of Services as Envoy listeners, split as Istio's VirtualServices say. Pure.

Right side: https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/network/tcp_proxy/v3/tcp_proxy.proto
"""

from collections.abc import Iterable

from handlers.sandbox import istio
from handlers.sandbox.kube import Object
from handlers.sandbox.process import HOST
from handlers.sandbox.topology import Name, Topology

_TYPE = "type.googleapis.com/envoy."


def listener_name(service: Name, port: int) -> str:
    """How the listener of a Service's port is called."""
    return f"tcp/{service[0]}/{service[1]}/{port}"


def listener_file(topology: Topology, virtual_services: Iterable[Object]) -> Object:
    """LDS: a listener on a free port for each TCP port of a Service."""
    oldest_first = sorted(virtual_services, key=lambda thing: str(thing["metadata"].get("creationTimestamp")))
    return {
        "resources": [
            _listener(listener_name(service, port), _shares(topology, service, port, oldest_first))
            for service, port in sorted(topology.tcp_ports)
        ]
    }


def _listener(name: str, shares: istio.Shares) -> Object:
    clusters = [{"name": cluster, "weight": weight} for cluster, weight in shares if weight > 0]
    target: Object = {"weighted_clusters": {"clusters": clusters}} if clusters else {"cluster": istio.UNKNOWN}
    proxy = {"@type": f"{_TYPE}extensions.filters.network.tcp_proxy.v3.TcpProxy", "stat_prefix": "tcp", **target}
    return {
        "@type": f"{_TYPE}config.listener.v3.Listener",
        "name": name,
        "address": {"socket_address": {"address": HOST, "port_value": 0}},
        "filter_chains": [{"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}]}],
    }


def _shares(topology: Topology, service: Name, port: int, virtual_services: list[Object]) -> istio.Shares:
    """By the first route for this port of a VirtualService that speaks for the Service, else to its ready pods."""
    for thing in virtual_services:
        namespace = thing["metadata"]["namespace"]
        if service in {topology.resolve(host, namespace) for host in thing["spec"].get("hosts") or []}:
            for route in thing["spec"].get("tcp") or []:
                if _meant(route, port):
                    return _split(topology, namespace, port, route.get("route") or [])
    return topology.shares(service, port)


def _meant(route: Object, port: int) -> bool:
    """Whether a route is for connections to this port; none comes from a labelled pod or a known subnet."""
    unknown = ("sourceLabels", "sourceSubnet", "destinationSubnets")
    return any(
        match.get("port") in {None, port} and not any(match.get(key) for key in unknown)
        for match in route.get("match") or [{}]
    )


def _split(topology: Topology, namespace: str, port: int, destinations: list[Object]) -> istio.Shares:
    shares: istio.Shares = []
    several = len(destinations) > 1
    for destination in destinations:
        weight = int(destination.get("weight") or 0) if several else 1
        shares += istio.split(weight, topology.behind(destination["destination"], namespace, port))
    return shares
