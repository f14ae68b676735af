"""Objects of the kinds that Serinus reads and writes, and changes of them, good and bad ones."""

from collections.abc import Callable
from typing import Any, Final

from tests.sandbox.api.client import Json, canary, configmap, deployment

PATHS: Final = {
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "Service": "/api/v1/namespaces/{}/services",
    "Event": "/api/v1/namespaces/{}/events",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "DaemonSet": "/apis/apps/v1/namespaces/{}/daemonsets",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
    "Canary": "/apis/flagger.app/v1beta1/namespaces/{}/canaries",
    "MetricTemplate": "/apis/flagger.app/v1beta1/namespaces/{}/metrictemplates",
    "VirtualService": "/apis/networking.istio.io/v1beta1/namespaces/{}/virtualservices",
    "DestinationRule": "/apis/networking.istio.io/v1beta1/namespaces/{}/destinationrules",
}
WITH_STATUS: Final = ("Service", "Deployment", "DaemonSet", "Job", "HorizontalPodAutoscaler", "Canary")
MADE_BY_STATUS: Final = ("Service",)
"""Known difference: a PUT or an apply of their status makes them, without an address; embedded it is 404."""
NAMESPACE: Final = "<namespace>"
"""Stands for the namespace that a request is made in."""
ISTIO = "networking.istio.io/v1beta1"


def _head(version: str, kind: str, name: str, **rest: Any) -> Json:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **rest}


def _service(name: str) -> Json:
    spec = {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    return _head("v1", "Service", name, spec=spec)


def _event(name: str) -> Json:
    about = {"kind": "Canary", "name": name, "namespace": NAMESPACE, "apiVersion": "flagger.app/v1beta1"}
    return _head("v1", "Event", name, involvedObject=about, reason="Synced", message="Halt", type="Warning")


def _daemon_set(name: str) -> Json:
    made = deployment(name)
    return made | {"kind": "DaemonSet"}


def _job(name: str) -> Json:
    spec = {"restartPolicy": "Never", "containers": [{"name": "migrate", "image": "migrate:1"}]}
    return _head("batch/v1", "Job", name, spec={"template": {"spec": spec}})


def _autoscaler(name: str) -> Json:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 99}},
    }
    spec = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 4, "metrics": [metric]}
    return _head("autoscaling/v2", "HorizontalPodAutoscaler", name, spec=spec)


def _template(name: str) -> Json:
    spec = {"provider": {"type": "prometheus", "address": "http://prometheus:9090"}, "query": "up"}
    return _head("flagger.app/v1beta1", "MetricTemplate", name, spec=spec)


def _route(name: str) -> Json:
    sides = [{"destination": {"host": f"{name}-{side}"}, "weight": 50} for side in ("primary", "canary")]
    return _head(ISTIO, "VirtualService", name, spec={"hosts": [name], "http": [{"route": sides}]})


def _rule(name: str) -> Json:
    return _head(ISTIO, "DestinationRule", name, spec={"host": name})


MADE: Final[dict[str, Callable[[str], Json]]] = {
    "ConfigMap": lambda name: configmap(name, {"k": "v"}),
    "Secret": lambda name: _head("v1", "Secret", name, data={"k": "dg=="}),
    "Service": _service,
    "Event": _event,
    "Deployment": deployment,
    "DaemonSet": _daemon_set,
    "Job": _job,
    "HorizontalPodAutoscaler": _autoscaler,
    "Canary": canary,
    "MetricTemplate": _template,
    "VirtualService": _route,
    "DestinationRule": _rule,
}
"""A valid object of each kind, by its name."""

