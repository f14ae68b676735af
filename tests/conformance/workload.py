"""What a scenario begins with beside its Canary: the target, and what it reads or is scaled by."""

from collections.abc import Mapping
from typing import Any

from handlers.rollout.objects import DAEMONSET
from tests.lab import a_daemonset, a_deployment
from tests.scalers import an_hpa

Manifest = dict[str, Any]
CHANGED = {"configmaps": {"k": "b"}, "secrets": {"k": "Yg=="}}
"""The data of a ConfigMap or Secret after it has been changed."""


def workload(given: Mapping[str, Any]) -> list[Manifest]:
    """The target and then the rest, in namespace `shop`; raises ValueError when `given` names something else."""
    kind = (given["spec"].get("targetRef") or {}).get("kind")
    target = a_daemonset() if kind == DAEMONSET.name else a_deployment(replicas=given["replicas"])
    match given["objects"]:
        case None:
            return [target]
        case "hpa":
            return [target, an_hpa()]
        case "config":
            _container(target)["envFrom"] = [{"configMapRef": {"name": "app-config"}}]
            return [target, _config("ConfigMap", "app-config", "a")]
        case "secret":
            reference = {"secretKeyRef": {"name": "app-secret", "key": "k"}}
            _container(target)["env"] = [{"name": "K", "valueFrom": reference}]
            return [target, _config("Secret", "app-secret", "YQ==")]
        case "mounted config":
            source = {"configMap": {"name": "app-config"}}
            target["spec"]["template"]["spec"]["volumes"] = [{"name": "config", "projected": {"sources": [source]}}]
            return [target, _config("ConfigMap", "app-config", "a")]
        case other:
            raise ValueError(f"objects {other!r} are not known here")


def _container(target: Manifest) -> Manifest:
    found: Manifest = target["spec"]["template"]["spec"]["containers"][0]
    return found


def _config(kind: str, name: str, value: str) -> Manifest:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "shop"}, "data": {"k": value}}
