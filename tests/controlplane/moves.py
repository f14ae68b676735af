"""Canaries that move to another target, Service and autoscaler: what was made before has to go."""

from functools import partial
from typing import Any

from handlers.sandbox.kube import (
    CONFIG_MAPS,
    DAEMON_SETS,
    DEPLOYMENTS,
    SECRETS,
    SERVICES,
    VIRTUAL_SERVICES,
    ApiError,
    Resource,
)
from tests.controlplane.rights import Site
from tests.e2e.town import CANARIES, App

STEPS = {"stepWeight": 50, "maxWeight": 50, "threshold": 1}
HPAS = Resource("autoscaling/v2", "horizontalpodautoscalers")
SCALED_OBJECTS = Resource("keda.sh/v1alpha1", "scaledobjects")
DESTINATION_RULES = Resource("networking.istio.io/v1beta1", "destinationrules")
CONFIGS = [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "password"}}]
NEXT = "next"
"""The name of the target, and of its Service and autoscaler, that each Canary here moves to."""


def moved_deployment(_: Site, app: App) -> None:
    """A Deployment with an autoscaler and configs."""
    meta = app.meta
    app.sandbox.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("settings"), "data": {"V": "1"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": meta("password"), "stringData": {"V": "1"}},
        workload(app, "Deployment", app.name, envFrom=CONFIGS),
        workload(app, "Deployment", NEXT),
        *(_hpa(app, name) for name in (app.name, NEXT)),
    )
    scaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
    app.canary(STEPS, autoscalerRef={**scaler, "name": app.name})
    app.until("Initialized")
    _move(app, autoscalerRef={**scaler, "name": NEXT})
    _gone(
        app,
        (VIRTUAL_SERVICES, app.name),
        (DESTINATION_RULES, f"{app.name}-primary"),
        (DESTINATION_RULES, f"{app.name}-canary"),
        (SERVICES, f"{app.name}-primary"),
        (SERVICES, f"{app.name}-canary"),
        (HPAS, f"{app.name}-primary"),
        (DEPLOYMENTS, f"{app.name}-primary"),
        (CONFIG_MAPS, "settings-primary"),
        (SECRETS, "password-primary"),
    )


def moved_daemons(_: Site, app: App) -> None:
    """A DaemonSet."""
    app.sandbox.apply(*(workload(app, "DaemonSet", name) for name in (app.name, NEXT)))
    app.canary(STEPS, targetRef={"apiVersion": "apps/v1", "kind": "DaemonSet", "name": app.name})
    app.until("Initialized")
    _move(app)
    _gone(app, (DAEMON_SETS, f"{app.name}-primary"))


def moved_scaled(_: Site, app: App) -> None:
    """A Deployment that KEDA scales."""
    names = (app.name, NEXT)
    app.sandbox.apply(
        *(workload(app, "Deployment", name) for name in names), *(scaled_object(app, name) for name in names)
    )
    scaler = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject"}
    app.canary(STEPS, autoscalerRef={**scaler, "name": app.name})
    app.until("Initialized")
    _move(app, autoscalerRef={**scaler, "name": NEXT})
    _gone(app, (SCALED_OBJECTS, f"{app.name}-primary"))


def workload(app: App, kind: str, name: str, *, label: str = "", **container: Any) -> dict[str, Any]:
    """A workload of version 1; its pods' label `app` says its name, unless another."""
    labels = {"app": label or name}
    pod = {"containers": [{**app.containers("1")[0], **container}]}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": app.meta(name), "spec": spec}


def scaled_object(app: App, name: str) -> dict[str, Any]:
    """What tells KEDA to scale a Deployment of its name."""
    trigger = {"type": "cron", "metadata": {"timezone": "UTC", "start": "0 0 * * *", "end": "1 0 * * *"}}
    spec = {"scaleTargetRef": {"name": name}, "maxReplicaCount": 2, "triggers": [trigger]}
    return {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": app.meta(name), "spec": spec}


def _hpa(app: App, name: str) -> dict[str, Any]:
    spec = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}, "maxReplicas": 2}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": app.meta(name),
        "spec": spec,
    }


def _move(app: App, **spec: Any) -> None:
    """Name the next target, whose Service is of its name too, and wait until it has the traffic."""
    app.kube.patch(CANARIES, app.namespace, app.name, {"spec": {"targetRef": {"name": NEXT}, **spec}})
    app.ticks_until(lambda: _exists(app, VIRTUAL_SERVICES, NEXT), "the new route is there")


def _gone(app: App, *things: tuple[Resource, str]) -> None:
    """Wait until none of these is there."""
    for resource, name in things:
        app.ticks_until(partial(_missing, app, resource, name), f"{resource.plural} {name} is gone")


def _missing(app: App, resource: Resource, name: str) -> bool:
    return not _exists(app, resource, name)


def _exists(app: App, resource: Resource, name: str) -> bool:
    """Whether it is there and not about to go."""
    try:
        return "deletionTimestamp" not in app.kube.get(resource, app.namespace, name)["metadata"]
    except ApiError as error:
        if error.status != 404:
            raise
        return False
