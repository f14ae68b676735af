"""What scales a target, and how a Canary names it."""

from typing import Any

from handlers.rollout.objects import Kind


def an_hpa(**spec: Any) -> dict[str, Any]:
    """What scales it: from 2 to 4 pods, by CPU."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "app", "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
            "minReplicas": 2,
            "maxReplicas": 4,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
                }
            ],
            **spec,
        },
    }


def a_scaled_object(**spec: Any) -> dict[str, Any]:
    """What scales it, as KEDA's: by how many requests there are."""
    query = 'sum(rate(http_requests_total{app="app"}[2m]))'
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "app", "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"name": "app"},
            "minReplicaCount": 2,
            "maxReplicaCount": 4,
            "triggers": [{"type": "prometheus", "name": "requests", "metadata": {"threshold": "100", "query": query}}],
            **spec,
        },
    }


def scaled_by(kind: Kind) -> dict[str, Any]:
    """The part of a Canary's spec that names what scales the target."""
    return {"autoscalerRef": {"apiVersion": kind.api_version, "kind": kind.name, "name": "app"}}
