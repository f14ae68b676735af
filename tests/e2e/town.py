"""Apps in a sandbox with real traffic, and the handlers that deliver them."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any, Protocol

import urllib3

from handlers.sandbox.kube import DEPLOYMENTS, SERVICES, VIRTUAL_SERVICES, Resource
from handlers.sandbox.process import SandboxError, wait_for
from handlers.sandbox.sandbox import Sandbox
from handlers.sandbox.traffic import Traffic

Manifest = dict[str, Any]

CANARIES = Resource("flagger.app/v1beta1", "canaries")
NAMESPACES = Resource("v1", "namespaces")
TOKEN = "a-token-of-the-tests"
SCALE = 30
"""How much faster time passes: a step of 10 s takes a third of a second, a window of 1m two seconds."""
PATIENCE = 60
"""Seconds until something must have happened, on a machine that has much else to do; mostly it takes less than one."""

_http = urllib3.PoolManager(maxsize=8, retries=False, timeout=urllib3.Timeout(20))
_numbers = count(1)


class Reply(Protocol):
    """What the handlers answer."""

    @property
    def status_code(self) -> int: ...
    @property
    def text(self) -> str: ...


class Handlers(Protocol):
    """The handlers, by Flask's client of tests or over HTTP."""

    def post(self, path: str, *, headers: Mapping[str, str], data: str) -> Reply: ...


