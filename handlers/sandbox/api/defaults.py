"""What the real server fills into built-in objects (k8s.io/kubernetes pkg/apis/*/defaults.go), and what it refuses."""

import base64
from collections.abc import Callable
from typing import Any

from handlers.sandbox.api import custom, pods
from handlers.sandbox.api.resources import CRDS, Resource
from handlers.sandbox.api.status import Cause, Json, bad_request
from handlers.sandbox.api.store import Store
from handlers.sandbox.api.validation import quoted

Filler = Callable[[Json, Json | None, Store], None]
CLUSTER_IPS = 10 << 24 | 96 << 16  # 10.96.0.0/16
TEMPLATED = {"deployments", "replicasets", "daemonsets", "statefulsets", "jobs"}
SELECTING = TEMPLATED - {"jobs"}


def filled(store: Store, resource: Resource, new: Json, live: Json | None) -> Json:
    """A built-in object with its defaults; what is the very same part of the stored object is left alone."""
    body = {name: value for name, value in new.items() if value is not None}
    for name, value in body.items():
        if name != "metadata" and (live is None or value is not live.get(name)):
            body[name] = _without_nulls(value)
    if resource.key == CRDS:
        body["spec"] = custom.filled(body.get("spec") or {})
    elif (fill := _FILLERS.get((resource.group, resource.plural))) is not None:
        if "spec" in body and (live is None or body["spec"] is not live.get("spec")):
            body["spec"] = dict(body["spec"])
        fill(body, live, store)
    return body


def problems(resource: Resource, new: Json, live: Json | None) -> list[Cause]:
    """What the real server would refuse in a built-in object: the rules that users run into, by far not all."""
    spec = new.get("spec")
    if live is not None and spec is live.get("spec"):
        return []
    if resource.group in ("apps", "batch") and resource.plural in TEMPLATED:
        return _workload(resource, spec or {}, (live or {}).get("spec") or {})
    if resource.key == ("", "pods"):
        return pods.problems(spec or {}, "spec")
    if resource.key == ("", "services"):
        return _service_problems(spec or {}, (live or {}).get("spec") or {})
    return []


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(below) for name, below in value.items() if below is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _fill(target: Json, **values: Any) -> None:
    for name, value in values.items():
        target.setdefault(name, value)


def _namespace(body: Json, _live: Json | None, _store: Store) -> None:
    meta = body["metadata"]
    meta["labels"] = (meta.get("labels") or {}) | {"kubernetes.io/metadata.name": meta["name"]}
    body["spec"] = body.get("spec") or {"finalizers": ["kubernetes"]}
    body.setdefault("status", {"phase": "Active"})


def _pod(body: Json, live: Json | None, _store: Store) -> None:
    if live is None or body.get("spec") is not live.get("spec"):
        body["spec"] = pods.filled(body.get("spec") or {})
    body.setdefault("status", {"phase": "Pending", "qosClass": "BestEffort"})


def _secret(body: Json, _live: Json | None, _store: Store) -> None:
    body.setdefault("type", "Opaque")
    plain = body.pop("stringData", None)
    if plain:
        coded = {name: base64.b64encode(value.encode()).decode() for name, value in plain.items()}
        body["data"] = (body.get("data") or {}) | coded


