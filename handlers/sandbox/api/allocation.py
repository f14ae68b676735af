"""What the server gives a new built-in object of its own: addresses, selectors, the first status.

It comes after managedFields are told, so that no client owns it (each kind's strategy.go, PrepareForCreate).
"""

from typing import Any

from handlers.sandbox.api.resources import Resource
from handlers.sandbox.api.status import Json
from handlers.sandbox.api.store import Store

SERVICE = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")
CLUSTER_IPS = 10 << 24 | 96 << 16  # 10.96.0.0/16
_COUNTERS = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
_STATUS: dict[tuple[str, str], Json] = {
    ("", "namespaces"): {"phase": "Active"},
    ("", "pods"): {"phase": "Pending", "qosClass": "BestEffort"},
    ("", "services"): {"loadBalancer": {}},
    ("apps", "deployments"): {},
    ("apps", "replicasets"): {"replicas": 0},
    ("apps", "daemonsets"): dict.fromkeys(_COUNTERS, 0),
    ("apps", "statefulsets"): {"replicas": 0},
    ("batch", "jobs"): {},
    ("batch", "cronjobs"): {},
    ("autoscaling", "horizontalpodautoscalers"): {"desiredReplicas": 0, "currentMetrics": None},
    ("networking.k8s.io", "ingresses"): {"loadBalancer": {}},
}
_EVENT: Json = dict.fromkeys(("eventTime", "firstTimestamp", "lastTimestamp"))
_EVENT |= {"source": {}, "reportingComponent": "", "reportingInstance": ""}
_TOLERATED = ("not-ready", "unreachable")


def allocate(store: Store, resource: Resource, new: Json) -> None:
    """Add to a new object, in place, what the server allocates."""
    status = _STATUS.get(resource.key)
    if status is not None:
        new["status"] = dict(status)
    match resource.key:
        case ("", "namespaces"):
            new["spec"] = {"finalizers": ["kubernetes"]} | (new.get("spec") or {})
        case ("", "pods"):
            _pod(new["spec"])
        case ("", "events"):
            for name, value in _EVENT.items():
                new.setdefault(name, value)
        case ("", "services"):
            _service(store, new["spec"])
        case ("batch", "jobs") if not new["spec"].get("manualSelector"):
            _job(new)
        case _:
            pass


def _pod(spec: Json) -> None:
    tolerated: list[Json] = [
        {"key": f"node.kubernetes.io/{name}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for name in _TOLERATED
    ]
    own = {toleration.get("key") for toleration in spec.get("tolerations", ())}
    spec["tolerations"] = [*spec.get("tolerations", ()), *(found for found in tolerated if found["key"] not in own)]
    spec.setdefault("priority", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")


def _service(store: Store, spec: Json) -> None:
    if spec["type"] == "ExternalName":
        return
    if not spec.get("clusterIP"):
        store.addresses += 1
        number = CLUSTER_IPS + 10 + store.addresses
        spec["clusterIP"] = ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
    spec["clusterIPs"] = [spec["clusterIP"]]
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")


def _job(new: Json) -> None:
    uid, name = new["metadata"]["uid"], new["metadata"]["name"]
    spec = new["spec"]
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    labels = {"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": name}
    labels |= {"controller-uid": uid, "job-name": name}
    spec["template"] = spec["template"] | {"metadata": _labelled(spec["template"]["metadata"], labels)}
    if not new["metadata"].get("labels"):
        new["metadata"] = _labelled(new["metadata"], spec["template"]["metadata"]["labels"])


def _labelled(metadata: Json, labels: dict[str, Any]) -> Json:
    return metadata | {"labels": (metadata.get("labels") or {}) | labels}
