"""The probes say what they are asked, to anybody, and cost no more than one request to the API server."""

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from flask.testing import FlaskClient

from handlers.app import routed
from handlers.auth import REREAD, Authenticator
from handlers.errors import Unavailable
from handlers.health import AGAIN, Health
from handlers.settings import Settings
from handlers.step.ports import World
from handlers.wiring import Wiring
from tests.apps import NoReview
from tests.fakes import EPOCH
from tests.lab import Lab, new_lab

READY = "/healthz/ready"


@pytest.fixture
def lab() -> Lab:
    """A cluster that nobody has asked anything."""
    found = new_lab()
    found.cluster.calls.clear()
    return found


def client(lab: Lab, environ: dict[str, str]) -> FlaskClient:
    """An app around it, which has been started; its seconds are those of the lab."""

    def clock() -> float:
        return (lab.clock() - EPOCH).total_seconds()

    settings = Settings.from_env(environ)
    authenticator = Authenticator(settings, NoReview(), clock)
    wiring = Wiring(lambda: lab.world)
    wiring.world()
    return routed(settings, wiring, authenticator).test_client()


@pytest.mark.parametrize("path", ["/healthz/live", "/healthz/started", READY])
def test_all_is_well(lab: Lab, path: str) -> None:
    """Each is 200, without a token, again and again; only readiness asks the API server, once."""
    app = client(lab, {"SERINUS_NO_AUTH": "true"})
    for _ in range(5):
        assert (app.get(path).status_code, app.get(path).text) == (200, "ok\n")
    asked = [("get", "/apis/flagger.app/v1beta1/namespaces/default/canaries/serinus")]
    assert lab.cluster.calls == (asked if path == READY else [])


def test_a_process_that_cannot_start_is_alive(caplog: pytest.LogCaptureFixture) -> None:
    """It answers, and it is neither started nor ready, as the log says; Kubernetes starts it again after a while."""

    def never() -> World:
        raise Unavailable("never")

    settings = Settings.from_env({"SERINUS_NO_AUTH": "true"})
    app = routed(settings, Wiring(never), Authenticator(settings, NoReview(), lambda: 0.0)).test_client()
    answers = [app.get(f"/healthz/{name}") for name in ("live", "started", "ready")]
    assert [answer.status_code for answer in answers] == [200, 503, 503]
    assert answers[2].text == "still starting\n"
    assert "GET /healthz/ready: 503 still starting" in caplog.text


def test_ready_is_who_has_reached_the_api_server(lab: Lab) -> None:
    """Until it answers it is asked every two seconds at most; after that never, whatever becomes of it."""
    seconds: Iterator[float] = iter([0, AGAIN - 1, AGAIN, AGAIN * 2])
    settings = Settings.from_env({"SERINUS_NO_AUTH": "true", "SERINUS_NAMESPACES": "shop,other"})
    wiring = Wiring(lambda: lab.world)
    wiring.world()
    authenticator = Authenticator(settings, NoReview(), lambda: 0.0)
    health = Health(wiring, authenticator, settings.namespaces, lambda: next(seconds))

    def refuse(_verb: str, _path: str) -> NoReturn:
        raise Unavailable("not allowed to get canaries")

    lab.cluster.before = refuse
    assert health.not_ready() == "not allowed to get canaries"
    lab.cluster.before = lambda _verb, _path: None
    assert health.not_ready() == "not allowed to get canaries"
    assert lab.cluster.calls == []
    assert health.not_ready() == ""
    assert lab.cluster.calls == [("get", "/apis/flagger.app/v1beta1/namespaces/shop/canaries/serinus")]
    lab.cluster.before = refuse
    assert health.not_ready() == ""


def test_ready_is_who_can_read_its_tokens(lab: Lab, tmp_path: Path) -> None:
    """Without a token nobody could send; a token that went wrong is named, and not shown."""
    app = client(lab, {"SERINUS_TOKENS_DIR": str(tmp_path)})
    assert (app.get(READY).status_code, app.get(READY).text) == (503, "SERINUS_TOKENS_DIR holds no token\n")
    (tmp_path / "cron").write_text("a-token-of-the-tests")
    lab.clock.tick(REREAD)
    assert app.get(READY).status_code == 200
    (tmp_path / "cron").write_text("short")
    lab.clock.tick(REREAD)
    answer = app.get(READY)
    assert (answer.status_code, "SERINUS_TOKENS_DIR: cron" in answer.text, "short" in answer.text) == (503, True, False)
    assert app.get("/healthz/live").status_code == 200


def test_ready_without_prometheus(lab: Lab) -> None:
    """A Prometheus that is down makes nobody unready: a rollback needs none."""
    lab.prometheus.values = {"": [Unavailable("no answer in time")]}
    assert client(lab, {"SERINUS_NO_AUTH": "true"}).get(READY).status_code == 200