def _service(body: Json, live: Json | None, store: Store) -> None:
    spec = body.setdefault("spec", {})
    before = (live or {}).get("spec") or {}
    _fill(spec, type="ClusterIP", sessionAffinity="None")
    body.setdefault("status", {"loadBalancer": {}})
    if spec.get("ports"):
        spec["ports"] = [_port(port) for port in spec["ports"]]
    if spec["type"] == "ExternalName":
        return
    if not spec.get("clusterIP"):
        spec["clusterIP"] = before.get("clusterIP") or _address(store)
    _fill(spec, internalTrafficPolicy="Cluster", ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")
    spec["clusterIPs"] = [spec["clusterIP"]]
    if spec["type"] != "ClusterIP":
        _fill(spec, externalTrafficPolicy="Cluster")


def _port(port: Json) -> Json:
    found = dict(port)
    _fill(found, protocol="TCP", targetPort=port.get("port"))
    return found


def _address(store: Store) -> str:
    store.addresses += 1
    number = CLUSTER_IPS + 10 + store.addresses
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def _deployment(body: Json, live: Json | None, _store: Store) -> None:
    body.setdefault("status", {})
    if live is not None and body.get("spec") == live.get("spec"):
        return
    spec = body["spec"] = dict(body.get("spec") or {})
    _fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = spec["strategy"] = dict(spec.get("strategy") or {})
    _fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy["rollingUpdate"] = dict(strategy.get("rollingUpdate") or {})
        _fill(rolling, maxUnavailable="25%", maxSurge="25%")
    _template(spec)


def _replica_set(body: Json, _live: Json | None, _store: Store) -> None:
    _fill(body.setdefault("spec", {}), replicas=1)
    _template(body["spec"])
    body.setdefault("status", {"replicas": 0})


def _daemon_set(body: Json, _live: Json | None, _store: Store) -> None:
    spec = body.setdefault("spec", {})
    _fill(spec, revisionHistoryLimit=10)
    strategy = spec["updateStrategy"] = dict(spec.get("updateStrategy") or {})
    _fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy["rollingUpdate"] = dict(strategy.get("rollingUpdate") or {})
        _fill(rolling, maxUnavailable=1, maxSurge=0)
    _template(spec)
    counters = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
    body.setdefault("status", dict.fromkeys(counters, 0))


def _stateful_set(body: Json, _live: Json | None, _store: Store) -> None:
    spec = body.setdefault("spec", {})
    _fill(spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady")
    _fill(spec, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})
    _template(spec)
    body.setdefault("status", {"replicas": 0})


def _job(body: Json, live: Json | None, _store: Store) -> None:
    spec = body.setdefault("spec", {})
    _fill(spec, backoffLimit=6, completionMode="NonIndexed", suspend=False, podReplacementPolicy="TerminatingOrFailed")
    if "completions" not in spec and "parallelism" not in spec:
        _fill(spec, completions=1)
    _fill(spec, parallelism=1, manualSelector=False)
    if not spec["manualSelector"] and live is None:
        uid, name = body["metadata"]["uid"], body["metadata"]["name"]
        spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
        labels = {"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": name}
        labels |= {"controller-uid": uid, "job-name": name}
        template = spec["template"] = dict(spec.get("template") or {})
        meta = template["metadata"] = dict(template.get("metadata") or {})
        meta["labels"] = (meta.get("labels") or {}) | labels
    _template(spec)
    body.setdefault("status", {})


def _cron_job(body: Json, _live: Json | None, _store: Store) -> None:
    spec = body.setdefault("spec", {})
    _fill(spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1)
    body.setdefault("status", {})


def _autoscaler(body: Json, _live: Json | None, _store: Store) -> None:
    _fill(body.setdefault("spec", {}), minReplicas=1)
    body.setdefault("status", {"desiredReplicas": 0, "currentMetrics": None})


def _template(spec: Json) -> None:
    template = spec["template"] = dict(spec.get("template") or {})
    template["metadata"] = template.get("metadata") or {}
    template["spec"] = pods.filled(template.get("spec") or {})


_FILLERS: dict[tuple[str, str], Filler] = {
    ("", "namespaces"): _namespace,
    ("", "pods"): _pod,
    ("", "secrets"): _secret,
    ("", "services"): _service,
    ("apps", "deployments"): _deployment,
    ("apps", "replicasets"): _replica_set,
    ("apps", "daemonsets"): _daemon_set,
    ("apps", "statefulsets"): _stateful_set,
    ("batch", "jobs"): _job,
    ("batch", "cronjobs"): _cron_job,
    ("autoscaling", "horizontalpodautoscalers"): _autoscaler,
}


def _workload(resource: Resource, spec: Json, before: Json) -> list[Cause]:
    found = []
    replicas = spec.get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        text = f"json: cannot unmarshal {type(replicas).__name__} into Go struct field"
        raise bad_request(f"{text} {resource.kind}Spec.spec.replicas of type int32")
    if replicas < 0:
        text = f"Invalid value: {replicas}: must be greater than or equal to 0"
        found.append(Cause("FieldValueInvalid", "spec.replicas", text))
    if resource.plural in SELECTING:
        found += _selector(spec, before)
    return found + pods.problems(spec["template"]["spec"], "spec.template.spec")


def _selector(spec: Json, before: Json) -> list[Cause]:
    selector = spec.get("selector")
    if not selector:
        return [Cause("FieldValueRequired", "spec.selector", "Required value")]
    if before and selector != before.get("selector"):
        text = f"Invalid value: {quoted(selector)}: field is immutable"
        return [Cause("FieldValueInvalid", "spec.selector", text)]
    labels = spec["template"]["metadata"].get("labels") or {}
    wanted = selector.get("matchLabels") or {}
    if wanted.items() <= labels.items():
        return []
    text = f"Invalid value: {quoted(labels)}: `selector` does not match template `labels`"
    return [Cause("FieldValueInvalid", "spec.template.metadata.labels", text)]


def _service_problems(spec: Json, before: Json) -> list[Cause]:
    found = []
    address = before.get("clusterIP")
    if address and spec.get("clusterIP") != address and spec["type"] != "ExternalName":
        text = f"Invalid value: {quoted([spec.get('clusterIP')])}: may not change once set"
        found.append(Cause("FieldValueInvalid", "spec.clusterIPs[0]", text))
    if not spec.get("ports") and spec.get("clusterIP") != "None" and spec["type"] != "ExternalName":
        found.append(Cause("FieldValueRequired", "spec.ports", "Required value"))
    for at, port in enumerate(spec.get("ports") or ()):
        if len(spec["ports"]) > 1 and not port.get("name"):
            found.append(Cause("FieldValueRequired", f"spec.ports[{at}].name", "Required value"))
    return found
