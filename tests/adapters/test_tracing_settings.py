"""OpenTelemetry's own variables say whether there are spans; what cannot be done is said."""

import sys

import pytest

from handlers.traces import exporters, tracing

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, ()),
        (ENDPOINT, ("otlp",)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, ("otlp",)),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ("otlp",)),
        ({"OTEL_TRACES_EXPORTER": "otlp, console"}, ("otlp", "console")),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, ()),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "TRUE"}, ()),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "false"}, ("otlp",)),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, ("otlp",)),
        ({"OTEL_TRACES_EXPORTER": "console", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ("console",)),
    ],
    ids=" ".join,
)
def test_the_variables_decide(environ: dict[str, str], wanted: tuple[str, ...]) -> None:
    """As OpenTelemetry says of them, but that nothing is sent unless one asks for it."""
    assert exporters(environ) == wanted


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER: 'zipkin', expected otlp"),
        (
            {**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', expected http/protobuf",
        ),
    ],
    ids=["exporter", "protocol"],
)
def test_what_cannot_be_done_is_said(environ: dict[str, str], said: str, caplog: pytest.LogCaptureFixture) -> None:
    """Once, as a warning, and the process starts without traces."""
    assert tracing(environ) is None
    assert said in caplog.text


@pytest.fixture
def without_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the extra."""
    monkeypatch.delitem(sys.modules, "handlers.adapters.tracing", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)


@pytest.mark.usefixtures("without_sdk")
def test_a_missing_extra_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """Who has set the variables learns what to install."""
    assert tracing(ENDPOINT) is None
    assert "pip install 'serinus[otel]'" in caplog.text
