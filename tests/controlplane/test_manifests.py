"""Every manifest is taken by a real API server with the definitions of all projects, which knows each field."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from handlers.sandbox.kube import Resource
from handlers.sandbox.process import SandboxError
from tests.controlplane.control_plane import ControlPlane
from tests.controlplane.definitions import definitions
from tests.controlplane.programs import build
from tests.manifests.files import ALERTMANAGER, KNATIVE, documents
from tests.manifests.test_yaml_files import INSTALLED

STRICT = ("apply", "--server-side", "--validate=strict")
EXAMPLES = sorted((KNATIVE / "examples").rglob("*.yaml"))
KINDS = (
    "crd",
    "deployments",
    "services",
    "serviceaccounts",
    "clusterroles",
    "triggers",
    "services.serving.knative.dev",
)
VERSIONS = ("-o", "custom-columns=:.kind,:.metadata.name,:.metadata.resourceVersion")
NAMESPACES = ("argocd", "istio-system", "knative-eventing", "monitoring", "serinus", "shop")


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Without Flagger's definitions: ours are among the manifests."""
    build()
    with ControlPlane(tmp_path_factory.mktemp("plane"), controllers=False) as running:
        others = (item for item in definitions() if item["spec"]["group"] != "flagger.app")
        running.install(*others)
        for name in NAMESPACES:
            made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            running.kube.create(Resource("v1", "namespaces"), made)
        yield running


@pytest.mark.parametrize("folder", INSTALLED, ids=lambda folder: folder or "knative")
def test_a_folder_is_installed_by_one_command(plane: ControlPlane, folder: str) -> None:
    """As the documentation says it, and once more without any change."""
    install = (*STRICT, "-k", str(KNATIVE / folder))
    assert "serverside-applied" in plane.kubectl(*install)
    before = plane.kubectl("get", "-A", ",".join(KINDS), *VERSIONS)
    plane.kubectl(*install)
    assert plane.kubectl("get", "-A", ",".join(KINDS), *VERSIONS) == before


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_taken(plane: ControlPlane, path: Path) -> None:
    """With our definitions, which are part of the installation."""
    plane.kubectl(*STRICT, "-k", str(KNATIVE))
    plane.kubectl(*STRICT, "--force-conflicts", "-f", str(path))


@pytest.mark.parametrize("path", sorted((KNATIVE / "argocd").glob("*.yaml")), ids=lambda path: path.name)
def test_what_argo_cd_is_told_is_taken(plane: ControlPlane, path: Path) -> None:
    """The Application by its definition; the ConfigMaps are merged into those of Argo CD."""
    plane.kubectl(*STRICT, "-f", str(path))


def test_the_rules_of_the_operator_are_taken(plane: ControlPlane) -> None:
    """PrometheusRule and PodMonitor, by the definitions of the Prometheus operator."""
    said = plane.kubectl(*STRICT, "-k", str(ALERTMANAGER / "operator"))
    assert {"prometheusrule", "podmonitor"} <= {line.partition(".")[0] for line in said.splitlines()}


def test_strict_means_that_an_unknown_field_is_refused(plane: ControlPlane) -> None:
    """Or all of this would show nothing."""
    (rule,) = documents(ALERTMANAGER / "operator" / "prometheus-rule.yaml")
    rule["spec"]["unheard"] = "of"
    with pytest.raises(SandboxError, match="unheard"):
        plane.kubectl(*STRICT, "-f", "-", stdin=json.dumps(rule))
