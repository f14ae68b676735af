"""The environment of a container, with the values that it takes from ConfigMaps and Secrets. Pure.

Rules from kubernetes/pkg/kubelet/kubelet_pods.go, `makeEnvironmentVariables`.
"""

import base64
from collections.abc import Callable, Mapping

from handlers.sandbox.kube import CONFIG_MAPS, SECRETS, Object, Resource

Find = Callable[[Resource, str], Object | None]  # an object of the pod's namespace, by its name


class Missing(Exception):
    """A ConfigMap, a Secret or a key that there is not, and that is not said to be optional."""


def environment(container: Object, find: Find) -> dict[str, str]:
    """Variables by name; `env` goes before `envFrom`, and what comes later before what came first. Raises Missing."""
    found: dict[str, str] = {}
    for source in container.get("envFrom") or []:
        for kind, key in ((CONFIG_MAPS, "configMapRef"), (SECRETS, "secretRef")):
            if key in source:
                values = _data(kind, source[key], find)
                found |= {f"{source.get('prefix') or ''}{name}": value for name, value in values.items()}
    for entry in container.get("env") or []:
        if "valueFrom" not in entry:
            found[entry["name"]] = str(entry.get("value") or "")
        elif (value := _value(entry["valueFrom"], find)) is not None:
            found[entry["name"]] = value
    return found


def _value(source: Object, find: Find) -> str | None:
    for kind, key in ((CONFIG_MAPS, "configMapKeyRef"), (SECRETS, "secretKeyRef")):
        if key in source:
            wanted = source[key]
            values = _data(kind, wanted, find)
            if wanted["key"] not in values and not wanted.get("optional"):
                raise Missing(f"couldn't find key {wanted['key']} in {kind.plural} {wanted['name']}")
            return values.get(wanted["key"])
    return None  # fields of the pod are not told


def _data(kind: Resource, reference: Object, find: Find) -> Mapping[str, str]:
    thing = find(kind, reference["name"])
    if thing is None:
        if reference.get("optional"):
            return {}
        raise Missing(f"{kind.plural} {reference['name']!r} not found")
    data = thing.get("data") or {}
    if kind == SECRETS:
        return {name: base64.b64decode(value).decode(errors="replace") for name, value in data.items()}
    return {name: str(value) for name, value in data.items()}
