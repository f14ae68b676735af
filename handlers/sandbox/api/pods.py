"""Pod specs: defaults, and the few rules that users run into."""

import re
from typing import Any

from handlers.sandbox.api.status import Cause, Json
from handlers.sandbox.api.validation import quoted

_POD: Json = {
    "restartPolicy": "Always",
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "terminationGracePeriodSeconds": 30,
}
_CONTAINER: Json = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_PROBE: Json = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_VOLUMES = {"configMap": 0o644, "secret": 0o644, "projected": 0o644, "downwardAPI": 0o644}


def filled(spec: Json) -> Json:
    """A pod spec with the defaults of the real server."""
    found = _POD | {"securityContext": {}} | spec
    for name in ("containers", "initContainers"):
        if found.get(name):
            found[name] = [_container(container) for container in found[name]]
    if "serviceAccountName" in found:
        found.setdefault("serviceAccount", found["serviceAccountName"])
    if "volumes" in found:
        found["volumes"] = [_volume(volume) for volume in found["volumes"]]
    return found


def problems(spec: Json, path: str) -> list[Cause]:
    """What is wrong with a pod spec."""
    containers = spec.get("containers") or []
    if not containers:
        return [Cause("FieldValueRequired", f"{path}.containers", "Required value")]
    found = []
    seen: set[Any] = set()
    for at, container in enumerate(containers):
        where = f"{path}.containers[{at}]"
        found += [
            Cause("FieldValueRequired", f"{where}.{name}", "Required value")
            for name in ("name", "image")
            if not container.get(name)
        ]
        name = container.get("name", "")
        if name and not _DNS_LABEL.fullmatch(name):
            text = f"Invalid value: {quoted(name)}: a lowercase RFC 1123 label is expected"
            found.append(Cause("FieldValueInvalid", f"{where}.name", text))
        if name in seen:
            found.append(Cause("FieldValueDuplicate", f"{where}.name", f"Duplicate value: {quoted(name)}"))
        seen.add(name)
    return found


def _container(container: Json) -> Json:
    image = str(container.get("image", ""))
    tag = image.rpartition("/")[2].partition(":")[2]
    pull = "Always" if tag in ("", "latest") and "@" not in image else "IfNotPresent"
    found = _CONTAINER | {"resources": {}, "imagePullPolicy": pull} | container
    if "ports" in found:
        found["ports"] = [{"protocol": "TCP"} | port for port in found["ports"]]
    for name in _PROBES:
        if name in found:
            found[name] = _probe(found[name])
    if "env" in found:
        found["env"] = [_variable(variable) for variable in found["env"]]
    return found


def _probe(probe: Json) -> Json:
    found = _PROBE | probe
    if "httpGet" in found:
        found["httpGet"] = {"path": "/", "scheme": "HTTP"} | found["httpGet"]
    return found


def _variable(variable: Json) -> Json:
    source = variable.get("valueFrom") or {}
    if "fieldRef" not in source:
        return variable
    return variable | {"valueFrom": source | {"fieldRef": {"apiVersion": "v1"} | source["fieldRef"]}}


def _volume(volume: Json) -> Json:
    for kind, mode in _VOLUMES.items():
        if kind in volume:
            return volume | {kind: {"defaultMode": mode} | volume[kind]}
    if "hostPath" in volume:
        return volume | {"hostPath": {"type": ""} | volume["hostPath"]}
    return volume
