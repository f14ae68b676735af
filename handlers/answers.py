"""What every app here does with a request: an error becomes a status, and each request is one line and one count."""

import logging
import time
from http import HTTPStatus

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from handlers.auth import Sender
from handlers.errors import SerinusError, Unauthorized
from handlers.logs import fields
from handlers.step.durations import Durations
from handlers.traces import Tracing

log = logging.getLogger(__name__)

OTHER = "other"
"""Stands for all paths that are not served."""
UNASKED = ("/healthz", "/metrics")
"""What is asked all the time: not worth a line while all is well."""
_SHOWN = 256


def install(app: Flask, requests: Durations) -> None:
    """Make an app do so. `requests` counts them by path and status."""
    app.register_error_handler(SerinusError, _refused)
    app.register_error_handler(HTTPException, _plain)

    @app.before_request
    def _begin() -> None:
        g.begun = time.monotonic()

    @app.after_request
    def _end(response: Response) -> Response:
        seconds = time.monotonic() - g.begun
        path = request.url_rule.rule if request.url_rule else OTHER
        requests.observe(seconds, path, str(response.status_code))
        _told(response.status_code, seconds)
        return response


def traced(app: Flask, tracing: Tracing | None) -> Flask:
    """The app with a span around each request, but for those of probes and scrapes."""
    if tracing:
        served = {rule.rule for rule in app.url_map.iter_rules() if not rule.rule.startswith(UNASKED)}
        app.wsgi_app = tracing.app(app.wsgi_app, served)  # type: ignore[method-assign, assignment]  # Flask's own way
    return app


def sent_by(sender: Sender) -> None:
    """Remember who sent this request, for its line."""
    g.sender = sender.name


def text(status: int, words: str) -> Response:
    """An answer in plain text."""
    return Response(words, status=status, mimetype="text/plain")


def _told(status: int, seconds: float) -> None:
    """One line: no query and no header, for they may hold a token."""
    error = g.get("error")
    level = logging.WARNING if error or status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO
    if level == logging.INFO and request.path.startswith(UNASKED):
        level = logging.DEBUG
    told = {
        "method": request.method,
        "path": request.path[:_SHOWN],
        "status": status,
        "milliseconds": round(seconds * 1000),
        "sender": g.get("sender", ""),
        "error": type(error).__name__ if error else "",
    }
    words = f"{request.method} {request.path[:_SHOWN]}: {status}" + (f" {error}" if error else "")
    log.log(level, "%s (%d ms)", words, told["milliseconds"], extra=fields({k: v for k, v in told.items() if v != ""}))


def _refused(error: SerinusError) -> Response:
    g.error = error
    response = text(error.status, f"{error}\n")
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _plain(error: HTTPException) -> Response:
    return text(error.code or HTTPStatus.INTERNAL_SERVER_ERROR, f"{error.code} {error.name}\n")
