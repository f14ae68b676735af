"""Kubernetes objects as what they are on the wire: JSON, with a name that says where they live."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Object = Mapping[str, Any]
"""A Kubernetes object or a part of one, as JSON; never changed in place."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A resource as the API server serves it; group "" is core/v1. `namespaced`: its objects live in namespaces."""

    group: str
    version: str
    plural: str
    name: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`apps/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version


CANARY = Kind("flagger.app", "v1beta1", "canaries", "Canary")
METRIC_TEMPLATE = Kind("flagger.app", "v1beta1", "metrictemplates", "MetricTemplate")
ALERT_PROVIDER = Kind("flagger.app", "v1beta1", "alertproviders", "AlertProvider")
DEPLOYMENT = Kind("apps", "v1", "deployments", "Deployment")
DAEMONSET = Kind("apps", "v1", "daemonsets", "DaemonSet")
STATEFUL_SET = Kind("apps", "v1", "statefulsets", "StatefulSet")
HPA = Kind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
SCALED_OBJECT = Kind("keda.sh", "v1alpha1", "scaledobjects", "ScaledObject")
SERVICE = Kind("", "v1", "services", "Service")
CONFIG_MAP = Kind("", "v1", "configmaps", "ConfigMap")
SECRET = Kind("", "v1", "secrets", "Secret")
NAMESPACE = Kind("", "v1", "namespaces", "Namespace", namespaced=False)
EVENT = Kind("", "v1", "events", "Event")
JOB = Kind("batch", "v1", "jobs", "Job")
CRON_JOB = Kind("batch", "v1", "cronjobs", "CronJob")
VIRTUAL_SERVICE = Kind("networking.istio.io", "v1beta1", "virtualservices", "VirtualService")
DESTINATION_RULE = Kind("networking.istio.io", "v1beta1", "destinationrules", "DestinationRule")


@dataclass(frozen=True, slots=True)
class Ref:
    """Where one object lives; `namespace` is empty for what lives in none."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.name} {self.namespace}/{self.name}" if self.namespace else f"{self.kind.name} {self.name}"


def metadata(obj: Object) -> Object:
    """The metadata of an object, empty when it has none."""
    return obj.get("metadata") or {}


def annotations(obj: Object) -> Mapping[str, str]:
    """The annotations of an object, empty when it has none."""
    return metadata(obj).get("annotations") or {}


def labels(obj: Object) -> Mapping[str, str]:
    """The labels of an object, empty when it has none."""
    return metadata(obj).get("labels") or {}


def spec(obj: Object) -> Object:
    """The spec of an object, empty when it has none."""
    return obj.get("spec") or {}


def status(obj: Object) -> Object:
    """The status of an object, empty when it has none."""
    return obj.get("status") or {}


def resource_version(obj: Object) -> str:
    """What a guarded write hands back to show which version it was decided on."""
    return str(metadata(obj).get("resourceVersion", ""))


def generation(obj: Object) -> int:
    """Counts the changes of a spec."""
    return int(metadata(obj).get("generation") or 0)


def timestamp(moment: datetime) -> str:
    """A time as Kubernetes writes it (metav1.Time): RFC 3339 in UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def merge_patch(old: Any, new: Any) -> Any:
    """The smallest JSON merge patch that turns `old` into `new`; `{}` when they are equal.

    RFC 7396: null removes a key, lists are replaced whole. Values must be JSON objects.
    """
    patch: dict[str, Any] = {}
    for key in old.keys() - new.keys():
        patch[key] = None
    for key, value in new.items():
        if key not in old:
            patch[key] = value
        elif isinstance(value, Mapping) and isinstance(old[key], Mapping):
            if inner := merge_patch(old[key], value):
                patch[key] = inner
        elif value != old[key]:
            patch[key] = value
    return patch
