"""The handlers as the service accounts of the manifests, on a cluster that asks who may do what."""

from pathlib import Path
from typing import Any

import yaml

from handlers.sandbox.kube import Kube, Resource
from handlers.sandbox.sandbox import Sandbox
from tests.manifests.files import KNATIVE, documents, paths

NAMESPACE = "serinus"
HANDLERS = "serinus"
RUN_JOB = "serinus-run-job"
KINDS = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding")
_ACCOUNTS = Resource("v1", "serviceaccounts")


def username(name: str, namespace: str = NAMESPACE) -> str:
    """Who the API server says that a service account is."""
    return f"system:serviceaccount:{namespace}:{name}"


def rights() -> list[dict[str, Any]]:
    """The namespace, the accounts and all that they may do, as the manifests say, without the examples."""
    files = [path for path in paths() if KNATIVE / "examples" not in path.parents]
    found = [document for path in files for document in documents(path) if document["kind"] in KINDS]
    mine = [item for item in found if item["metadata"].get("namespace", NAMESPACE) == NAMESPACE]
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, *mine]


def kubeconfig_of(sandbox: Sandbox, account: str, directory: Path) -> Path:
    """The kubeconfig of an account; the sandbox's own API server knows no rights, and there it is the only one."""
    if sandbox.options.kubeconfig is None:
        return sandbox.kubeconfig
    sandbox.apply(*rights())
    return kubeconfig(sandbox.kube, sandbox.kubeconfig, account, directory)


def token_of(kube: Kube, account: str, *audiences: str) -> str:
    """A token of a service account that is there already, for the API server unless for these audiences."""
    spec = {"expirationSeconds": 7200} | ({"audiences": list(audiences)} if audiences else {})
    wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": {"namespace": NAMESPACE}}
    return str(kube.create(_ACCOUNTS, wanted | {"spec": spec}, account, "token")["status"]["token"])


def kubeconfig(kube: Kube, like: Path, account: str, directory: Path, *, server: str = "") -> Path:
    """Another kubeconfig for the same cluster, or for this way to it, with a token of a service account."""
    config = yaml.safe_load(like.read_text())
    user = config["contexts"][0]["context"]["user"]
    config["users"] = [{"name": user, "user": {"token": token_of(kube, account)}}]
    if server:
        config["clusters"][0]["cluster"]["server"] = server
    path = directory / f"{account}.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config))
    return path
