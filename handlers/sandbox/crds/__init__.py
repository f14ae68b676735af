"""The definitions of the custom resources that a canary is made of: ours (handlers/crds), Istio's and KEDA's (here)."""

from http import HTTPStatus
from importlib import resources

import yaml

from handlers.errors import BadSetting
from handlers.sandbox.api.cluster import Cluster
from handlers.sandbox.api.status import Json

PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the compiled one is ten times faster, where it is there


def definitions() -> list[Json]:
    """The CustomResourceDefinitions that are installed on a cluster, and those beside this file, by file name."""
    folders = (resources.files("handlers") / "crds", resources.files(__name__))
    files = [file for folder in folders for file in folder.iterdir() if file.name.endswith(".yaml")]
    found = [_loaded(file.read_text(encoding="utf-8")) for file in sorted(files, key=lambda file: file.name)]
    return [document for document in found if document["kind"] == "CustomResourceDefinition"]


def install_crds(cluster: Cluster) -> None:
    """Serve Canary, MetricTemplate, AlertProvider, VirtualService, DestinationRule and ScaledObject."""
    for definition in definitions():
        reply = cluster.call("POST", PATH, definition)
        if reply.status != HTTPStatus.CREATED:
            raise BadSetting(f"{definition['metadata']['name']} is not installed: {reply.body['message']}")


def _loaded(text: str) -> Json:
    found: Json = yaml.load(text, Loader=LOADER)  # noqa: S506 a safe loader either way
    return found
