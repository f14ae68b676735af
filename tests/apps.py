"""An app around a lab, and what is sent to it."""

from collections.abc import Callable
from pathlib import Path

from flask.testing import FlaskClient

from handlers.app import routed
from handlers.auth import Authenticator, Review
from handlers.settings import Settings
from handlers.wiring import Wiring
from tests.lab import Lab

TOKEN = "a-token-of-the-tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
STRUCTURED = {**BEARER, "Content-Type": "application/cloudevents+json"}


class NoReview:
    """No token is known to the API server."""

    def review(self, token: str) -> Review:
        """Refuse."""
        return Review(authenticated=token == "")


Client = Callable[..., FlaskClient]


def clients(tmp_path: Path) -> Client:
    """An HTTP client of an app around a lab, with authentication on; keywords are settings."""
    (tmp_path / "cron").write_text(TOKEN)

    def make(lab: Lab, **environ: str) -> FlaskClient:
        settings = Settings.from_env({"SERINUS_TOKENS_DIR": str(tmp_path), **environ})
        authenticator = Authenticator(settings, NoReview(), lambda: 0.0)
        return routed(settings, Wiring(lambda: lab.world), authenticator).test_client()

    return make
