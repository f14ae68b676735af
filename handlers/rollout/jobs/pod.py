"""A pod as it may run for a rollout: what was asked for, field by field, and around it what is always so.

What is forced is the Pod Security Standard "restricted" (https://kubernetes.io/docs/concepts/security/pod-security-standards).
"""

from typing import Any

from handlers.errors import BadCanary
from handlers.rollout.jobs.rules import Rules, only, permitted
from handlers.rollout.spec.fields import Field

LIMITS = {"cpu": "1", "memory": "512Mi"}
"""For a container that names none."""
REQUESTS = {"cpu": "100m", "memory": "128Mi"}
_ANYBODY = 2**31 - 1
_SECCOMP = {"type": "RuntimeDefault"}
_MOUNT = {"name", "mountPath", "subPath", "readOnly"}
_CONTAINER = ("command", "args", "workingDir", "imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy")
_FORCED = {"restartPolicy", "automountServiceAccountToken", "enableServiceLinks", "securityContext"}


def pod_spec(spec: Field, rules: Rules) -> dict[str, Any]:
    """The spec of the pod. Raises BadCanary, naming the field."""
    only(spec, rules.pod | _FORCED | {"containers", "initContainers", "volumes", "serviceAccount"})
    if spec["automountServiceAccountToken"].flag():
        raise spec["automountServiceAccountToken"].bad("false, as it must be")
    containers = [_container(item, rules) for item in spec["containers"].items()]
    if not containers:
        raise BadCanary(f"{spec.path}.containers: is required")
    if spec["serviceAccount"].text() not in ("", spec["serviceAccountName"].text()):
        raise spec["serviceAccount"].bad("the same as serviceAccountName")
    first = [_container(item, rules) for item in spec["initContainers"].items()]
    volumes = [_volume(item, rules) for item in spec["volumes"].items()]
    return {
        **({"serviceAccountName": rules.account} if rules.account else {}),
        **{name: spec[name].value for name in sorted(rules.pod) if spec[name].given},
        **({"initContainers": first} if first else {}),
        **({"volumes": volumes} if volumes else {}),
        "containers": containers,
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": _pod_security(spec["securityContext"]),
    }


def _container(spec: Field, rules: Rules) -> dict[str, Any]:
    handled = {"name", "image", "env", "envFrom", "resources", "securityContext", "volumeMounts"}
    only(spec, handled | set(_CONTAINER))
    image = spec["image"].required()
    if rules.images is not None and not permitted(image, rules.images):
        raise spec["image"].bad("an image that SERINUS_JOB_IMAGES permits")
    env = _variables(spec["env"], rules)
    for item in spec["envFrom"].items():
        only(item, rules.env_from)
    for item in spec["volumeMounts"].items():
        only(item, _MOUNT | {"recursiveReadOnly"})
    lists = {"env": env, "envFrom": spec["envFrom"].value, "volumeMounts": spec["volumeMounts"].value}
    return {
        "name": spec["name"].required(),
        "image": image,
        **{name: spec[name].value for name in _CONTAINER if spec[name].given},
        **{name: value for name, value in lists.items() if value},
        "resources": _resources(spec["resources"]),
        "securityContext": _container_security(spec["securityContext"]),
    }


def _variables(spec: Field, rules: Rules) -> list[dict[str, Any]]:
    value = spec.value if spec.value is not None else []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadCanary(f"{spec.path}: is not a list of objects")  # without it: there may be a password in it
    return [_variable(item, rules) for item in spec.items()]


def _variable(spec: Field, rules: Rules) -> dict[str, Any]:
    only(spec, {"name", "value", "valueFrom"})
    only(spec["valueFrom"], rules.env)
    if not isinstance(spec["value"].value, str | None):
        raise BadCanary(f"{spec['value'].path}: is not a string")  # without it: it may be a password
    known = {"value": spec["value"].value, "valueFrom": spec["valueFrom"].value}
    return {"name": spec["name"].required(), **{name: value for name, value in known.items() if value}}


def _volume(spec: Field, rules: Rules) -> dict[str, Any]:
    only(spec, rules.volumes | {"name"})
    sources = {name: value for name, value in spec.mapping().items() if name in rules.volumes and value is not None}
    return {"name": spec["name"].required(), **sources}


def _resources(spec: Field) -> dict[str, Any]:
    only(spec, {"limits", "requests"})
    for part in ("limits", "requests"):
        only(spec[part], {"cpu", "memory", "ephemeral-storage"})
    limits = {**LIMITS, **spec["limits"].mapping()}
    # what is limited and not requested is requested as much as it is limited (Kubernetes' own rule)
    requests = {name: value for name, value in REQUESTS.items() if name not in spec["limits"].mapping()}
    return {"limits": limits, "requests": {**requests, **spec["requests"].mapping()}}


def _identity(spec: Field) -> dict[str, Any]:
    """Who a process runs as: anybody but root."""
    for name in ("runAsUser", "runAsGroup", "fsGroup"):
        spec[name].whole(1, 1, _ANYBODY)
    if spec["runAsNonRoot"].value not in (None, True):
        raise spec["runAsNonRoot"].bad("true, as it must be")
    if spec["seccompProfile"].given and spec["seccompProfile"].value != _SECCOMP:
        raise BadCanary(f"{spec.path}.seccompProfile: is always {_SECCOMP['type']}")
    given = {name: spec[name].value for name in ("runAsUser", "runAsGroup", "fsGroup") if spec[name].given}
    return {**given, "runAsNonRoot": True, "seccompProfile": _SECCOMP}


def _pod_security(spec: Field) -> dict[str, Any]:
    only(spec, {"runAsUser", "runAsGroup", "fsGroup", "runAsNonRoot", "seccompProfile"})
    return _identity(spec)


def _container_security(spec: Field) -> dict[str, Any]:
    only(
        spec,
        {"runAsUser", "runAsGroup", "runAsNonRoot", "seccompProfile", "readOnlyRootFilesystem", "capabilities"},
    )
    only(spec["capabilities"], {"drop"})
    return {
        **_identity(spec),
        **({"readOnlyRootFilesystem": True} if spec["readOnlyRootFilesystem"].flag() else {}),
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
