"""A target, its Canary and its primary."""

from typing import Any

from handlers.rollout.objects.workloads import create_primary
from handlers.rollout.snapshot import Options
from handlers.rollout.spec import canary as specs
from handlers.rollout.spec.canary import Canary

OPTIONS = Options(selector_labels=("name",), include_label_prefixes=("app.kubernetes.io", "test-"))


def canary(target: str = "podinfo") -> Canary:
    """A Canary for a Deployment."""
    spec = {"targetRef": {"kind": "Deployment", "name": target}, "service": {"port": 9898}, "skipAnalysis": True}
    return specs.parse({"metadata": {"namespace": "default", "name": "podinfo", "uid": "u-1"}, "spec": spec})


def about(*values: str, key: str = "name") -> dict[str, Any]:
    """A term about the pods with one of these values."""
    return {"labelSelector": {"matchExpressions": [{"key": key, "operator": "In", "values": list(values)}]}}


def target(name: str = "podinfo", image: str = "podinfo:1.2.0") -> dict[str, Any]:
    """A target with everything in it that a clone must look at."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "namespace": "default",
            "name": name,
            "uid": "u-target",
            "resourceVersion": "7",
            "annotations": {
                "kustomize.toolkit.fluxcd.io/checksum": "0a40893b",
                "argocd.argoproj.io/tracking-id": "app:apps/Deployment:default/podinfo",
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
                "deployment.kubernetes.io/revision": "3",
                "serinus.dev/note": "about the target",
                "test-annotation-1": "test-annotation-value-1",
                "other": "1",
            },
            "labels": {
                "test-label-1": "test-label-value-1",
                "app.kubernetes.io/instance": "app",
                "app.kubernetes.io/part-of": "shop",
                "test-toolkit.fluxcd.io/name": "flux",
                "other": "1",
            },
        },
        "spec": {
            "replicas": 2,
            "paused": True,
            "progressDeadlineSeconds": 60,
            "minReadySeconds": 5,
            "revisionHistoryLimit": 4,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}},
            "selector": {"matchLabels": {"name": "podinfo"}},
            "template": {
                "metadata": {
                    "annotations": {"helm.toolkit.fluxcd.io/x": "1", "test-annotation-1": "test-annotation-value-1"},
                    "labels": {"name": "podinfo", "app.kubernetes.io/instance": "app", "x.toolkit.fluxcd.io/y": "1"},
                },
                "spec": {
                    "containers": [{"name": "podinfo", "image": image}],
                    "volumes": [{"name": "config", "configMap": {"name": "podinfo-config-vol"}}],
                    "affinity": {
                        "nodeAffinity": {"kept": True},
                        "podAntiAffinity": {
                            "preferredDuringSchedulingIgnoredDuringExecution": [
                                {"weight": 5, "podAffinityTerm": about("podinfo")},
                                {"weight": 5, "podAffinityTerm": about("another")},
                            ],
                            "requiredDuringSchedulingIgnoredDuringExecution": [
                                about("podinfo", "else"),
                                about("podinfo", key="tier"),
                                {"topologyKey": "zone"},
                            ],
                        },
                    },
                    "topologySpreadConstraints": [
                        {"maxSkew": 1, "labelSelector": {"matchLabels": {"name": "podinfo", "tier": "podinfo"}}},
                        about("another"),
                    ],
                },
            },
        },
    }


def primary(**spec: Any) -> dict[str, Any]:
    """A primary as made from the first version, with a stranger's marks on it."""
    made = create_primary(canary(), target(), OPTIONS, "1-aa")
    made["metadata"] |= {"resourceVersion": "9", "labels": made["metadata"]["labels"] | {"stranger": "1"}}
    made["metadata"]["annotations"] |= {"stranger": "1", "deployment.kubernetes.io/revision": "1"}
    return {**made, "spec": {**made["spec"], **spec}, "status": {"readyReplicas": 2}}
