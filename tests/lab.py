"""A cluster with one Canary in it and everything around it: what most tests start from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any

from handlers.providers.prometheus import MetricServer
from handlers.rollout.objects import CANARY, DAEMONSET, DEPLOYMENT, Kind, Ref
from handlers.rollout.snapshot import Cause, CauseKind, Options
from handlers.sandbox.api.cluster import Cluster
from handlers.sandbox.crds import install_crds
from handlers.step.ports import Config, World
from handlers.step.step import step
from tests.fakes import EPOCH, ApiCluster, Clock, Kubelet, Prometheus, Webhooks, api_path

DEFAULT_METRICS = (
    {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"},
    {"name": "request-duration", "thresholdRange": {"max": 500}, "interval": "1m"},
)


def a_canary(
    *, analysis: Mapping[str, Any] | None = None, service: Mapping[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    """A Canary as a user writes it: app in shop, steps of 20 up to 60, threshold 3."""
    steps: dict[str, Any] = {"interval": "10s", "threshold": 3, "maxWeight": 60, "stepWeight": 20}
    wanted = {**steps, "metrics": list(DEFAULT_METRICS), **(analysis or {})}
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "app", "namespace": "shop"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
            "service": {"port": 80, "targetPort": 8080, **(service or {})},
            "analysis": {key: value for key, value in wanted.items() if value is not None},
            **spec,
        },
    }


def a_deployment(image: str = "app:v1", replicas: int = 1) -> dict[str, Any]:
    """The target that belongs to it."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "app", "namespace": "shop"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "app"}},
            "template": {
                "metadata": {"labels": {"app": "app"}},
                "spec": {"containers": [{"name": "app", "image": image, "ports": [{"containerPort": 8080}]}]},
            },
        },
    }


def a_daemonset(image: str = "app:v1", **spec: Any) -> dict[str, Any]:
    """A target that has a pod on each node."""
    made = a_deployment(image)
    del made["spec"]["replicas"]
    return {**made, "kind": "DaemonSet", "spec": {**made["spec"], **spec}}


TICK = Cause(kind=CauseKind.TICK, id="tick")


def an_alert(started: datetime, key: str = "fp/1") -> Cause:
    """A firing alert about app in shop."""
    return Cause(
        kind=CauseKind.ALERT,
        id=key,
        alert=key,
        alert_name="CanaryHighErrorRate",
        alert_started=started,
        text="CanaryHighErrorRate is firing",
    )


def its_end(alert: Cause, ended: datetime) -> Cause:
    """The same alert, resolved."""
    return replace(alert, alert_ended=ended, text="CanaryHighErrorRate has ended")


@dataclass
class Lab:
    """A cluster with one Canary in it and everything around it; what most tests start from."""

    api: Cluster
    clock: Clock
    cluster: ApiCluster
    webhooks: Webhooks
    prometheus: Prometheus
    kubelet: Kubelet
    world: World

    @property
    def ref(self) -> Ref:
        """The Canary."""
        return Ref(CANARY, "shop", "app")

    def get(self, path: str) -> Any:
        """An object, by its path below the namespace's API group: `apps/v1/deployments/app`."""
        prefix = "/api/v1" if path.startswith("v1/") else "/apis/" + "/".join(path.split("/")[:2])
        rest = "/".join(path.split("/")[-2:])
        reply = self.api.call("GET", f"{prefix}/namespaces/shop/{rest}")
        return reply.body if reply.status == 200 else None

    @property
    def canary(self) -> Any:
        """The Canary object."""
        return self.get("flagger.app/v1beta1/canaries/app")

    @property
    def plural(self) -> str:
        """What the API calls workloads of the target's kind."""
        return (DAEMONSET if self.get("apps/v1/daemonsets/app") else DEPLOYMENT).plural

    @property
    def target(self) -> Any:
        """The target Deployment, or DaemonSet."""
        return self.get(f"apps/v1/{self.plural}/app")

    @property
    def primary(self) -> Any:
        """The primary, of the same kind."""
        return self.get(f"apps/v1/{self.plural}/app-primary")

    @property
    def weights(self) -> tuple[int, int] | None:
        """What the VirtualService sends to primary and canary."""
        route = self.get("networking.istio.io/v1beta1/virtualservices/app")
        if route is None:
            return None
        first, second = route["spec"]["http"][0]["route"]
        return first["weight"], second.get("weight", 0)

    @property
    def phase(self) -> str:
        """The phase in `.status`."""
        return str(((self.canary or {}).get("status") or {}).get("phase", ""))

    @property
    def events(self) -> list[str]:
        """All Kubernetes Events, as `TYPE MESSAGE`, in the order they were made."""
        items = self.api.call("GET", "/api/v1/namespaces/shop/events").body["items"]
        items.sort(key=lambda item: int(item["metadata"]["resourceVersion"]))
        return [f"{item['type']} {item['message']}" for item in items]

    def edit(self, path: str, patch: Mapping[str, Any], manager: str = "kubectl") -> None:
        """Change an object as a user would."""
        prefix = "/api/v1" if path.startswith("v1/") else "/apis/" + "/".join(path.split("/")[:2])
        rest = "/".join(path.split("/")[-2:])
        where = f"{prefix}/namespaces/shop/{rest}"
        reply = self.api.call("PATCH", where, patch, query={"fieldManager": manager})
        assert reply.status == 200, reply.body

    def create(self, kind: Kind, manifest: Mapping[str, Any]) -> None:
        """Make an object as a user would."""
        reply = self.api.call("POST", api_path(kind, "shop"), manifest, query={"fieldManager": "kubectl"})
        assert reply.status == 201, reply.body

    def delete(self, kind: Kind, name: str) -> None:
        """Take an object away as a user would."""
        reply = self.api.call("DELETE", api_path(kind, "shop", name))
        assert reply.status == 200, reply.body

    def push(self, image: str) -> None:
        """Give the target another image."""
        first, *others = self.target["spec"]["template"]["spec"]["containers"]
        containers = [{**first, "image": image}, *others]
        self.edit(f"apps/v1/{self.plural}/app", {"spec": {"template": {"spec": {"containers": containers}}}})

    def step(self, cause: Cause = TICK) -> str:
        """One step; what was decided."""
        return step(self.world, self.ref, cause).told

    def tick(self, times: int = 1, seconds: float = 10) -> None:
        """Let pods come up and time pass, and step; again and again."""
        for _ in range(times):
            self.kubelet.run()
            self.clock.tick(seconds)
            self.step()

    def until(self, phase: str, limit: int = 30) -> None:
        """Tick until a phase is reached."""
        for _ in range(limit):
            if self.phase == phase:
                return
            self.tick()
        raise AssertionError(f"still {self.phase}, not {phase}: {self.events}")

    def copy(self) -> "Lab":
        """A twin in the same state that goes its own way."""
        return a_lab(self.api.copy(), moment=self.clock.moment, config=self.world.config, never=self.kubelet.never)


