"""The workload that Flagger's unit tests begin with, of both kinds, in a lab."""

from dataclasses import replace
from typing import Any

import pytest

from handlers.rollout.objects import DAEMONSET, DEPLOYMENT, Kind
from handlers.rollout.objects.daemonsets import SCALE_TO_ZERO
from handlers.rollout.snapshot import Options
from tests.lab import Lab, a_canary, a_config, a_daemonset, a_deployment, new_lab

KINDS = pytest.mark.parametrize("kind", [DEPLOYMENT, DAEMONSET], ids=lambda kind: kind.name)
LABEL, NOTE = "app.kubernetes.io/test-label-1", "app.kubernetes.io/test-annotation-1"


def about(*names: str) -> dict[str, Any]:
    """A term about the pods of these workloads."""
    expressions = [{"key": "app", "operator": "In", "values": list(names)}]
    return {"labelSelector": {"matchExpressions": expressions}, "topologyKey": "kubernetes.io/hostname"}


def a_workload(kind: Kind, label: str = "app") -> dict[str, Any]:
    """Flagger's fixture: marks of Flux, labels and annotations to copy, configs, affinity."""
    made = a_daemonset() if kind is DAEMONSET else a_deployment()
    made["metadata"] |= {
        "labels": {LABEL: "one", "other": "1"},
        "annotations": {NOTE: "one", "kustomize.toolkit.fluxcd.io/checksum": "0a1b2c3d"},
    }
    made["spec"]["selector"] = {"matchLabels": {"app": label}}
    template = made["spec"]["template"]
    template["metadata"] = {"labels": {"app": label}}
    pod = template["spec"]
    pod["containers"][0]["envFrom"] = [{"configMapRef": {"name": "env"}}, {"secretRef": {"name": "keys"}}]
    pod["volumes"] = [{"name": "config", "configMap": {"name": "vol"}}]
    weighted = [{"weight": 100, "podAffinityTerm": about(name)} for name in (label, "another")]
    anti = {
        "preferredDuringSchedulingIgnoredDuringExecution": weighted,
        "requiredDuringSchedulingIgnoredDuringExecution": [about(label), about("another")],
    }
    pod["affinity"] = {"podAntiAffinity": anti}
    pod["topologySpreadConstraints"] = [
        {**about(name), "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"} for name in (label, "another")
    ]
    return made


def fixture(kind: Kind = DEPLOYMENT, *, label: str = "app", tracking: bool = True, **spec: Any) -> Lab:
    """A cluster with the workload and its configs; labels that begin with `app.kubernetes.io` are copied.

    Steps of 10 up to 50 and a threshold of 10, as in Flagger's; `spec` changes the Canary.
    """
    ref = {"apiVersion": kind.api_version, "kind": kind.name, "name": "app"}
    analysis = {"stepWeight": 10, "maxWeight": 50, "threshold": 10, **spec.pop("analysis", {})}
    lab = new_lab(a_canary(targetRef=ref, analysis=analysis, **spec), a_workload(kind, label))
    options = Options(include_label_prefixes=("app.kubernetes.io",), config_tracking=tracking)
    lab.world = replace(lab.world, config=replace(lab.world.config, options=options))
    for name in ("env", "vol"):
        a_config(lab, name, {"color": "red"})
    a_config(lab, "keys", {"key": "b25l"}, "Secret")
    return lab


def initialized(kind: Kind, **how: Any) -> Lab:
    """The fixture, bootstrapped."""
    lab = fixture(kind, **how)
    lab.until("Initialized")
    return lab


def image(lab: Lab, image: str, **metadata: Any) -> None:
    """Another image, and other metadata, for the target; all else stays."""
    template = lab.target["spec"]["template"]
    template["spec"]["containers"][0]["image"] = image
    lab.edit(f"apps/v1/{lab.plural}/app", {"metadata": metadata, "spec": {"template": template}})


def rests(lab: Lab) -> bool:
    """Whether the target has no pods."""
    selector = lab.target["spec"]["template"]["spec"].get("nodeSelector") or {}
    return lab.target["spec"].get("replicas") == 0 or SCALE_TO_ZERO in selector


def cpu(lab: Lab, requested: str | None) -> None:
    """Let the target's pods ask for so much CPU, and for nothing else."""
    template = lab.target["spec"]["template"]
    template["spec"]["containers"][0]["resources"] = {"requests": {"cpu": requested}} if requested else {}
    lab.edit(f"apps/v1/{lab.plural}/app", {"spec": {"template": template}})
