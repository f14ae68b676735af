"""What the real server fills into built-in objects (k8s.io/kubernetes pkg/apis/*/defaults.go)."""

import base64
from collections.abc import Callable
from typing import Any

from handlers.sandbox.api import allocation, autoscalers, custom, pods
from handlers.sandbox.api.resources import CRDS, Resource
from handlers.sandbox.api.status import Json
from handlers.sandbox.api.store import Store

Filler = Callable[[Json, Json | None, Store], None]


def filled(store: Store, resource: Resource, new: Json, live: Json | None) -> Json:
    """A built-in object with its defaults; what is the very same part of the stored object is left alone."""
    body = dict(new)
    if resource.key == CRDS:
        body["spec"] = custom.filled(body.get("spec") or {})
    elif (fill := _FILLERS.get((resource.group, resource.plural))) is not None:
        if "spec" in body and (live is None or body["spec"] is not live.get("spec")):
            body["spec"] = dict(body["spec"])
        fill(body, live, store)
    return body


def _fill(target: Json, **values: Any) -> None:
    for name, value in values.items():
        target.setdefault(name, value)


def _namespace(body: Json, _live: Json | None, _store: Store) -> None:
    meta = body["metadata"]
    meta["labels"] = (meta.get("labels") or {}) | {"kubernetes.io/metadata.name": meta["name"]}


def _pod(body: Json, live: Json | None, _store: Store) -> None:
    if live is None or body.get("spec") is not live.get("spec"):
        body["spec"] = pods.filled(body.get("spec") or {}) | {"enableServiceLinks": True}


def _secret(body: Json, _live: Json | None, _store: Store) -> None:
    body.setdefault("type", "Opaque")
    plain = body.pop("stringData", None)
    if plain:
        coded = {name: base64.b64encode(value.encode()).decode() for name, value in plain.items()}
        body["data"] = (body.get("data") or {}) | coded
    _config(body, _live, _store)


def _config(body: Json, _live: Json | None, _store: Store) -> None:
    for name in ("data", "binaryData"):
        if not body.get(name):
            body.pop(name, None)  # left out by Go when empty


def _endpoints(body: Json, _live: Json | None, _store: Store) -> None:
    for subset in body.get("subsets") or ():
        if "ports" in subset:
            subset["ports"] = [{"protocol": "TCP"} | port for port in subset["ports"]]


def _endpoint_slice(body: Json, _live: Json | None, _store: Store) -> None:
    if body.get("ports"):
        body["ports"] = [{"name": "", "protocol": "TCP"} | port for port in body["ports"]]


def _service(body: Json, live: Json | None, _store: Store) -> None:
    spec = body.setdefault("spec", {})
    before = (live or {}).get("spec") or {}
    _fill(spec, type="ClusterIP", sessionAffinity="None")
    if spec.get("ports"):
        spec["ports"] = [_port(port) for port in spec["ports"]]
    if spec["type"] == "ExternalName":
        return
    if before:
        if not spec.get("clusterIP"):
            spec.pop("clusterIPs", None)
        _fill(spec, **{name: before[name] for name in allocation.SERVICE if name in before})
    _fill(spec, internalTrafficPolicy="Cluster")
    if spec["type"] != "ClusterIP":
        _fill(spec, externalTrafficPolicy="Cluster")


def _port(port: Json) -> Json:
    found = dict(port)
    _fill(found, protocol="TCP", targetPort=port.get("port"))
    return found


def _deployment(body: Json, live: Json | None, _store: Store) -> None:
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


def _daemon_set(body: Json, live: Json | None, _store: Store) -> None:
    spec = body.setdefault("spec", {})
    if live is None:
        meta = body["metadata"]
        meta["annotations"] = {"deprecated.daemonset.template.generation": "1"} | (meta.get("annotations") or {})
    _fill(spec, revisionHistoryLimit=10)
    strategy = spec["updateStrategy"] = dict(spec.get("updateStrategy") or {})
    _fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy["rollingUpdate"] = dict(strategy.get("rollingUpdate") or {})
        _fill(rolling, maxUnavailable=1, maxSurge=0)
    _template(spec)


def _stateful_set(body: Json, _live: Json | None, _store: Store) -> None:
    spec = body.setdefault("spec", {})
    _fill(spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady")
    _fill(spec, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})
    _template(spec)


def _job(body: Json, _live: Json | None, _store: Store) -> None:
    spec = body.setdefault("spec", {})
    _fill(spec, backoffLimit=6, completionMode="NonIndexed", suspend=False, podReplacementPolicy="TerminatingOrFailed")
    if "completions" not in spec and "parallelism" not in spec:
        _fill(spec, completions=1)
    _fill(spec, parallelism=1, manualSelector=False)
    _template(spec)
    if labels := spec["template"]["metadata"].get("labels"):
        body["metadata"] = {"labels": labels} | body["metadata"]


def _cron_job(body: Json, _live: Json | None, _store: Store) -> None:
    spec = body.setdefault("spec", {})
    _fill(spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1)
    job = spec["jobTemplate"] = dict(spec.get("jobTemplate") or {})
    _fill(job, metadata={})
    job["spec"] = dict(job.get("spec") or {})
    _template(job["spec"])


def _autoscaler(body: Json, _live: Json | None, _store: Store) -> None:
    body["spec"] = autoscalers.filled(body["spec"])


def _template(spec: Json) -> None:
    template = spec["template"] = dict(spec.get("template") or {})
    template["metadata"] = template.get("metadata") or {}
    template["spec"] = pods.filled(template.get("spec") or {})


_FILLERS: dict[tuple[str, str], Filler] = {
    ("", "namespaces"): _namespace,
    ("", "pods"): _pod,
    ("", "configmaps"): _config,
    ("", "endpoints"): _endpoints,
    ("discovery.k8s.io", "endpointslices"): _endpoint_slice,
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
