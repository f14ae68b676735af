"""Which namespace a command means that names none: the context's, as for kubectl."""

from collections.abc import Mapping
from pathlib import Path

from kubernetes import config
from kubernetes.config import ConfigException
from yaml import YAMLError

_IN_CLUSTER = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def namespace(environ: Mapping[str, str]) -> str:
    """The namespace of the kubeconfig's current context, of the pod when there is none, else `default`.

    What cannot be read is told by `connect`, not here.
    """
    path = environ.get("KUBECONFIG", "")
    try:
        if not path and environ.get("KUBERNETES_SERVICE_HOST"):
            return _IN_CLUSTER.read_text(encoding="utf-8").strip() or "default"
        _, active = config.list_kube_config_contexts(path or None)  # type: ignore[no-untyped-call]  # it is
        return str(active["context"].get("namespace") or "default")
    except (ConfigException, YAMLError, OSError, ValueError, TypeError, AttributeError, KeyError):
        return "default"
