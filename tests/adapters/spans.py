"""The spans of an app around a lab."""

from flask.testing import FlaskClient
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import format_span_id, format_trace_id

from handlers import answers
from handlers.adapters.tracing import Tracing
from handlers.app import routed
from handlers.auth import Authenticator, Review
from handlers.settings import Settings
from handlers.wiring import Wiring
from tests.lab import Lab

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


class Somebody:
    """A token that the API server knows as nobody's."""

    def review(self, token: str) -> Review:
        """Refuse."""
        return Review(authenticated=not token)


class Spans:
    """The spans of one app, and its ports."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracing = Tracing(provider)

    def client(self, lab: Lab) -> FlaskClient:
        """An app around a lab, traced."""
        settings = Settings.from_env({"SERINUS_NO_AUTH": "true"})
        authenticator = Authenticator(settings, Somebody(), lambda: 0.0)
        wiring = Wiring(lambda: self.tracing.world(lab.world))
        return answers.traced(routed(settings, wiring, authenticator), self.tracing).test_client()

    def all(self) -> list[ReadableSpan]:
        """What has ended so far."""
        return list(self.exporter.get_finished_spans())

    def one(self, name: str) -> ReadableSpan:
        """The only span of a name."""
        (found,) = [span for span in self.all() if span.name == name]
        return found

    def told(self) -> str:
        """All that leaves the process."""
        return "".join(span.to_json() for span in self.all())


def trace_of(span: ReadableSpan) -> str:
    """The id of its trace."""
    assert span.context
    return format_trace_id(span.context.trace_id)


def parent_of(span: ReadableSpan) -> str:
    """The id of its parent, or nothing."""
    return format_span_id(span.parent.span_id) if span.parent else ""


def id_of(span: ReadableSpan) -> str:
    """Its own."""
    assert span.context
    return format_span_id(span.context.span_id)


def linked(span: ReadableSpan) -> list[str]:
    """The spans that it is linked with."""
    return [format_span_id(link.context.span_id) for link in span.links]
