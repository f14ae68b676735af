"""ConfigMaps, Secrets, and workloads that read them."""

from typing import Any

from handlers.rollout.spec import canary as specs
from handlers.rollout.spec.canary import Canary

OURS = {"kind": "Canary", "name": "podinfo", "uid": "u-1"}
THEIRS = {"kind": "Canary", "name": "other", "uid": "u-2"}


def canary() -> Canary:
    """A Canary named podinfo."""
    spec = {"targetRef": {"kind": "Deployment", "name": "podinfo"}, "skipAnalysis": True, "service": {"port": 9898}}
    return specs.parse({"metadata": {"namespace": "default", "name": "podinfo", "uid": "u-1"}, "spec": spec})


def workload(pod: dict[str, Any], **template: Any) -> dict[str, Any]:
    """A target whose pods say this."""
    spec = {"selector": {"matchLabels": {"app": "podinfo"}}, "template": {"spec": pod, **template}}
    return {"metadata": {"name": "podinfo", "namespace": "default"}, "spec": spec}


def config_map(data: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """A ConfigMap called app."""
    return {"metadata": {"name": "app", "uid": "m-1"}, "data": {"k": "v"} if data is None else data, **more}


def secret(uid: str = "s-1", **more: Any) -> dict[str, Any]:
    """A Secret called app."""
    return {"metadata": {"name": "app", "uid": uid}, "type": "Opaque", "data": {"k": "aHVudGVyMg=="}, **more}
