"""An app around a lab, and what is sent to it; and any app behind a port."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.serving import WSGIRequestHandler, make_server

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


class _Quiet(WSGIRequestHandler):
    """Logs no request."""

    def log_request(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def served(app: Callable[..., Iterable[bytes]]) -> Iterator[str]:
    """A WSGI app on a port of loopback until the end of the block, for who asks over HTTP; its URL."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
