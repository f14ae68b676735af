"""Envoy's configuration as plain data. Pure.

Clusters, endpoints and routes are files that Envoy watches
(https://www.envoyproxy.io/docs/envoy/latest/configuration/overview/xds_api#xds-over-the-filesystem).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from handlers.sandbox import istio
from handlers.sandbox.kube import Object
from handlers.sandbox.process import HOST
from handlers.sandbox.topology import HTTP_PORT, SUFFIXES, Address, Topology

ROUTES = "ingress"
BUCKETS = [
    1,
    5,
    10,
    25,
    50,
    100,
    250,
    500,
    1000,
    2500,
    5000,
    10000,
]  # milliseconds; Istio's, as far as they matter here

_TYPE = "type.googleapis.com/envoy."
_MANAGER = _TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_FILTERS = {"cors": "Cors", "router": "Router"}


def bootstrap(directory: Path) -> Object:
    """The static part: an admin port and a listener on free ports, all else from files in this directory."""
    manager = {
        "@type": _MANAGER,
        "stat_prefix": ROUTES,
        "rds": {"route_config_name": ROUTES, "config_source": _file(directory / "rds" / "routes.json")},
        "http_filters": [
            {
                "name": f"envoy.filters.http.{name}",
                "typed_config": {"@type": f"{_TYPE}extensions.filters.http.{name}.v3.{kind}"},
            }
            for name, kind in _FILTERS.items()
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    stats = ("cluster.", "cluster_manager.", f"http.{ROUTES}.", "listener_manager.lds.", "server.")
    return {
        "node": {"id": "sandbox", "cluster": "sandbox"},
        "admin": {"address": _socket((HOST, 0))},
        "stats_config": {
            "stats_matcher": {"inclusion_list": {"patterns": [{"prefix": prefix} for prefix in stats]}},
            "histogram_bucket_settings": [{"match": {"prefix": "cluster"}, "buckets": BUCKETS}],
        },
        # histograms show what there was at the last flush: Envoy's own 5 s leave holes in the rates of shorter windows
        "stats_flush_interval": "0.2s",
        "dynamic_resources": {
            "cds_config": _file(directory / "cds" / "clusters.json"),
            "lds_config": _file(directory / "lds" / "listeners.json"),
        },
        "static_resources": {
            "listeners": [{"name": ROUTES, "address": _socket((HOST, 0)), "filter_chains": [{"filters": filters}]}]
        },
    }


def cluster_file(names: Iterable[str], directory: Path) -> Object:
    """CDS: for each name one cluster for requests and one for mirrored requests, with the same endpoints."""
    return {"resources": [_cluster(name, end, directory) for name in sorted(names) for end in ("", istio.MIRROR)]}


def endpoint_file(name: str, addresses: Iterable[Address]) -> Object:
    """EDS: the endpoints of one cluster (Envoy reads one assignment from each file)."""
    endpoints = [{"endpoint": {"address": _socket(address)}} for address in sorted(addresses)]
    assignment = {
        "@type": f"{_TYPE}config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": endpoints}],
    }
    return {"resources": [assignment]}


def endpoint_path(name: str, directory: Path) -> Path:
    """Where the endpoints of a cluster are; Kubernetes names have no `~`."""
    return directory / "eds" / f"{name.replace('/', '~')}.json"


def route_file(topology: Topology, virtual_services: Iterable[Object]) -> Object:
    """RDS: a virtual host for each host of a VirtualService, and for each port of a Service that none speaks for."""
    hosts = _virtual_hosts(topology, list(virtual_services))
    domains: dict[str, str] = {}
    for name, (wanted, _) in hosts.items():
        for domain in wanted:
            domains.setdefault(domain, name)  # a domain in two virtual hosts would make Envoy refuse them all
    found = [
        {"name": name, "domains": [domain for domain in wanted if domains[domain] == name], "routes": routes}
        for name, (wanted, routes) in hosts.items()
    ]
    return {
        "resources": [
            {
                "@type": f"{_TYPE}config.route.v3.RouteConfiguration",
                "name": ROUTES,
                "virtual_hosts": [host for host in found if host["domains"]],
            }
        ]
    }


def _virtual_hosts(topology: Topology, virtual_services: list[Object]) -> Mapping[str, tuple[list[str], list[Object]]]:
    hosts = {}
    by_name = {(thing["metadata"]["namespace"], thing["metadata"]["name"]): thing for thing in virtual_services}
    for thing in sorted(virtual_services, key=_age):
        namespace, name = thing["metadata"]["namespace"], thing["metadata"]["name"]
        for host in thing["spec"].get("hosts") or []:
            for port, domains in _domains(topology, host, namespace).items():
                routes = _routes(topology, thing, by_name, port)
                hosts[f"virtualservice/{namespace}/{name}/{host}/{port or 'any'}"] = (domains, routes)
    for namespace, name in sorted(topology.services):
        for port, domains in _domains(topology, name, namespace).items():
            shares = topology.shares((namespace, name), port or HTTP_PORT)
            hosts[f"service/{namespace}/{name}/{port}"] = (domains, [istio.default_route(shares)])
    return hosts


def _routes(
    topology: Topology, thing: Object, by_name: Mapping[tuple[str, str], Object], asked: int | None
) -> list[Object]:
    namespace = thing["metadata"]["namespace"]

    def lookup(destination: Object) -> istio.Shares:
        return topology.behind(destination, namespace, asked)

    def delegate(wanted: Object) -> list[Object] | None:
        there = wanted.get("namespace") or namespace
        found = by_name.get((there, wanted["name"]))
        return _seen_from_outside(topology, found["spec"].get("http") or [], there) if found else None

    return istio.routes(istio.delegated(thing["spec"].get("http") or [], delegate), lookup, asked)


def _seen_from_outside(topology: Topology, http: list[Object], namespace: str) -> list[Object]:
    """Routes with the full names of the Services that they name in short, for one who is in another namespace."""

    def full(thing: Any) -> Any:
        if isinstance(thing, list):
            return [full(each) for each in thing]
        if not isinstance(thing, dict):
            return thing
        found = topology.resolve(str(thing.get("host")), namespace)
        changed = {key: full(value) for key, value in thing.items()}
        return changed | ({"host": f"{found[1]}.{found[0]}"} if found else {})

    return [full(route) for route in http]


def _domains(topology: Topology, host: str, namespace: str) -> Mapping[int | None, list[str]]:
    """By the ports of a Service, all spellings of its name; the short one only where it is clear.

    Without a port 80 is meant, or the first of a Service that has no 80, so that tests need not know it. Any other host
    is taken as it is, at every port (None): a gateway's.
    """
    service = topology.resolve(host, namespace)
    if service is None:
        return {None: [host] if "*" in host else [host, f"{host}:*"]}
    alone = sum(name == service[1] for _, name in topology.services) == 1
    names = [f"{service[1]}.{service[0]}{suffix}" for suffix in SUFFIXES] + ([service[1]] if alone else [])
    ports = topology.services[service]
    usual = HTTP_PORT if HTTP_PORT in ports else next(iter(ports), HTTP_PORT)
    return {port: [f"{name}:{port}" for name in names] + (names if port == usual else []) for port in ports}


def _age(thing: Object) -> tuple[str, str, str]:
    meta = thing["metadata"]
    return str(meta.get("creationTimestamp")), meta["namespace"], meta["name"]


def _cluster(name: str, end: str, directory: Path) -> Object:
    return {
        "@type": f"{_TYPE}config.cluster.v3.Cluster",
        "name": name + end,
        "connect_timeout": "1s",
        "type": "EDS",
        "eds_cluster_config": {"service_name": name, "eds_config": _file(endpoint_path(name, directory))},
    }


def _file(path: Path) -> Object:
    return {"resource_api_version": "V3", "path_config_source": {"path": str(path)}}


def _socket(address: Address) -> Object:
    return {"socket_address": {"address": address[0], "port_value": address[1]}}
