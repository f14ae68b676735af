"""kubectl against the server."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from handlers.sandbox.api.server import Server
from tests.sandbox.api.client import Api, Json, canary, deployment

pytestmark = [
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH"),
    pytest.mark.usefixtures("embedded"),
]
Kubectl = Callable[..., str]


@pytest.fixture
def kubectl(server: Server, namespace: str, tmp_path: Path) -> Kubectl:
    """Runs kubectl in the test's namespace; manifests go in by `stdin`."""
    config = server.write_kubeconfig(tmp_path / "config", namespace=namespace)

    def run(*arguments: str, stdin: Json | None = None) -> str:
        command = ["kubectl", f"--kubeconfig={config}", f"--cache-dir={tmp_path}", *arguments]
        text = json.dumps(stdin) if stdin else None
        done = subprocess.run(  # noqa: S603 a fixed program, manifests of our own
            command, input=text, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


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
    """get, patch, annotate, label, scale, set image, wait, delete."""
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
    ready = {"status": {"conditions": [{"type": "Available", "status": "True"}]}}
    api.patch(f"{deployments}/a/status", ready)
    kubectl("wait", "--for=condition=Available", "deployment/a", "--timeout=10s")
    assert 'deployment.apps "a" deleted' in kubectl("delete", "deployment", "a")


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
        "get", "canary", "podinfo", "--watch", "--output-watch-events", "--request-timeout=1s", "-o", "name"
    )
    assert "canary.flagger.app/podinfo" in shown