def a_lab(
    api: Cluster,
    *,
    moment: datetime = EPOCH,
    config: Config | None = None,
    never: set[str] | None = None,
) -> Lab:
    """The ports around a cluster."""
    clock = Clock(moment)
    api.store.now = clock
    cluster, webhooks, prometheus = ApiCluster(api), Webhooks(), Prometheus()
    nonces = count(1)
    world = World(
        cluster=cluster,
        http=webhooks,
        metrics=prometheus,
        config=config or Config(metrics_server=MetricServer(address="http://prometheus:9090")),
        now=clock,
        nonce=lambda: f"nonce-{next(nonces)}-{id(cluster)}",
        sleep=clock.tick,
    )
    return Lab(api, clock, cluster, webhooks, prometheus, Kubelet(api, set(never or ())), world)


def a_config(lab: Lab, name: str, data: Mapping[str, str], kind: str = "ConfigMap", **more: Any) -> None:
    """Make a ConfigMap, or a Secret, as a user would; its labels, annotations and so on as keywords."""
    meta = {"name": name, "namespace": "shop", **more.pop("metadata", {})}
    body = {"apiVersion": "v1", "kind": kind, "metadata": meta, "data": dict(data), **more}
    path = f"/api/v1/namespaces/shop/{kind.lower()}s"
    reply = lab.api.call("POST", path, body, query={"fieldManager": "kubectl"})
    assert reply.status == 201, reply.body


_EMPTY: list[Cluster] = []


def new_lab(
    canary: Mapping[str, Any] | None = None,
    deployment: Mapping[str, Any] | None = None,
    *,
    total: bool = False,
    event_webhook: str = "",
) -> Lab:
    """A lab with a namespace, a Deployment that runs and a Canary that nobody has looked at yet."""
    if not _EMPTY:
        fresh = Cluster()
        install_crds(fresh)
        fresh.call("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
        _EMPTY.append(fresh)
    config = Config(
        metrics_server=MetricServer(address="http://prometheus:9090"),
        options=Options(total=total),
        event_webhook=event_webhook,
    )
    lab = a_lab(_EMPTY[0].copy(), config=config)
    manifest = deployment or a_deployment()
    lab.create(DAEMONSET if manifest["kind"] == DAEMONSET.name else DEPLOYMENT, manifest)
    lab.kubelet.run()
    wanted = dict(canary or a_canary())
    path = "/apis/flagger.app/v1beta1/namespaces/shop/canaries"
    reply = lab.api.call("POST", path, wanted, query={"fieldManager": "kubectl"})
    assert reply.status == 201, reply.body
    return lab


def at(lab: Lab, phase: str, weight: int = 0) -> Lab:
    """The lab with a rollout of app:v2 under way that has come as far as this."""
    lab.until("Initialized")
    lab.push("app:v2")
    for _ in range(30):
        status = lab.canary["status"]
        if status["phase"] == phase and status["canaryWeight"] == weight:
            lab.kubelet.run()
            return lab
        lab.tick()
    raise AssertionError(f"never came to {phase} at {weight}: {lab.events}")
