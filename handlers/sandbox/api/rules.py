"""What the real server refuses in built-in objects, as far as users run into it.

After k8s.io/kubernetes pkg/apis/*/validation.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from handlers.sandbox.api import autoscalers, metadata, pods
from handlers.sandbox.api.resources import Resource
from handlers.sandbox.api.status import Cause, Json
from handlers.sandbox.api.validation import quoted

TEMPLATED = {"deployments", "replicasets", "daemonsets", "statefulsets", "jobs"}
SELECTING = TEMPLATED - {"jobs"}
CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+")
LARGEST_CONFIG = 1 << 20  # bytes
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_PORT_NAME = re.compile(r"(?!.*--)(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")
_HIGHEST_PORT = 65535
_PORT_RULE = f"must be between 1 and {_HIGHEST_PORT}, inclusive"
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_SERVICE_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_DISTRIBUTIONS = ("PreferClose", "PreferSameNode", "PreferSameZone")
Found = Iterator[Cause]


def problems(resource: Resource, new: Json, live: Json | None) -> list[Cause]:
    """What is wrong with a built-in object; what it was before is not looked at again."""
    check = _CHECKS.get(resource.key)
    if check is None or (live is not None and all(new.get(name) is live.get(name) for name in _CHECKED)):
        return []
    return list(check(new, live or {}))


_CHECKED = ("spec", "data", "binaryData", "type", "immutable", "involvedObject")


def _config(new: Json) -> Found:
    size = 0
    for field in ("data", "binaryData"):
        for name, value in (new.get(field) or {}).items():
            size += len(value)
            if not CONFIG_KEY.fullmatch(name):
                text = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
                yield wrong(
                    f"{field}[{name}]", name, f"{text} ({_used(CONFIG_KEY, 'key.name', 'KEY_NAME', 'key-name')})"
                )
    for name in (new.get("data") or {}).keys() & (new.get("binaryData") or {}).keys():
        yield wrong(f"data[{name}]", name, "duplicate of key present in binaryData")
    if size > LARGEST_CONFIG:
        yield Cause("FieldValueTooLong", "[]", f"Too long: may not be more than {LARGEST_CONFIG} bytes")


def _config_map(new: Json, before: Json) -> Found:
    yield from _config(new)
    yield from _frozen(new, before)


def _secret(new: Json, before: Json) -> Found:
    yield from _config(new)
    if new["type"] == "kubernetes.io/tls":
        for name in ("tls.crt", "tls.key"):
            if name not in (new.get("data") or {}):
                yield Cause("FieldValueRequired", f"data[{name}]", "Required value")
    if before and new["type"] != before["type"]:
        yield wrong("type", new["type"], "field is immutable")
    yield from _frozen(new, before)


def _frozen(new: Json, before: Json) -> Found:
    """What an immutable ConfigMap or Secret does not allow."""
    if not before.get("immutable"):
        return
    text = "Forbidden: field is immutable when `immutable` is set"
    for name in ("immutable", "data", "binaryData"):
        if new.get(name) != before.get(name):
            yield Cause("FieldValueForbidden", name, text)


def _event(new: Json, _before: Json) -> Found:
    namespace = new["involvedObject"].get("namespace", "")
    if namespace != new["metadata"]["namespace"]:
        yield wrong("involvedObject.namespace", namespace, "does not match event.namespace")


def _service(new: Json, before: Json) -> Found:
    spec, old = new["spec"], before.get("spec") or {}
    named, address = spec["type"] == "ExternalName", old.get("clusterIP")
    if address and spec.get("clusterIP") != address and not named:
        yield wrong("spec.clusterIPs[0]", [spec.get("clusterIP")], "may not change once set")
    ports = spec.get("ports") or []
    if not ports and spec.get("clusterIP") != "None" and not named:
        yield Cause("FieldValueRequired", "spec.ports", "Required value")
    seen: set[Any] = set()
    for at, port in enumerate(ports):
        where = f"spec.ports[{at}]"
        yield from _service_port(port, where, seen, alone=len(ports) == 1)
    if spec["type"] not in _SERVICE_TYPES:
        yield unsupported("spec.type", spec["type"], _SERVICE_TYPES)
    if (wish := spec.get("trafficDistribution")) is not None and wish not in _DISTRIBUTIONS:
        yield unsupported("spec.trafficDistribution", wish, _DISTRIBUTIONS)


def _service_port(port: Json, where: str, seen: set[Any], *, alone: bool) -> Found:
    name, key = port.get("name", ""), (port["port"], port["protocol"])
    if not name and not alone:
        yield Cause("FieldValueRequired", f"{where}.name", "Required value")
    elif name and not _DNS_LABEL.fullmatch(name):
        yield wrong(f"{where}.name", name, "a lowercase RFC 1123 label is expected")
    elif name and name in seen:
        yield Cause("FieldValueDuplicate", f"{where}.name", f"Duplicate value: {quoted(name)}")
    yield from port_number(port["port"], f"{where}.port")
    if port["protocol"] not in _PROTOCOLS:
        yield unsupported(f"{where}.protocol", port["protocol"], _PROTOCOLS)
    if isinstance(port["targetPort"], int):
        yield from port_number(port["targetPort"], f"{where}.targetPort")
    elif not _PORT_NAME.fullmatch(port["targetPort"]):
        yield wrong(f"{where}.targetPort", port["targetPort"], "must be the name of a port")
    if key in seen:
        yield Cause("FieldValueDuplicate", where, f"Duplicate value: {quoted({'port': key[0], 'protocol': key[1]})}")
    seen |= {name, key}


def _workload(new: Json) -> Found:
    spec = new["spec"]
    for name in (
        "replicas",
        "minReadySeconds",
        "revisionHistoryLimit",
        "parallelism",
        "completions",
        "backoffLimit",
        "activeDeadlineSeconds",
    ):
        if (spec.get(name) or 0) < 0:
            yield wrong(f"spec.{name}", spec[name], "must be greater than or equal to 0")
    if "progressDeadlineSeconds" in spec and spec["progressDeadlineSeconds"] <= spec.get("minReadySeconds", 0):
        yield wrong(
            "spec.progressDeadlineSeconds", spec["progressDeadlineSeconds"], "must be greater than minReadySeconds"
        )
    yield from metadata.label_problems(spec["template"]["metadata"].get("labels") or {}, "spec.template.labels")
    yield from pods.problems(spec["template"]["spec"], "spec.template.spec")


def _selecting(new: Json, before: Json) -> Found:
    yield from _workload(new)
    spec, old = new["spec"], before.get("spec") or {}
    selector = spec.get("selector")
    if selector is None and new["kind"] != "DaemonSet":
        yield Cause("FieldValueRequired", "spec.selector", "Required value")
    elif selector is not None and not selector:
        yield wrong("spec.selector", selector, "empty selector is invalid for deployment")
    elif old and selector != old.get("selector"):
        yield wrong("spec.selector", selector, "field is immutable")
    if (policy := spec["template"]["spec"]["restartPolicy"]) != "Always":
        yield unsupported("spec.template.spec.restartPolicy", policy, ("Always",))
    labels = spec["template"]["metadata"].get("labels") or {}
    if selector is None or not selector.get("matchLabels", {}).items() <= labels.items():
        yield wrong("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")


def _job(new: Json, _before: Json) -> Found:
    yield from _workload(new)
    if new["spec"]["template"]["spec"].get("restartPolicy") not in ("OnFailure", "Never"):
        text = 'Required value: valid values: "OnFailure", "Never"'
        yield Cause("FieldValueRequired", "spec.template.spec.restartPolicy", text)


def _pod(new: Json, _before: Json) -> Found:
    yield from pods.problems(new["spec"], "spec")


def port_number(value: int, field: str) -> Found:
    """Refuses a number that is no port."""
    if not 1 <= value <= _HIGHEST_PORT:
        yield wrong(field, value, _PORT_RULE)


def wrong(field: str, value: Any, text: str) -> Cause:
    """A value that may not be."""
    return Cause("FieldValueInvalid", field, f"Invalid value: {quoted(value)}: {text}")


def unsupported(field: str, value: Any, known: tuple[str, ...]) -> Cause:
    """A value that is not one of some."""
    names = ", ".join(map(quoted, known))
    return Cause("FieldValueNotSupported", field, f"Unsupported value: {quoted(value)}: supported values: {names}")


def _used(pattern: re.Pattern[str], *examples: str) -> str:
    shown = ",  or ".join(f"'{example}'" for example in examples)
    return f"e.g. {shown}, regex used for validation is '{pattern.pattern}'"


_CHECKS: dict[tuple[str, str], Callable[[Json, Json], Found]] = {
    ("", "configmaps"): _config_map,
    ("", "secrets"): _secret,
    ("", "events"): _event,
    ("autoscaling", "horizontalpodautoscalers"): autoscalers.problems,
    ("", "services"): _service,
    ("", "pods"): _pod,
    **{("apps", plural): _selecting for plural in SELECTING},
    ("batch", "jobs"): _job,
}
