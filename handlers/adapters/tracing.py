"""Traces by OpenTelemetry: a span for each request, step, and call of the API server, Prometheus or a webhook.

W3C's trace context is taken from headers and from the extension `traceparent` of a CloudEvent, and goes to webhooks and
into CloudEvents the same ways. A URL is no attribute, for it may be a secret; of errors only those of ours are told.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.trace import Link, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from handlers.auth import TOKEN_REVIEW, Review, Reviews
from handlers.errors import SerinusError
from handlers.providers.prometheus import MetricServer
from handlers.rollout.objects import Object, Ref
from handlers.rollout.objects.ownership import MANAGER
from handlers.step.around import Around
from handlers.step.ports import Http, Metrics, Request, Response, Tell, World

T = TypeVar("T")

_W3C: Final = TraceContextTextMapPropagator()
_WRONG: Final = 400
_BROKEN: Final = 500
_EVENT: Final = "ce-specversion"


def connect(exporters: Collection[str]) -> "Tracing":
    """Send spans where the variables of the process say; what is left is sent when it ends."""
    provider = TracerProvider(resource=Resource.create({}).merge(_named()))
    if "console" in exporters:
        provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
    if "otlp" in exporters:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415  if at all

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    make = logging.getLogRecordFactory()
    logging.setLogRecordFactory(lambda *args, **kwargs: with_ids(make(*args, **kwargs)))
    return Tracing(provider)


def _named() -> Resource:
    """A name of our own, unless the variables give one."""
    given = str(Resource.create({}).attributes.get("service.name", ""))
    return Resource({"service.name": MANAGER} if given.startswith("unknown_service") else {})


def with_ids(record: logging.LogRecord) -> logging.LogRecord:
    """A record that says in which trace and span it was made."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        ids = {"trace_id": trace.format_trace_id(context.trace_id), "span_id": trace.format_span_id(context.span_id)}
        record.trace = ids
    return record


class Tracing:
    """Fills `traces.Tracing` by a provider of spans."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer(MANAGER)

    def world(self, world: World) -> World:
        """The ports with a span around each call, and around each step."""
        return replace(
            world,
            cluster=TracedCluster(world.cluster, self),
            http=TracedHttp(world.http, self),
            metrics=TracedMetrics(world.metrics, self),
            span=self.step,
        )

    def app(self, wsgi: WSGIApplication, served: Collection[str]) -> WSGIApplication:
        """A span around each request for a path that is served; it goes on with the trace that the sender began."""

        def traced(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            method, path = str(environ.get("REQUEST_METHOD")), str(environ.get("PATH_INFO"))
            if path not in served:
                return wsgi(environ, start)
            headers = {name: environ.get(f"HTTP_{name.upper()}", "") for name in _W3C.fields}
            told = {"http.request.method": method, "http.route": path, "url.path": path}
            with self.span(f"{method} {path}", told, SpanKind.SERVER, headers) as span:

                def started(status: str, *args: Any) -> Any:
                    _answered(span, int(status[:3]), _BROKEN)
                    return start(status, *args)

                return wsgi(environ, started)

        return traced

    @contextmanager
    def step(self, name: str, carrier: Mapping[str, str], /) -> Iterator[Tell]:
        """Fills `step.ports.Span`. `carrier`: the attributes of an event, which may tell in which trace it was sent.

        A request that came with a trace of its own stays in it, and is linked with that of its event; else the event's
        trace goes on, linked with the request.
        """
        theirs, ours = _W3C.extract(dict(carrier)), trace.get_current_span()
        sent = trace.get_current_span(theirs).get_span_context()
        goes_on = sent.is_valid and isinstance(ours, ReadableSpan) and ours.parent is None
        other = ours.get_span_context() if goes_on else sent
        links = [Link(other)] if sent.is_valid and other.is_valid else []
        with self.span(name, {}, SpanKind.INTERNAL, carrier if goes_on else {}, links) as span:
            yield lambda fields: span.set_attributes({f"serinus.{name}": _plain(v) for name, v in fields.items()})

    @contextmanager
    def span(
        self,
        name: str,
        attributes: Mapping[str, Any],
        kind: SpanKind = SpanKind.CLIENT,
        parent: Mapping[str, str] | None = None,
        links: Sequence[Link] = (),
    ) -> Iterator[trace.Span]:
        """A span, which is the current one meanwhile. `parent`: headers that may name another one than that.

        A call that belongs to nothing is none: a scrape and a probe ask the API server too.
        """
        if kind is SpanKind.CLIENT and not trace.get_current_span().get_span_context().is_valid:
            yield trace.INVALID_SPAN
            return
        with self._tracer.start_as_current_span(
            name,
            context=_W3C.extract(dict(parent)) if parent and parent.get("traceparent") else None,
            kind=kind,
            attributes=attributes,
            links=links,
            record_exception=False,  # its text may be anybody's
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(StatusCode.ERROR, str(error) if isinstance(error, SerinusError) else None)
                raise


class TracedCluster(Around):
    """The API server with a span around each request."""

    def __init__(self, cluster: Any, tracing: Tracing) -> None:
        super().__init__(cluster)
        self._tracing = tracing

    def around(self, verb: str, ref: Ref, call: Callable[[], T]) -> T:
        """Named after what a role would allow."""
        told = {
            "k8s.namespace.name": ref.namespace,
            "serinus.api.verb": verb,
            "serinus.api.resource": ref.kind.plural,
            "serinus.api.name": ref.name,
        }
        with self._tracing.span(f"{verb} {ref.kind.plural}", {name: value for name, value in told.items() if value}):
            return call()

    def token_review(self, token: str, audience: str) -> Review:
        """As the cluster does, which must be one that can."""
        cluster = self.cluster
        assert isinstance(cluster, Reviews)  # noqa: S101  `wiring.build` made it
        return self.around("create", Ref(TOKEN_REVIEW, "", ""), lambda: cluster.token_review(token, audience))


@dataclass(frozen=True, slots=True)
class TracedHttp:
    """Webhooks and messengers with a span around each call, and the trace in it; in CloudEvents as an extension too."""

    http: Http
    tracing: Tracing

    def send(self, request: Request) -> Response:
        """See Http."""
        told = {"http.request.method": request.method, **_server(request.url)}
        with self.tracing.span(request.method, told) as span:
            carrier: dict[str, str] = {}
            _W3C.inject(carrier)
            names = {name.lower() for name in request.headers}
            extensions = {f"ce-{name}": value for name, value in carrier.items() if _EVENT in names}
            extensions = {name: value for name, value in extensions.items() if name not in names}
            response = self.http.send(replace(request, headers={**request.headers, **carrier, **extensions}))
            _answered(span, response.status, _WRONG)
            return response


@dataclass(frozen=True, slots=True)
class TracedMetrics:
    """Prometheus with a span around each query."""

    metrics: Metrics
    tracing: Tracing

    def query(self, server: MetricServer, promql: str) -> Sequence[Object]:
        """See Metrics."""
        with self.tracing.span(
            "query", {"db.system.name": "prometheus", "db.query.text": promql, **_server(server.address)}
        ):
            return self.metrics.query(server, promql)


def _answered(span: trace.Span, status: int, wrong: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= wrong:
        span.set_attribute("error.type", str(status))
        span.set_status(StatusCode.ERROR)


def _server(url: str) -> dict[str, str | int]:
    """Host and port: all of a URL that is surely no secret."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        return {}
    return {"server.address": parts.hostname or "", "server.port": port}


def _plain(value: object) -> str | int:
    return value if isinstance(value, str | int) else str(value)
