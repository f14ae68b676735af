"""The load tester: Flagger's webhooks that run commands and load tests, as an app of its own, without a cluster.

`gunicorn -c python:handlers.serving 'handlers.loadtest:create_app()'`. Commands run as the user of this process:
whoever may send may do all that.
"""

import atexit
import logging
import os
import time
from collections.abc import Mapping
from http import HTTPStatus

from flask import Flask, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from handlers import answers, logs, traces
from handlers.answers import text
from handlers.auth import Authenticator, Review
from handlers.errors import BadSetting, TooLarge, Unavailable
from handlers.events import hook
from handlers.load import task as tasks
from handlers.load.command import Ended
from handlers.load.runner import Runner, how
from handlers.load.task import Task, Type
from handlers.settings import Settings
from handlers.step.durations import Durations

log = logging.getLogger(__name__)

SHOWN = 2048
"""How much of a failed command's output is answered: the end of it."""


class _Nobody:
    """There is no API server that could review a token."""

    def review(self, token: str) -> Review:  # noqa: ARG002  the protocol has it
        """Raise Unavailable."""
        raise Unavailable("the load tester has no cluster to ask")


def create_app(environ: Mapping[str, str] | None = None) -> Flask:
    """The WSGI app, from environment variables. Raises BadSetting."""
    environ = os.environ if environ is None else environ
    settings = Settings.from_env(environ)
    logs.setup(settings.log_format)
    if settings.oidc_audience:
        raise BadSetting("SERINUS_OIDC_AUDIENCE: the load tester has no cluster to ask, expected SERINUS_TOKENS_DIR")
    runner = Runner(settings.loadtest_limit, environ)
    atexit.register(runner.stop)
    app = routed(settings, runner, Authenticator(settings, _Nobody(), time.monotonic))
    return answers.traced(app, traces.tracing(environ))


def routed(settings: Settings, runner: Runner, authenticator: Authenticator) -> Flask:
    """The app around a runner."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = hook.LIMIT + 1
    answers.install(app, Durations())

    def root() -> Response:
        sender = authenticator.authenticate(request.headers.get("Authorization"))
        answers.sent_by(sender)
        task = tasks.read(hook.read(_body()), settings.loadtest_timeout)
        log.info("%s, asked by %s", task, sender.name)
        if task.type is Type.BASH:
            return _answered(task, runner.finish(task))
        started = runner.start(task)
        return text(HTTPStatus.ACCEPTED, "started" if started else "the same is under way")

    app.add_url_rule("/", "root", root, methods=["POST"])
    app.add_url_rule("/healthz", "healthz", lambda: text(HTTPStatus.OK, "OK"))
    return app


def _answered(task: Task, ended: Ended) -> Response:
    if ended.good:
        return text(HTTPStatus.OK, ended.output if task.return_output else "")
    status = HTTPStatus.GATEWAY_TIMEOUT if ended.timed_out else HTTPStatus.INTERNAL_SERVER_ERROR
    return text(status, f"command {how(task, ended)}: {ended.output[-SHOWN:].strip()}")


def _body() -> bytes:
    try:
        return request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise TooLarge(f"the payload is larger than {hook.LIMIT} bytes") from None
