"""What docs/install.md, alerts.md, jobs.md and operations.md tell to type, typed, in this order, on a real API server.

It has the definitions of all projects, their namespaces and what is in them before, and nobody who acts on it.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from handlers.sandbox.kube import CONFIG_MAPS, SECRETS, ApiError, Resource
from tests.controlplane.control_plane import ADMIN, CRDS, ControlPlane
from tests.controlplane.definitions import definitions
from tests.controlplane.programs import build, path_with_kubectl
from tests.docs.accounts import typed_by
from tests.docs.shell import Shell
from tests.manifests.files import ALERTMANAGER, KNATIVE, documents, objects

THEIRS = (
    ("knative-eventing", "configmaps", "config-features"),
    ("argocd", "configmaps", "argocd-notifications-cm"),
    ("argocd", "configmaps", "argocd-cm"),
    ("argocd", "secrets", "argocd-notifications-secret"),
)
"""What the projects have made before; each holds something that has to stay."""

PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator"
EXAMPLE = "kubectl apply -f knative/examples/shop/app.yaml -f knative/examples/shop/canary.yaml"


@dataclass(frozen=True, slots=True)
class Place:
    """The control plane, for kubectl and for us."""

    plane: ControlPlane

    def types(self, test: str) -> str:
        """What the commands of a test print, one after the other."""
        return "\n".join(self.prints(*typed_by(test)))

    def prints(self, *commands: str) -> list[str]:
        """What each of these prints, in one shell."""
        with Shell(environ_of(self.plane)) as shell:
            return [shell.types(command) for command in commands]

    def secret(self, namespace: str, name: str) -> dict[str, str]:
        """What a Secret holds."""
        found = self.plane.kube.get(SECRETS, namespace, name).get("data") or {}
        return {key: base64.b64decode(value).decode() for key, value in found.items()}

    def config(self, namespace: str, name: str) -> dict[str, str]:
        """What a ConfigMap holds."""
        found: dict[str, str] = self.plane.kube.get(CONFIG_MAPS, namespace, name)["data"]
        return found


def environ_of(plane: ControlPlane) -> dict[str, str]:
    """What a shell needs for the plane's own kubectl to find it, as its administrator."""
    return {"KUBECONFIG": str(plane.kubeconfig(ADMIN)), "PATH": path_with_kubectl()}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Before anything is installed."""
    with _planned(tmp_path_factory.mktemp("plane"), controllers=False) as place:
        for namespace, plural, name in THEIRS:
            made: dict[str, Any] = {"metadata": {"namespace": namespace, "name": name}, "data": {"theirs": "c3RheXM="}}
            place.plane.kube.create(Resource("v1", plural), made)
        yield place


@contextmanager
def _planned(directory: Path, *, controllers: bool) -> Iterator[Place]:
    build()
    with ControlPlane(directory, controllers=controllers) as plane:
        plane.install(*definitions("knative.dev/serving", "knative.dev/eventing", PROMETHEUS_OPERATOR))
        for name in ("argocd", "istio-system", "knative-eventing", "monitoring"):
            plane.kube.create(Resource("v1", "namespaces"), {"metadata": {"name": name}})
        yield Place(plane)


@pytest.fixture(scope="module")
def tokens(place: Place) -> dict[str, str]:
    """The senders' tokens, as the page says to make them."""
    place.types("test_the_senders_tokens")
    return place.secret("serinus", "serinus-tokens")


@pytest.fixture(scope="module")
def installed(place: Place, tokens: dict[str, str]) -> str:
    """The installation on Knative; what was printed."""
    assert tokens
    return place.types("test_on_knative")


def test_the_senders_tokens(place: Place, tokens: dict[str, str]) -> None:
    """Each sender has a token of its own that is long enough; of webhooks there is none yet."""
    assert tokens.keys() == {"argocd", "alertmanager", "cron"}
    assert {len(token) for token in tokens.values()} == {64}
    assert len(set(tokens.values())) == 3
    assert place.secret("serinus", "serinus-webhook-tokens") == {}


def test_on_knative(place: Place, installed: str) -> None:
    """OIDC is on, nothing else of Knative's has changed, and what the last command asks for is there."""
    config = place.config("knative-eventing", "config-features")
    assert config == {"theirs": "c3RheXM=", "authentication-oidc": "enabled"}
    for name in ("service.serving.knative.dev/serinus", "broker.eventing.knative.dev/serinus"):
        assert f"{name} created" in installed
    last = installed.rpartition("created\n")[2]
    kinds = {line.partition("/")[0] for line in last.splitlines() if "/" in line}
    assert {kind.partition(".")[0] for kind in kinds} == {"service", "broker", "trigger", "pingsource", "sinkbinding"}


