"""A namespace of its own in the sandbox, for one test."""

from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

import urllib3

from handlers.sandbox.kube import PODS
from handlers.sandbox.process import wait_for
from handlers.sandbox.sandbox import Sandbox

Manifest = dict[str, Any]

_numbers = count(1)


class Place:
    """A namespace of its own in the sandbox, with what tests do in it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.namespace = f"test-{next(_numbers)}"
        self._http = urllib3.PoolManager(retries=False)
        sandbox.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})

    def meta(self, name: str, **more: Any) -> Manifest:
        """Metadata in this namespace."""
        return {"name": name, "namespace": self.namespace, **more}

    def deployment(self, name: str, tag: str, *, replicas: int = 1, wait: bool = True, **spec: Any) -> None:
        """A Deployment, by default rolled out."""
        template = {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "app", "image": f"app:{tag}"}]},
        }
        selector = {"matchLabels": {"app": name}}
        manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": self.meta(name)}
        inner = {"replicas": replicas, "selector": selector, "template": template, **spec}
        self.sandbox.apply(manifest | {"spec": inner})
        if wait:
            self.sandbox.wait_rolled_out(self.namespace, name)

    def service(self, name: str, app: str) -> None:
        """A Service over the pods of one Deployment."""
        spec = {"selector": {"app": app}, "ports": [{"port": 80, "targetPort": 8080}]}
        self.sandbox.apply({"apiVersion": "v1", "kind": "Service", "metadata": self.meta(name), "spec": spec})

    def virtual_service(self, *http: Manifest) -> None:
        """The VirtualService of the host `app`."""
        manifest = {"apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService", "metadata": self.meta("app")}
        self.sandbox.apply(manifest | {"spec": {"hosts": ["app"], "http": list(http)}})

    def weights(self, canary: int) -> Manifest:
        """A route with so many percent for the canary."""
        sides = (("app-primary", 100 - canary), ("app-canary", canary))
        return {"route": [{"destination": {"host": host}, "weight": weight} for host, weight in sides]}

    def canary_setup(self) -> None:
        """A primary of version 1 and a canary of version 2, each with its Service, and the apex Service."""
        self.deployment("app-primary", "1", wait=False)
        self.deployment("app", "2", wait=False)
        for name, app in (("app", "app-primary"), ("app-primary", "app-primary"), ("app-canary", "app")):
            self.service(name, app)
        for name in ("app-primary", "app"):
            self.sandbox.wait_rolled_out(self.namespace, name)

    def pods(self, phase: str = "") -> list[Manifest]:
        """The pods here, of one phase or of all."""
        found: list[Manifest] = self.sandbox.kube.list(PODS, self.namespace)["items"]
        return [pod for pod in found if phase in {"", pod["status"]["phase"]}]

    def answers(self, number: int, host: str = "app", **headers: str) -> Counter[str]:
        """How many of so many requests each version answered; a status stands for what no pod answered."""
        found = Counter[str]()
        for _ in range(number):
            sent = {"host": f"{host}.{self.namespace}", **headers}
            answer = self._http.request("GET", self.sandbox.ingress_url, headers=sent)
            found[answer.headers.get("x-version", str(answer.status))] += 1
        return found

    def eventually(self, check: Callable[[], bool], what: str) -> None:
        """Wait for a condition; the agents act within fractions of a second, so the limit is for a busy machine."""
        wait_for(check, what, seconds=30)
