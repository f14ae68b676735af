"""kubectl against the server."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from handlers.sandbox.api.server import Server
from tests.sandbox.api.client import Api, Json, canary, deployment
from tests.sandbox.api.conftest import CLUSTER

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH")
Kubectl = Callable[..., str]


@pytest.fixture
def kubectl(request: pytest.FixtureRequest, namespace: str, tmp_path: Path) -> Kubectl:
    """Runs kubectl in the test's namespace; manifests go in by `stdin`."""
    config = CLUSTER or _embedded(request.getfixturevalue("server"), tmp_path)

    def run(*arguments: str, stdin: Json | None = None) -> str:
        where = (f"--kubeconfig={config}", f"--cache-dir={tmp_path}", f"--namespace={namespace}")
        command = ["kubectl", *where, *arguments]
        text = json.dumps(stdin) if stdin else None
        done = subprocess.run(  # noqa: S603 a fixed program, manifests of our own
            command, input=text, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def _embedded(server: Server, directory: Path) -> str:
    return str(server.write_kubeconfig(directory / "config"))


def test_apply_twice(kubectl: Kubectl) -> None:
    """Client-side apply creates, changes, and leaves alone, validated by the server."""
    assert "created" in kubectl("apply", "-f", "-", stdin=deployment("a"))
    assert "configured" in kubectl("apply", "-f", "-", stdin=deployment("a", "podinfo:7"))
    assert "unchanged" in kubectl("apply", "-f", "-", stdin=deployment("a", "podinfo:7"))
    assert "created" in kubectl("apply", "-f", "-", stdin=canary())
    assert "unchanged" in kubectl("apply", "-f", "-", stdin=canary())


def test_server_side_apply_after_client_side(kubectl: Kubectl) -> None:
    """Moving to server-side apply takes over what client-side apply owned."""
    kubectl("apply", "-f", "-", stdin=deployment("a"))
    assert "serverside-applied" in kubectl("apply", "--server-side", "-f", "-", stdin=deployment("a", "podinfo:7"))
    found = json.loads(kubectl("get", "deploy", "a", "-o", "json", "--show-managed-fields"))
    assert ("kubectl", "Apply") in {(e["manager"], e["operation"]) for e in found["metadata"]["managedFields"]}
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "podinfo:7"


def test_everyday_commands(kubectl: Kubectl, api: Api, deployments: str) -> None:
    """get, patch, annotate, label, scale, set image, delete."""
    kubectl("apply", "-f", "-", stdin=deployment("a"))
    kubectl("annotate", "deployment", "a", "x=y")
    kubectl("label", "deployment", "a", "l=m")
    kubectl("scale", "deployment", "a", "--replicas=3")
    kubectl("set", "image", "deployment/a", "podinfod=podinfo:8")
    kubectl("patch", "deploy", "a", "-p", '{"spec": {"paused": true}}')
    found = api.get(f"{deployments}/a").body
    assert found["metadata"]["annotations"]["x"] == "y"
    assert found["metadata"]["labels"]["l"] == "m"
    assert (found["spec"]["replicas"], found["spec"]["paused"]) == (3, True)
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "podinfo:8"
    assert 'deployment.apps "a" deleted' in kubectl("delete", "deployment", "a")


@pytest.mark.parametrize(
    ("kind", "options", "part"),
    [
        ("deployment", ["--image=a:1", "--replicas=2"], {"replicas": 2, "selector": {"matchLabels": {"app": "a"}}}),
        ("secret generic", ["--from-literal=a=b"], {"data": {"a": "Yg=="}, "type": "Opaque"}),
        (
            "service clusterip",
            ["--tcp=80:web"],
            {"ports": [{"name": "80-web", "protocol": "TCP", "port": 80, "targetPort": "web"}]},
        ),
        ("cronjob", ["--image=a:1", "--schedule=0 3 * * *"], {"schedule": "0 3 * * *", "concurrencyPolicy": "Allow"}),
        ("pdb", ["--selector=app=a", "--min-available=50%"], {"minAvailable": "50%"}),
        (
            "role",
            ["--verb=get", "--resource=pods"],
            {"rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]},
        ),
    ],
)
def test_commands_that_know_types(kubectl: Kubectl, kind: str, options: list[str], part: Json) -> None:
    """They send protobuf, and what is kept is what JSON would have said."""
    assert "created" in kubectl("create", *kind.split(), "a", *options)
    found = json.loads(kubectl("get", kind.split(maxsplit=1)[0], "a", "-o", "json"))
    assert part.items() <= (found | found.get("spec", {})).items()


def test_a_token(kubectl: Kubectl) -> None:
    """A service account is made, and a token of it; both are typed as well."""
    kubectl("create", "serviceaccount", "a")
    assert kubectl("create", "token", "a").strip()


def test_wait_for_a_condition(kubectl: Kubectl, api: Api, canaries: str) -> None:
    """kubectl wait sees the condition of a custom resource."""
    api.post(canaries, canary())
    done = {"type": "Promoted", "status": "True", "reason": "Succeeded", "message": "done"}
    times = dict.fromkeys(("lastUpdateTime", "lastTransitionTime"), "2026-01-01T00:00:00Z")
    assert api.patch(f"{canaries}/podinfo/status", {"status": {"conditions": [done | times]}}).status == 200
    assert "condition met" in kubectl("wait", "--for=condition=Promoted", "canary/podinfo", "--timeout=10s")


def test_get_and_short_names(kubectl: Kubectl) -> None:
    """Resources are found by short name, category and kind."""
    kubectl("apply", "-f", "-", stdin=canary())
    assert "podinfo" in kubectl("get", "canaries")
    assert "canary.flagger.app/podinfo" in kubectl("get", "all", "-o", "name")
    assert "virtualservices" in kubectl("api-resources", "--api-group=networking.istio.io")
    assert "serinus" not in kubectl("get", "vs,dr,cm,deploy")


def test_get_watch(kubectl: Kubectl, api: Api, canaries: str) -> None:
    """kubectl get -w shows what is there and ends when it is told to."""
    api.post(canaries, canary())
    shown = kubectl(
        "get", "canary", "podinfo", "--watch", "--output-watch-events", "--request-timeout=3s", "-o", "name"
    )
    assert "canary.flagger.app/podinfo" in shown
