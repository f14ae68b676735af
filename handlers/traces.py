"""Whether this process sends traces: OpenTelemetry's own variables say so, and only then is it loaded.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ says what they mean. Those that are
about more than whether are read by its SDK. What is wrong with them is logged and stops nothing: they are often set
from outside, for all that runs in a cluster.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Final, Protocol
from wsgiref.types import WSGIApplication

from handlers.step.ports import World

log = logging.getLogger(__name__)

HTTP: Final = "http/protobuf"
EXPORTERS: Final = ("otlp", "console")
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


class Tracing(Protocol):
    """Makes spans of requests, of steps and of all that is asked for them."""

    def app(self, wsgi: WSGIApplication, served: Collection[str]) -> WSGIApplication:
        """A WSGI app with a span around each request for one of these paths."""
        ...

    def world(self, world: World) -> World:
        """The ports with a span around each call."""
        ...


def tracing(environ: Mapping[str, str]) -> Tracing | None:
    """What traces this process, or None. The variables have to be those of the process: the SDK reads them there."""
    names = exporters(environ)
    if not names:
        return None
    try:
        from handlers.adapters.tracing import connect  # noqa: PLC0415  nobody pays for it who has not asked for it
    except ImportError as error:
        log.warning("no traces: OpenTelemetry's variables are set, but %s: pip install 'serinus[otel]'", error)
        return None
    return connect(names)


def world(found: World, tracing: Tracing | None) -> World:
    """The ports, traced if anything is."""
    return tracing.world(found) if tracing else found


def exporters(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Where traces go: `otlp`, `console`, both or nowhere. An endpoint alone is enough."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ()
    default = "otlp" if _first(environ, _ENDPOINTS) else "none"
    text = environ.get("OTEL_TRACES_EXPORTER", "").strip() or default
    names = tuple(name for part in text.split(",") if (name := part.strip()) not in ("", "none"))
    for name in names:
        if name not in EXPORTERS:
            log.warning("no traces: OTEL_TRACES_EXPORTER: %r, expected otlp, console or none", name)
            return ()
    protocol = _first(environ, _PROTOCOLS) or HTTP
    if "otlp" in names and protocol != HTTP:
        log.warning("no traces: OTEL_EXPORTER_OTLP_PROTOCOL: %r, expected %s (port 4318)", protocol, HTTP)
        return ()
    return names


def _first(environ: Mapping[str, str], names: Iterable[str]) -> str:
    return next((value for name in names if (value := environ.get(name, "").strip())), "")