@dataclass(frozen=True, slots=True)
class Town:
    """The sandbox that all tests here share, and the handlers at work in it."""

    sandbox: Sandbox
    handlers: Handlers


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer: who gave it, the cookies that it sets, what its pod was configured to say, and which pod it was."""

    version: str
    cookie: str
    message: str
    pod: str


class App:
    """An app in a namespace of its own, with its Service, its Canary and its clients."""

    def __init__(self, town: Town, name: str = "app") -> None:
        self.name = name
        self.ports: list[Manifest] = [{"containerPort": 8080}]
        self.sandbox = town.sandbox
        self.kube = town.sandbox.kube
        self.namespace = f"shop-{next(_numbers)}"
        self._handlers = town.handlers
        self.sandbox.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})

    def meta(self, name: str = "", **more: Any) -> Manifest:
        """Metadata in the namespace."""
        return {"name": name or self.name, "namespace": self.namespace, **more}

    def deploy(self, version: str, replicas: int = 1) -> None:
        """The Deployment, rolled out."""
        labels = {"app": self.name}
        template = {"metadata": {"labels": labels}, "spec": {"containers": self.containers(version)}}
        spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        self.sandbox.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": self.meta(), "spec": spec})
        self.sandbox.wait_rolled_out(self.namespace, self.name)

    def service(self) -> None:
        """A Service that users made before there was a Canary."""
        spec = {"selector": {"app": self.name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
        self.sandbox.apply({"apiVersion": "v1", "kind": "Service", "metadata": self.meta(), "spec": spec})

    def virtual_service(self, name: str, spec: Manifest) -> None:
        """A VirtualService that users made."""
        kind = {"apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService"}
        self.sandbox.apply({**kind, "metadata": self.meta(name), "spec": spec})

    def canary(
        self,
        analysis: Manifest,
        *,
        service: Manifest | None = None,
        annotations: dict[str, str] | None = None,
        **spec: Any,
    ) -> None:
        """The Canary, with the shortest steps there are."""
        meta = self.meta(annotations=annotations or {})
        inner = {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": self.name},
            "service": {"port": 80, "targetPort": 8080, **(service or {})},
            "analysis": {"interval": "10s", "threshold": 3, "metrics": [], **analysis},
            **spec,
        }
        self.sandbox.apply({"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": meta, "spec": inner})

    def start(self, version: str, analysis: Manifest, *, service: Manifest | None = None, **spec: Any) -> None:
        """The Deployment and its Canary, initialized, and its first clients answered."""
        self.deploy(version)
        self.canary(analysis, service=service, **spec)
        self.until("Initialized")
        self.serves_only(version)

    def push(self, version: str, **annotations: str) -> None:
        """Give the target another version, or its pods another annotation."""
        template: Manifest = {"spec": {"containers": self.containers(version)}}
        if annotations:
            template["metadata"] = {"annotations": annotations}
        self.kube.patch(DEPLOYMENTS, self.namespace, self.name, {"spec": {"template": template}})

    def clock(self) -> float:
        """Seconds of the handlers' time, which passes faster than ours."""
        return time.monotonic() * SCALE

    def tick(self) -> None:
        """The scheduler's event, for this namespace."""
        headers = {"ce-id": "1", "ce-source": "/ping", "ce-type": "dev.serinus.tick", "ce-specversion": "1.0"}
        body = json.dumps({"namespace": self.namespace})
        kind = {"Content-Type": "application/json"}
        answer = self._handlers.post("/", headers=headers | token() | kind, data=body)
        assert answer.status_code == 204, answer.text

    def alert(self) -> None:
        """Alertmanager says that an alert about the app fires."""
        labels = {"alertname": "CanaryErrorRate", "namespace": self.namespace, "canary": self.name}
        now = datetime.now(UTC).isoformat()  # noqa: TID251  a sender reads its clock
        alert = {"status": "firing", "labels": labels, "annotations": {}, "startsAt": now, "fingerprint": "f"}
        body = json.dumps({"version": "4", "alerts": [alert]})
        assert self._handlers.post("/alertmanager", data=body, headers=token()).status_code == 204

    def ticks_until(self, condition: Callable[[], bool], what: str) -> None:
        """Send ticks until something holds."""

        def there() -> bool:
            self.tick()
            return condition()

        try:
            wait_for(there, what, PATIENCE)
        except SandboxError as error:
            raise AssertionError(f"{error}, but {self.status}; {self.events()}") from error

    def until(self, phase: str, weight: int = 0) -> None:
        """Send ticks until the Canary is in a phase, at a weight."""
        wanted = {"phase": phase, "canaryWeight": weight}
        self.ticks_until(lambda: wanted.items() <= self.status.items(), f"{phase} at {weight}")

    def until_over(self, *phases: str) -> list[Any]:
        """Send ticks until the Canary is in one of the phases; the weights that were seen on the way, each once."""
        weights: list[Any] = []

        def over() -> bool:
            status = self.status
            if status.get("phase") == "Progressing" and weights[-1:] != [status["canaryWeight"]]:
                weights.append(status["canaryWeight"])
            return status.get("phase") in phases

        self.ticks_until(over, " or ".join(phases))
        return weights

    @property
    def object(self) -> Manifest:
        """The Canary."""
        return self.kube.get(CANARIES, self.namespace, self.name)

    @property
    def status(self) -> Manifest:
        """The Canary's status; empty before the first step."""
        found: Manifest = self.object.get("status") or {}
        return found

    def deployment(self, name: str = "") -> Manifest:
        """A Deployment, by default the primary."""
        return self.kube.get(DEPLOYMENTS, self.namespace, name or f"{self.name}-primary")

    @property
    def promoted(self) -> str:
        """The image that the primary runs."""
        return str(self.deployment()["spec"]["template"]["spec"]["containers"][0]["image"])

    def route(self) -> Manifest:
        """The VirtualService of the app."""
        return self.kube.get(VIRTUAL_SERVICES, self.namespace, self.name)

    def events(self) -> list[str]:
        """What was told about the Canary, oldest first."""
        found = self.kube.list(Resource("v1", "events"), self.namespace)["items"]
        return [event["message"] for event in sorted(found, key=lambda event: str(event["firstTimestamp"]))]

    def apex(self) -> Manifest:
        """The Service that clients call."""
        return self.kube.get(SERVICES, self.namespace, self.name)

    def ask(self, number: int = 1, *, host: str = "", **headers: str) -> list[Heard]:
        """So many requests, one after the other; `_` in a header's name stands for `-`."""
        sent = {"host": host or f"{self.name}.{self.namespace}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        answers = [_http.request("GET", self.sandbox.ingress_url, headers=sent) for _ in range(number)]
        return [
            Heard(
                version=answer.headers.get("x-version", ""),
                cookie=answer.headers.get("set-cookie", ""),
                message=answer.headers.get("x-message", ""),
                pod=_pod(answer.data),
            )
            for answer in answers
        ]

    def versions(self, number: int, *, host: str = "", **headers: str) -> Counter[str]:
        """Who answered so many requests."""
        return Counter(heard.version for heard in self.ask(number, host=host, **headers))

    def serves_only(self, version: str, *, host: str = "", **headers: str) -> None:
        """Once the mesh has heard of it, this version gives all the answers."""
        what = f"{version} answers"
        wait_for(lambda: self.versions(5, host=host, **headers) == {version: 5}, what, PATIENCE)
        assert self.versions(30, host=host, **headers) == {version: 30}

    def containers(self, version: str) -> list[Manifest]:
        """The app's only container; at no other port than `ports` there is an answer."""
        return [{"name": self.name, "image": f"app:{version}", "ports": self.ports}]

    def traffic(self, path: str = "/", rate: float = 100) -> Traffic:
        """A steady client."""
        return Traffic(self.sandbox.ingress_url + path, f"{self.name}.{self.namespace}", rate=rate)

    def measure(self, status: int) -> None:
        """Wait until Prometheus has seen the canary give such answers, at a rate; no time passes for the Canary."""
        labels = f'destination_workload_namespace="{self.namespace}", destination_workload="{self.name}"'
        series = f'istio_requests_total{{{labels}, response_code="{status}"}}'
        self.sandbox.prometheus.wait_for_value(f"sum(rate({series}[2s])) > 0", PATIENCE)

    def copies(self) -> int:
        """How many copies of requests the canary's pods have answered so far."""
        pattern = f"^cluster.{self.namespace}/{self.name}/.+~mirror.upstream_rq_200$"
        page = _http.request("GET", f"{self.sandbox.envoy_url}/stats", fields={"filter": pattern}).data.decode()
        return sum(int(line.split(": ")[1]) for line in page.splitlines())


@contextmanager
def an_app(town: Town) -> Iterator[App]:
    """An app in a namespace of its own, not deployed yet; it goes with its namespace.

    Of many at once Envoy would die: it watches the endpoints of each by inotify, of which a user has 128 instances.
    """
    found = App(town)
    try:
        yield found
    finally:
        found.kube.delete(NAMESPACES, "", found.namespace)


def _pod(body: bytes) -> str:
    """The pod that an answer says it is from; empty where none has answered."""
    try:
        return str(json.loads(body)["pod"])
    except (ValueError, KeyError):
        return ""


def token() -> dict[str, str]:
    """How the senders say who they are."""
    return {"Authorization": f"Bearer {TOKEN}"}
