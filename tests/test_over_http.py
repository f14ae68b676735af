"""The app with its real adapters: the official Kubernetes client, the Prometheus client and webhooks, over HTTP."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from handlers.app import create_app
from handlers.sandbox.api.reviews import Identity
from handlers.sandbox.api.server import Server as ApiServer
from tests.adapters import loopback
from tests.adapters.loopback import Answer, Asked, Serve, Server
from tests.lab import Lab, a_canary, new_lab

serve = pytest.fixture(loopback.serve)
# a token of a service account as Knative's sources carry it: three parts with dots
TOKEN = "header.payload.signature"
AUDIENCE = "serinus"
SUBJECT = "system:serviceaccount:shop:tick-oidc-sources.knative.dev-pingsource"


@dataclass
class Site:
    """A cluster behind HTTP, a Prometheus, webhooks, and an app that knows only their addresses."""

    lab: Lab
    client: FlaskClient
    prometheus: Server
    hooks: Server

    def tick(self) -> int:
        """Let pods come up and an interval of the scaled Canary pass, and send a tick; the answer's status."""
        self.lab.kubelet.run()
        headers = {
            "Authorization": f"Bearer {TOKEN}",
            "ce-id": "1",
            "ce-source": "/ping",
            "ce-type": "dev.knative.sources.ping",
            "ce-specversion": "1.0",
        }
        return self.client.post("/", headers=headers).status_code


def prometheus(asked: Asked) -> Answer:
    """A Prometheus in which all is well."""
    query = parse_qs(urlsplit(asked.path).query)["query"][0]
    value = "1" if query == "vector(1)" else "50" if "duration" in query else "100"
    result = [{"metric": {}, "value": [0, value]}]
    data = {"status": "success", "data": {"resultType": "vector", "result": result}}
    return Answer(json.dumps(data).encode(), headers={"Content-Type": "application/json"})


@pytest.fixture
def site(tmp_path: Path, serve: Serve) -> Iterator[Site]:
    """The whole of it, with time running ten thousand times as fast for the Canary."""
    metrics, hooks = serve(prometheus), serve(lambda _: Answer(status=204))
    webhook = {"name": "smoke", "type": "pre-rollout", "url": f"{hooks.url}/smoke", "timeout": "2s"}
    lab = new_lab(a_canary(analysis={"webhooks": [webhook]}))
    lab.api.tokens[TOKEN] = Identity(username=SUBJECT, audiences=(AUDIENCE,))
    with ApiServer(lab.api) as api:
        environ = {
            "KUBECONFIG": str(api.write_kubeconfig(tmp_path / "kubeconfig")),
            "SERINUS_METRICS_SERVER": metrics.url,
            "SERINUS_OIDC_AUDIENCE": AUDIENCE,
            "SERINUS_OIDC_SUBJECTS": SUBJECT,
            "SERINUS_TIME_SCALE": "10000",
        }
        yield Site(lab, create_app(environ).test_client(), metrics, hooks)


def test_a_rollout_over_http(site: Site) -> None:
    """From a new Canary to a promoted version, by ticks alone, with Knative's token and real clients all the way."""
    while site.lab.phase != "Initialized":
        assert site.tick() == 204
    site.lab.push("app:v2")
    seen = []
    while site.lab.phase != "Succeeded":
        assert site.tick() == 204
        seen.append(site.lab.weights)
    assert [pair for pair in ((80, 20), (60, 40), (40, 60)) if pair in seen] == [(80, 20), (60, 40), (40, 60)]
    assert site.lab.primary["spec"]["template"]["spec"]["containers"][0]["image"] == "app:v2"
    assert any('destination_workload=~"app"' in parse_qs(urlsplit(a.path).query)["query"][0] for a in _queries(site))
    asked = site.hooks.asked[0]
    assert (asked.method, asked.path) == ("POST", "/smoke")
    assert json.loads(asked.body)["name"] == "app"
    assert asked.headers["idempotency-key"].endswith("/smoke")


def _queries(site: Site) -> list[Asked]:
    return [asked for asked in site.prometheus.asked if "vector(1)" not in asked.path]


def test_a_stranger_with_a_good_token_is_refused(site: Site) -> None:
    """A token that the API server knows, for our audience, but of nobody on the list, is 401."""
    site.lab.api.tokens["other.token.here"] = Identity(
        username="system:serviceaccount:shop:default", audiences=(AUDIENCE,)
    )
    response = site.client.post("/", headers={"Authorization": "Bearer other.token.here"})
    assert response.status_code == 401