METADATA: Final[list[Json]] = [
    {},
    {"labels": {"team": "a"}},
    {"labels": {"team": "b", "tier": "front"}},
    {"labels": {"team": None}},
    {"labels": {"team": "not a value!"}},
    {"labels": {"not a key!": "a"}},
    {"labels": "a"},
    {"annotations": {"serinus.dev/state": '{"v":1}', "other": "x"}},
    {"annotations": {"serinus.dev/state": None}},
    {"annotations": {"n": 1}},
    {"finalizers": ["flagger.app/finalizer"]},
    {"finalizers": None},
    {"generation": 7, "uid": "made-up"},
    {"name": "three"},
    {"namespace": "elsewhere"},
    {"unheard": 1},
]
_TEMPLATES: Final[list[Json]] = [
    {"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}},
    {"spec": {"template": {"metadata": {"labels": {"team": "not a value!"}}}}},
    {"spec": {"template": {"spec": {"containers": [{"name": "podinfod", "image": "podinfo:2"}]}}}},
    {"spec": {"template": {"spec": {"containers": [{"name": "sidecar", "image": "envoy:1"}]}}}},
    {"spec": {"template": {"spec": {"containers": []}}}},
    {"spec": {"template": {"spec": {"containers": [{"name": "Not A Name", "image": ""}]}}}},
    {"spec": {"template": {"spec": {"volumes": [{"name": "c", "configMap": {"name": "c"}}], "unheard": True}}}},
]
_SELECTING: Final[list[Json]] = [
    {"spec": {"selector": {"matchLabels": {"app": "other"}}}},
    {"spec": {"selector": None}},
    {"spec": {"minReadySeconds": -1, "revisionHistoryLimit": 0}},
]
CHANGES: Final[dict[str, list[Json]]] = {
    "ConfigMap": [
        {"data": {"k": "w", "l": "x"}},
        {"data": {"k": None}},
        {"data": {"k": 1}},
        {"data": {"bad key": "v"}},
        {"binaryData": {"b": "dg=="}},
        {"binaryData": {"b": "not base64"}},
        {"immutable": True},
        {"unheard": 1},
    ],
    "Secret": [
        {"stringData": {"k": "w"}},
        {"data": {"k": "no base64!"}},
        {"data": {"bad key": "dg=="}},
        {"data": {"l": None}},
        {"type": "kubernetes.io/tls"},
        {"immutable": True},
    ],
    "Service": [
        {"spec": {"selector": {"app": "app-primary"}}},
        {"spec": {"ports": [{"name": "http", "port": 9898, "targetPort": "web"}]}},
        {"spec": {"ports": [{"name": "a", "port": 1}, {"name": "b", "port": 2, "protocol": "UDP"}]}},
        {"spec": {"ports": [{"port": 0}]}},
        {"spec": {"ports": [{"port": 70000, "targetPort": "no port!"}]}},
        {"spec": {"ports": [{"port": 1}, {"port": 1}]}},
        {"spec": {"ports": None}},
        {"spec": {"clusterIP": "None"}},
        {"spec": {"trafficDistribution": "PreferClose"}},
        {"spec": {"trafficDistribution": "Nowhere"}},
        {"spec": {"type": "Unheard"}},
        {"status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}},
    ],
    "Event": [
        {"message": "Advance", "count": 2},
        {"type": "Terrible"},
        {"involvedObject": {"name": "other"}},
        {"involvedObject": {"namespace": "elsewhere"}},
        {"firstTimestamp": "2026-01-01T00:00:00Z", "source": {"component": "serinus"}},
        {
            "eventTime": "2026-01-01T00:00:00.000000Z",
            "action": "Analysis",
            "reportingComponent": "serinus.dev/step",
            "reportingInstance": "serinus-1",
        },
    ],
    "Deployment": [
        {"spec": {"replicas": 0}},
        {"spec": {"replicas": 3, "paused": True}},
        {"spec": {"replicas": -1}},
        {"spec": {"replicas": "two"}},
        {"spec": {"progressDeadlineSeconds": 30, "minReadySeconds": 60}},
        {"spec": {"strategy": {"type": "Recreate"}}},
        {"spec": {"strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}},
        {"spec": {"template": {"spec": {"restartPolicy": "Never"}}}},
        {"status": {"replicas": 9}},
        {"status": {"conditions": [{"type": "Available", "status": "True"}], "observedGeneration": 1}},
        *_SELECTING,
        *_TEMPLATES,
    ],
    "DaemonSet": [
        {"spec": {"template": {"spec": {"nodeSelector": {"a": "b"}}}}},
        {"spec": {"updateStrategy": {"type": "OnDelete"}}},
        {"status": {"numberReady": 2}},
        *_SELECTING,
        *_TEMPLATES,
    ],
    "Job": [
        {"spec": {"backoffLimit": 0, "ttlSecondsAfterFinished": 60}},
        {"spec": {"parallelism": 2, "completions": 4}},
        {"spec": {"activeDeadlineSeconds": -1}},
        {"spec": {"suspend": True}},
        {"spec": {"template": {"spec": {"restartPolicy": "Always"}}}},
        {"status": {"active": 1}},
        *_TEMPLATES,
    ],
    "HorizontalPodAutoscaler": [
        {"spec": {"minReplicas": 1, "maxReplicas": 10}},
        {"spec": {"minReplicas": 5}},
        {"spec": {"minReplicas": 0}},
        {"spec": {"maxReplicas": 0}},
        {"spec": {"maxReplicas": "ten"}},
        {"spec": {"scaleTargetRef": {"name": "other"}}},
        {"spec": {"scaleTargetRef": {"name": None}}},
        {"spec": {"metrics": None}},
        {"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}}},
        {"status": {"currentReplicas": 2, "desiredReplicas": 3}},
    ],
    "Canary": [
        {"spec": {"analysis": {"stepWeight": 20}}},
        {"spec": {"analysis": {"stepWeight": "20"}}},
        {"spec": {"analysis": {"unheard": 1, "match": [{"headers": {"x": {"exact": "y"}}}]}}},
        {"spec": {"analysis": None}},
        {"spec": {"targetRef": {"name": None}}},
        {"spec": {"service": {"mirror": True}}},
        {"spec": {"suspend": True}, "status": {"phase": "Failed"}},
        {"status": {"phase": "Progressing", "canaryWeight": 10, "failedChecks": 0, "iterations": 0}},
        {"status": {"phase": "Dancing"}},
        {"status": {"canaryWeight": "ten"}},
        {"status": {"conditions": [{"type": "Promoted", "status": "Unknown", "reason": "Initialized"}]}},
        {"spec": {"free": "field"}},
    ],
    "MetricTemplate": [
        {"spec": {"query": "down"}},
        {"spec": {"query": 1}},
        {"spec": {"provider": {"type": "crystal ball"}}},
        {"spec": {"provider": {"secretRef": {"name": "token"}, "insecureSkipVerify": True}}},
        {"spec": {"provider": None}},
    ],
    "VirtualService": [
        {"spec": {"http": [{"route": [{"destination": {"host": "a"}, "weight": 100}]}]}},
        {"spec": {"http": [{"route": [{"destination": {"host": "a"}, "weight": "100"}]}]}},
        {"spec": {"http": [{"mirrorPercentage": {"value": 30.5}, "mirror": {"host": "b"}, "route": []}]}},
        {"spec": {"hosts": None}},
        {"spec": {"unheard": {"of": 1}}},
        {"spec": {"http": [{"match": [{"uri": {"prefix": "/", "exact": "/"}}]}]}},
    ],
    "DestinationRule": [
        {"spec": {"trafficPolicy": {"connectionPool": {"http": {"http1MaxPendingRequests": 5}}}}},
        {"spec": {"trafficPolicy": {"loadBalancer": {"simple": "FASTEST"}}}},
        {"spec": {"host": None}},
        {"spec": {"subsets": [{"name": "primary", "labels": {"app": "a"}}]}},
        {"spec": {"subsets": [{"labels": {"app": 1}}]}},
    ],
}
"""Merge patches of a valid object, by kind; some make it one that is refused."""

REPLACED: Final[Any] = [{"op": "replace", "path": "/metadata/annotations", "value": {"a": "b"}}]
"""Known difference: a Job without annotations lets them be replaced; embedded it is 422, as for all other kinds."""
JSON_PATCHES: Final[list[Any]] = [
    [{"op": "test", "path": "/metadata/name", "value": "one"}, {"op": "add", "path": "/metadata/labels", "value": {}}],
    REPLACED,
    [{"op": "remove", "path": "/spec"}],
    [{"op": "add", "path": "/spec/nowhere/at/all", "value": 1}],
    [{"op": "copy", "from": "/metadata/name", "path": "/metadata/labels"}],
    [{"op": "dance", "path": "/metadata"}],
    {"metadata": {}},
]
