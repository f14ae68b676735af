"""The app: which path is heard by which handler, and who may send.

`gunicorn -c python:handlers.serving 'handlers.app:create_app()'`. A success has an empty body: a Knative broker takes a
2xx with a body that is no CloudEvent for a failed delivery, and sends again.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Flask, Request, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from handlers import alert, answers, dead_letter, gate, job, logs, sync, tick, traces
from handlers.adapters.tokens import WebhookTokens
from handlers.auth import Authenticator, Review
from handlers.errors import TooLarge
from handlers.events import alertmanager, call, cloudevent, hook
from handlers.events.event import CANARY_DUE, EVENTS, PING, SYNCED, TICK, Event
from handlers.health import Health
from handlers.rollout.webhook import asks_again
from handlers.settings import Settings
from handlers.step.ports import World
from handlers.telemetry import CONTENT_TYPE, Telemetry
from handlers.wiring import Wiring, build, config_of

log = logging.getLogger(__name__)

View = Callable[[], Response]
Heard = Callable[[World, tuple[str, ...], Mapping[str, str], bytes], None]
"""What is done with headers and body of a request that nobody waits for an answer to."""
LIMIT = 1024 * 1024
"""Bytes of a body. Argo CD lists every resource of an application; the other senders need a few kilobytes."""


@dataclass(frozen=True, slots=True)
class _Reviewer:
    """TokenReview through the cluster of a World that may still be on its way."""

    wiring: Wiring
    audience: str

    def review(self, token: str) -> Review:
        return self.wiring.review(token, self.audience)


def create_app(environ: Mapping[str, str] | None = None) -> Flask:
    """The WSGI app, from environment variables. Raises BadSetting, so that a mistake stops the start."""
    environ = os.environ if environ is None else environ
    settings = Settings.from_env(environ)
    logs.setup(settings.log_format)
    config = config_of(settings)
    token = WebhookTokens(settings.webhook_tokens_dir, time.monotonic)
    traced = traces.tracing(environ)
    wiring = Wiring(lambda: traces.world(build(config, environ, token), traced))
    authenticator = Authenticator(settings, _Reviewer(wiring, settings.oidc_audience), time.monotonic)
    return answers.traced(routed(settings, wiring, authenticator), traced)


def routed(settings: Settings, wiring: Wiring, authenticator: Authenticator) -> Flask:
    """The app around a World."""
    app = Flask(__name__)
    # one more than the limit: Werkzeug cuts a chunked body at this length without a word
    app.config["MAX_CONTENT_LENGTH"] = LIMIT + 1
    telemetry = Telemetry(settings.namespaces)
    answers.install(app, telemetry.requests)

    def heard(handle: Heard) -> View:
        def view() -> Response:
            handle(wiring.world(), settings.namespaces, dict(request.headers), _body(request))
            return Response(status=204)

        return _known(authenticator, view)

    app.add_url_rule("/", "event", heard(_event), methods=["POST"])
    app.add_url_rule("/dead-letter", "dead-letter", heard(dead_letter.handle), methods=["POST"])
    app.add_url_rule("/alertmanager", "alertmanager", heard(_alerts), methods=["POST"])
    # for anybody: what it says are names, weights and measured values, and it costs one list every few seconds
    app.add_url_rule("/metrics", "metrics", lambda: Response(telemetry.text(wiring.world()), content_type=CONTENT_TYPE))
    Health(wiring, authenticator, settings.namespaces, time.monotonic).add(app)
    _add_gates(app, settings, wiring, authenticator)
    _add_jobs(app, settings, wiring, authenticator)
    return app


def _add_gates(app: Flask, settings: Settings, wiring: Wiring, authenticator: Authenticator) -> None:
    """What is asked about one canary. No broker delivers it, so an answer may have a body."""

    def asked(handle: gate.Handle) -> View:
        def view() -> Response:
            about = call.read(_body(request), request.args.get("ttl", ""))
            return _text(handle(wiring.world(), settings.namespaces, about))

        return _known(authenticator, view)

    def always(reply: gate.Reply) -> View:
        return _known(authenticator, lambda: _text(reply))

    for path, handle in gate.HANDLERS.items():
        app.add_url_rule(path, path, asked(handle), methods=["POST"])
    for path, reply in (("/gate/approve", gate.OK), ("/gate/halt", gate.FORBIDDEN)):
        app.add_url_rule(path, path, always(reply), methods=["POST"])


def _add_jobs(app: Flask, settings: Settings, wiring: Wiring, authenticator: Authenticator) -> None:
    """Webhooks that are answered by a Job."""
    policy = job.Policy(images=settings.job_images, service_account=settings.job_service_account)

    def run_job() -> Response:
        patient = asks_again(request.headers.get("Prefer", ""))
        answer = job.handle(wiring.world(), settings.namespaces, policy, hook.read(_body(request)), patient=patient)
        return Response(f"{answer.text}\n", answer.status, answer.headers, mimetype="text/plain")

    app.add_url_rule("/run-job", "run-job", _known(authenticator, run_job), methods=["POST"])


def _known(authenticator: Authenticator, view: View) -> View:
    """The view for senders that are known; nothing is read of what others send."""

    def known() -> Response:
        answers.sent_by(authenticator.authenticate(request.headers.get("Authorization")))
        return view()

    return known


def _text(reply: gate.Reply) -> Response:
    return answers.text(reply.status, f"{reply.text}\n" if reply.text else "")


def _alerts(world: World, namespaces: tuple[str, ...], _: Mapping[str, str], body: bytes) -> None:
    alert.handle(world, namespaces, alertmanager.read(body), "")


def _event(world: World, namespaces: tuple[str, ...], headers: Mapping[str, str], body: bytes) -> None:
    event = cloudevent.read(headers, body)
    if event.type not in EVENTS:
        log.info("event of type %r is not ours", event.type)
        return
    with world.span(f"process {event.type}", event.extensions):
        _dispatch(world, namespaces, event)


def _dispatch(world: World, namespaces: tuple[str, ...], event: Event) -> None:
    if event.type in (PING, TICK, CANARY_DUE):
        tick.handle(world, namespaces, event)
    elif event.type == SYNCED:
        sync.handle(world, namespaces, event)
    else:
        alert.handle(world, namespaces, alertmanager.read(event.data), f"{event.source} {event.id}")


def _body(incoming: Request) -> bytes:
    try:
        body = incoming.get_data(cache=False)
    except RequestEntityTooLarge:
        body = b" " * (LIMIT + 1)
    if len(body) > LIMIT:
        raise TooLarge(f"the body is larger than {LIMIT} bytes")
    return body
