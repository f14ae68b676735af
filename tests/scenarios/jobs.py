"""A lab whose Canary asks for a Job, at an app of its own."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from handlers.app import routed
from handlers.auth import Authenticator
from handlers.settings import Settings
from handlers.step.ports import Request, Response
from handlers.wiring import Wiring
from tests.apps import NoReview
from tests.lab import Lab, a_canary, at, new_lab
from tests.protocol.harness import state_of

TOKEN = "a-token-of-the-tests"
URL = "http://serinus.test/run-job"
CONTAINER = {"name": "migrate", "image": "ghcr.io/shop/migrate:2", "command": ["migrate", "expand"]}
SPEC = {"template": {"spec": {"containers": [CONTAINER], "restartPolicy": "Never"}}}
METADATA = {"jobName": "expand", "jobSpec": base64.b64encode(json.dumps(SPEC).encode()).decode()}
HOOK = {"name": "migrate", "type": "pre-rollout", "url": URL, "timeout": "20s", "metadata": METADATA}
ASYNC = {"Prefer": "respond-async, wait=10"}
JOBS = "/apis/batch/v1/namespaces/shop/jobs"


def client_of(lab: Lab, tokens: Path, **environ: str) -> FlaskClient:
    """An HTTP client of an app around a lab."""
    (tokens / "hooks").write_text(TOKEN)
    settings = Settings.from_env({"SERINUS_TOKENS_DIR": str(tokens), "SERINUS_JOB_IMAGES": "ghcr.io/shop/", **environ})
    authenticator = Authenticator(settings, NoReview(), lambda: 0.0)
    return routed(settings, Wiring(lambda: lab.world), authenticator).test_client()


@dataclass
class App:
    """The Http port: what a step sends goes to the app, and its answer back."""

    client: FlaskClient

    def send(self, request: Request) -> Response:
        """Post to /run-job."""
        answer = self.client.post("/run-job", data=request.body, headers=dict(request.headers))
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(status=answer.status_code, headers=headers, body=answer.data)


@dataclass
class Site:
    """A lab whose Canary has a webhook that asks for a Job, and whose webhooks go to its own app."""

    lab: Lab
    client: FlaskClient

    @property
    def revision(self) -> str:
        """The one under analysis."""
        return state_of(self.lab).revision

    def jobs(self) -> list[Any]:
        """The Jobs there are."""
        items: list[Any] = self.lab.api.call("GET", JOBS).body["items"]
        return items

    def end(self, kind: str, reason: str = "", message: str = "") -> None:
        """Let the Job end."""
        (job,) = self.jobs()
        condition = {"type": kind, "status": "True", "reason": reason, "message": message}
        status = {"status": {"conditions": [condition]}}
        path = f"{JOBS}/{job['metadata']['name']}/status"
        assert self.lab.api.call("PATCH", path, status).status == 200

    def ask(self, headers: dict[str, str] | None = None, **changes: Any) -> tuple[int, str]:
        """Ask as the webhook does."""
        payload = {"name": "app", "namespace": "shop", "phase": "Progressing", "checksum": self.revision}
        body = json.dumps({**payload, "metadata": METADATA, **changes})
        answer = self.client.post(
            "/run-job", data=body, headers={"Authorization": f"Bearer {TOKEN}", **(headers or {})}
        )
        return answer.status_code, answer.text


SiteOf = Callable[..., Site]


def sites(tmp_path: Path) -> SiteOf:
    """Makes a site where app:v2 is about to be analysed.

    Arguments change the webhook, `analysis` the analysis, `environ` the settings.
    """

    def make(analysis: dict[str, Any] | None = None, environ: dict[str, str] | None = None, **hook: Any) -> Site:
        wanted = {"threshold": 1, "webhooks": [{**HOOK, **hook}], **(analysis or {})}
        lab = at(new_lab(a_canary(analysis=wanted)), "Progressing")
        client = client_of(lab, tmp_path, **(environ or {}))
        lab.world = replace(lab.world, http=App(client), token=lambda _: TOKEN)
        return Site(lab, client)

    return make
