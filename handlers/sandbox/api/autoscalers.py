"""HorizontalPodAutoscalers: defaults (pkg/apis/autoscaling/v2/defaults.go), and the rules that users run into."""

from collections.abc import Iterator

from handlers.sandbox.api.status import Cause, Json

_METRIC: Json = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
}
_PERCENT: Json = {"type": "Percent", "value": 100, "periodSeconds": 15}
_PODS: Json = {"type": "Pods", "value": 4, "periodSeconds": 15}
_UP: Json = {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [_PODS, _PERCENT]}
_DOWN: Json = {"selectPolicy": "Max", "policies": [_PERCENT]}


def filled(spec: Json) -> Json:
    """An autoscaler's spec with its defaults."""
    found: Json = {"minReplicas": 1, **spec}
    if not found.get("metrics"):
        found["metrics"] = [_METRIC]
    if "behavior" in found:
        behavior: Json = found["behavior"]
        rules = {"scaleUp": _UP | behavior.get("scaleUp", {}), "scaleDown": _DOWN | behavior.get("scaleDown", {})}
        found["behavior"] = behavior | rules
    return found


def problems(new: Json, _before: Json) -> Iterator[Cause]:
    """What is wrong with an autoscaler."""
    spec = new["spec"]
    least, most, target = spec["minReplicas"], spec["maxReplicas"], spec["scaleTargetRef"]
    if least < 1:
        yield _wrong("minReplicas", least, "must be greater than or equal to 1")
    if least == 0 and all(metric["type"] not in ("Object", "External") for metric in spec["metrics"]):
        yield Cause("FieldValueForbidden", "spec.metrics", "Forbidden: must specify one that scales from zero replicas")
    if most < 1:
        yield Cause("FieldValueRequired", "spec.maxReplicas", "Required value: must be set and greater than 0")
    if most < least:
        yield _wrong("maxReplicas", most, "must be greater than or equal to `minReplicas`")
    if not target.get("apiVersion"):
        yield Cause("FieldValueInvalid", "spec.scaleTargetRef.apiVersion", 'Invalid value: "": must not be empty')
    for name in ("kind", "name"):
        if not target[name]:
            yield Cause("FieldValueRequired", f"spec.scaleTargetRef.{name}", "Required value")


def _wrong(name: str, value: int, text: str) -> Cause:
    return Cause("FieldValueInvalid", f"spec.{name}", f"Invalid value: {value}: {text}")