@pytest.mark.usefixtures("installed")
def test_without_knative(place: Place) -> None:
    """The Deployment and the CronJob are there."""
    printed = place.types("test_without_knative")
    assert "deployment.apps/serinus " in printed.rpartition("cronjob.batch/serinus-ticks created")[2]
    assert "cronjob.batch/serinus-ticks " in printed.rpartition("created\n")[2]


def test_argo_cd(place: Place, tokens: dict[str, str]) -> None:
    """Its Secret has its token, and the ConfigMaps have what is ours beside what was there."""
    place.types("test_argo_cd")
    secret = place.secret("argocd", "argocd-notifications-secret")
    assert secret == {"theirs": "stays", "serinus-token": tokens["argocd"]}
    for name, file in (("argocd-notifications-cm", "notifications-cm"), ("argocd-cm", "argocd-cm")):
        (ours,) = documents(KNATIVE / "argocd" / f"{file}.yaml")
        assert place.config("argocd", name) == {"theirs": "c3RheXM=", **ours["data"]}


@pytest.mark.usefixtures("installed")
def test_see_that_it_works(place: Place) -> None:
    """With the app and its Canary applied each command finds it, and the log's are told by a label that pods have."""
    get, why, describe, logs = typed_by("test_see_that_it_works")
    place.prints(EXAMPLE)
    got, page, described, logged = place.prints(get, why, describe.replace("NAME", "podinfo -n shop"), logs)
    assert "shop       podinfo" in got
    assert "waits for the first event" in page
    assert "Kind:         Canary" in described
    assert "No resources found" in logged  # for nobody makes pods here
    key, _, value = logs.partition(" -l ")[2].partition("=")
    mine = [item["spec"] for item in objects() if item["metadata"]["name"] == "serinus" and "spec" in item]
    templates = [spec["template"] for spec in mine if "template" in spec]
    assert [template["metadata"]["labels"][key] for template in templates] == [value, value]


def test_alertmanagers_token(place: Place, tokens: dict[str, str]) -> None:
    """Alertmanager's namespace has the token of the key alertmanager."""
    place.types("test_alertmanagers_token")
    assert place.secret("monitoring", "serinus-token") == {"token": tokens["alertmanager"]}


@pytest.mark.usefixtures("installed")
def test_the_operator(place: Place) -> None:
    """Its rules and its PodMonitor."""
    printed = place.types("test_the_operator")
    assert {line.partition(".")[0] for line in printed.splitlines()} == {"prometheusrule", "podmonitor"}


def test_the_dashboard(place: Place) -> None:
    """Grafana's sidecar finds a ConfigMap by its label, and in it the dashboard."""
    place.types("test_the_dashboard")
    found = place.plane.kube.get(CONFIG_MAPS, "monitoring", "serinus-dashboard")
    assert found["metadata"]["labels"] == {"grafana_dashboard": "1"}
    assert json.loads(found["data"]["serinus.json"]) == json.loads(
        (ALERTMANAGER / "grafana-dashboard.json").read_text()
    )


@pytest.mark.usefixtures("installed")
def test_run_job(place: Place) -> None:
    """The handlers send, to the host of the page's webhook, the token that `/run-job` knows them by."""
    printed = place.types("test_run_job")
    assert "service.serving.knative.dev/serinus-run-job created" in printed
    known = place.secret("serinus", "serinus-run-job-tokens")
    assert place.secret("serinus", "serinus-webhook-tokens") == {"serinus-run-job.serinus": known["handlers"]}
    assert len(known["handlers"]) == 64


def test_removal(tmp_path: Path) -> None:
    """The definitions go, with them all Canaries, and the namespace with the tokens."""
    with _planned(tmp_path, controllers=True) as place:
        place.prints("kubectl apply -k knative/", EXAMPLE, "kubectl -n shop get canary podinfo")
        place.types("test_removal")
        left = {item["metadata"]["name"] for item in place.plane.kube.list(CRDS)["items"]}
        assert not {name for name in left if name.endswith(".flagger.app")}
        with pytest.raises(ApiError):
            place.plane.kube.get(Resource("flagger.app/v1beta1", "canaries"), "shop", "podinfo")
        with pytest.raises(ApiError):
            place.plane.kube.get(Resource("v1", "namespaces"), "", "serinus")
