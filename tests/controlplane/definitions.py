"""CustomResourceDefinitions as their projects publish them, out of the modules that `go/crds` pins."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from tests.controlplane.programs import module_folders

Object = dict[str, Any]

FILES: Final = {
    "istio.io/api": "kubernetes/customresourcedefinitions.gen.yaml",
    "sigs.k8s.io/gateway-api": "config/crd/standard/*.yaml",
    "knative.dev/serving": "config/core/300-resources/*.yaml",
    "knative.dev/eventing": "config/core/resources/*.yaml",
    "github.com/fluxcd/flagger": "artifacts/flagger/crd.yaml",
    "github.com/argoproj/argo-cd/v3": "manifests/crds/*-crd.yaml",
    "github.com/kedacore/keda/v2": "config/crd/bases/keda.sh_scaledobjects.yaml",
    "github.com/prometheus-operator/prometheus-operator": "example/prometheus-operator-crd/*_p*.yaml",
}
"""Where the files of a module are that have definitions."""


@cache
def _folders() -> dict[str, Path]:
    return dict(module_folders("crds"))


def definitions(*modules: str) -> Iterator[Object]:
    """The definitions of these modules, or of all. Raises BuildError when one cannot be had."""
    for module in modules or FILES:
        for file in sorted(_folders()[module].glob(FILES[module])):
            for document in yaml.safe_load_all(file.read_text(encoding="utf-8")):
                if document and document["kind"] == "CustomResourceDefinition":
                    yield document
