"""Clusters with more in them than one application: who answers a Service, and ticks over all."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from handlers.errors import SerinusError
from handlers.rollout.objects.sides import pod_labels, selects
from handlers.rollout.refusal import REFUSED
from handlers.step.sweep import sweep
from tests.lab import TICK, Lab, a_canary, a_deployment

CANARY = "flagger.app/v1beta1/canaries/app"
DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"
ROUTES = "/apis/networking.istio.io/v1beta1/namespaces/shop/virtualservices"


def look(lab: Lab, times: int = 1) -> None:
    """Ticks over all canaries; pods come up between them."""
    for _ in range(times):
        lab.kubelet.run()
        lab.clock.tick(10)
        with suppress(SerinusError):
            sweep(lab.world, (), TICK)


def labelled(name: str, labels: Mapping[str, str], image: str = "app:v1", replicas: int = 1) -> dict[str, Any]:
    """A Deployment that selects its pods by these labels."""
    made = a_deployment(image, replicas)
    made["metadata"]["name"] = name
    made["spec"]["selector"]["matchLabels"] = dict(labels)
    made["spec"]["template"]["metadata"]["labels"] = dict(labels)
    return made


def canary_of(name: str, target: str, **spec: Any) -> dict[str, Any]:
    """A Canary of this name for a Deployment."""
    made = a_canary(targetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": target}, **spec)
    made["metadata"]["name"] = name
    return made


def answering(lab: Lab, service: str) -> Sequence[str]:
    """The Deployments that have ready pods which a Service leads to."""
    found = lab.get(f"v1/services/{service}")
    selector = (found or {"spec": {}})["spec"].get("selector") or {}
    items = lab.api.call("GET", DEPLOYMENTS).body["items"]
    ready = [item for item in items if (item.get("status") or {}).get("readyReplicas")]
    return sorted(item["metadata"]["name"] for item in ready if selects(selector, pod_labels(item)))


def unanswered(lab: Lab, route: str = "app") -> int:
    """Percent of the requests by a route that nobody answers."""
    found = lab.get(f"networking.istio.io/v1beta1/virtualservices/{route}")
    sides = found["spec"]["http"][-1]["route"] if found else []
    return sum(side.get("weight", 100) for side in sides if not answering(lab, side["destination"]["host"]))


def refused(lab: Lab, path: str = CANARY) -> str:
    """What is written on a Canary about why it is not, or not wholly, followed."""
    return str((lab.get(path)["metadata"].get("annotations") or {}).get(REFUSED, ""))


def told(lab: Lab, text: str) -> int:
    """How many Events say so."""
    return sum(text in event for event in lab.events)


def replicas(lab: Lab) -> dict[str, int]:
    """How many pods each Deployment is to have."""
    items = lab.api.call("GET", DEPLOYMENTS).body["items"]
    return {item["metadata"]["name"]: item["spec"]["replicas"] for item in items}


def image(lab: Lab, name: str) -> str:
    """What a Deployment runs."""
    return str(lab.get(f"apps/v1/deployments/{name}")["spec"]["template"]["spec"]["containers"][0]["image"])
