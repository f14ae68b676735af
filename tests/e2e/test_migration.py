"""The migration of docs/jobs.md, from its manifests: real Jobs and pods, webhooks over HTTP with their token.

The sandbox has no images, so what `migrate` would do is a sleep, or a failure.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask

from handlers.app import create_app
from handlers.sandbox.kube import Resource
from handlers.sandbox.process import wait_for
from handlers.sandbox.sandbox import Sandbox
from handlers.sandbox.traffic import Traffic
from tests.apps import served
from tests.e2e.account import HANDLERS, RUN_JOB, kubeconfig_of
from tests.e2e.town import Town

EXAMPLE = Path(__file__).parents[2] / "knative" / "examples" / "migration.yaml"
CANARIES = Resource("flagger.app/v1beta1", "canaries")
DEPLOYMENTS = Resource("apps/v1", "deployments")
JOBS = Resource("batch/v1", "jobs")
TOKEN = "a-token-of-the-tests"
PATIENCE = 60
"""Seconds until something must have happened."""


@dataclass
class Story:
    """A sandbox with the example in it, the handlers, and a client that calls the app all the time."""

    sandbox: Sandbox
    app: Flask
    traffic: Traffic

    def until(self, phase: str) -> set[int]:
        """Send ticks until the Canary is in a phase; all weights that were seen on the way."""
        weights = set()

        def there() -> bool:
            headers = {"ce-id": "1", "ce-source": "/ping", "ce-type": "dev.knative.sources.ping"}
            token = {"Authorization": f"Bearer {TOKEN}", "ce-specversion": "1.0"}
            kind = {"Content-Type": "application/json"}
            answer = self.app.test_client().post("/", headers={**headers, **token, **kind}, json={"namespace": "shop"})
            assert answer.status_code == 204
            status = self.sandbox.kube.get(CANARIES, "shop", "shop").get("status") or {}
            weights.add(status.get("canaryWeight", 0))
            return bool(status.get("phase") == phase)

        wait_for(there, phase, PATIENCE)
        return weights

    def push(self, version: str) -> None:
        """Give the target another version."""
        patch = {"spec": {"template": {"spec": {"containers": [container(version)]}}}}
        self.sandbox.kube.patch(DEPLOYMENTS, "shop", "shop", patch)

    def template(self, name: str, *command: str) -> None:
        """Let a template do something else."""
        (cron,) = (item for item in examples("CronJob") if item["metadata"]["name"] == name)
        (inside,) = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        self.sandbox.apply(with_command(cron, {**inside, "command": list(command)}))

    def jobs(self) -> list[tuple[str, str]]:
        """Name and last condition of each Job."""
        return sorted(
            (job["metadata"]["annotations"]["serinus.dev/job-name"], conditions[-1]["type"] if conditions else "")
            for job in self.sandbox.kube.list(JOBS, "shop")["items"]
            for conditions in [(job.get("status") or {}).get("conditions") or []]
        )


def container(version: str) -> dict[str, Any]:
    """The container of the app."""
    return {"name": "shop", "image": f"shop:{version}", "ports": [{"containerPort": 8080}]}


def examples(kind: str) -> list[Any]:
    """The example's objects of a kind."""
    return [item for item in yaml.safe_load_all(EXAMPLE.read_text()) if item["kind"] == kind]


def with_command(cron: Any, inside: Any) -> dict[str, Any]:
    """A CronJob with another container."""
    copy = json.loads(json.dumps(cron))
    copy["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"] = [inside]
    return dict(copy)


def canary(url: str) -> dict[str, Any]:
    """The example's Canary: its hooks at our port, larger steps, and no metrics, for there is no Prometheus."""
    (found,) = examples("Canary")
    hooks = [{**hook, "url": url} for hook in found["spec"]["analysis"]["webhooks"]]
    found["spec"]["analysis"] |= {"webhooks": hooks, "metrics": [], "stepWeight": 25}
    return dict(found)


def app_objects() -> list[dict[str, Any]]:
    """A namespace with an app that serves already, and its Service."""
    meta = {"name": "shop", "namespace": "shop"}
    template = {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [container("1.0.0")]}}
    deployment = {"replicas": 1, "selector": {"matchLabels": {"app": "shop"}}, "template": template}
    service = {"selector": {"app": "shop"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": deployment},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": service},
    ]


@pytest.fixture
def story(town: Town, tmp_path: Path) -> Iterator[Story]:
    """All of it, with a client that calls the app from the beginning."""
    sandbox = town.sandbox
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "serinus").write_text(TOKEN)
    environ = {
        "SERINUS_TOKENS_DIR": str(tmp_path / "in"),
        "SERINUS_WEBHOOK_TOKENS_DIR": str(tmp_path / "out"),
        "SERINUS_TIME_SCALE": "60",
    }
    run_job = create_app(environ | {"KUBECONFIG": str(kubeconfig_of(sandbox, RUN_JOB, tmp_path))})
    sandbox.apply(*app_objects())
    sandbox.wait_rolled_out("shop", "shop")
    with served(run_job) as url, Traffic(sandbox.ingress_url, "shop.shop", rate=50) as traffic:
        (tmp_path / "out" / url.removeprefix("http://")).write_text(TOKEN)  # before the handlers look for tokens
        handlers = create_app(environ | {"KUBECONFIG": str(kubeconfig_of(sandbox, HANDLERS, tmp_path))})
        found = Story(sandbox, handlers, traffic)
        found.template("shop-expand", "false")
        found.template("shop-contract", "sleep", "0.1")
        sandbox.apply(canary(f"{url}/run-job"))
        yield found
    sandbox.kube.delete(Resource("v1", "namespaces"), "", "shop")


def test_expand_and_contract(story: Story) -> None:
    """A failed expansion ends the rollout before any traffic; a good one lets it through, and then contraction runs."""
    story.until("Initialized")
    story.push("2.0.0")
    assert story.until("Failed") == {0}
    assert story.jobs() == [("shop-expand", "Failed")]
    assert set(story.traffic.summary().versions) <= {"1.0.0"}

    story.template("shop-expand", "sleep", "0.3")
    story.push("2.0.1")
    assert {0, 25, 50} <= story.until("Succeeded")
    expected = [("shop-contract", "Complete"), ("shop-expand", "Complete"), ("shop-expand", "Failed")]
    wait_for(lambda: story.jobs() == expected, "the contraction is complete", PATIENCE)
    wait_for(lambda: "2.0.1" in story.traffic.summary().versions, "an answer of 2.0.1", PATIENCE)
    assert "2.0.0" not in story.traffic.summary().versions
