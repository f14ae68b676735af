"""gunicorn as it serves in the image: a real process, its log, and how it ends."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from handlers import serving
from handlers.sandbox.api.server import Server as ApiServer
from handlers.sandbox.process import HOST, answers, free_port, wait_for
from tests.adapters import loopback
from tests.adapters.loopback import Answer, Serve
from tests.lab import Lab, a_canary, at, new_lab
from tests.manifests.files import ROOT

serve = pytest.fixture(loopback.serve)
PING = {"ce-id": "1", "ce-source": "/ping", "ce-type": "dev.knative.sources.ping", "ce-specversion": "1.0"}


@dataclass
class Served:
    """A gunicorn and where it listens and logs."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    def connection(self) -> HTTPConnection:
        """A new connection, not yet made."""
        return HTTPConnection(HOST, self.port, timeout=60)

    def post(self, path: str, headers: Mapping[str, str]) -> int:
        """The status that a POST gets."""
        connection = self.connection()
        connection.request("POST", path, headers=dict(headers))
        status = connection.getresponse().status
        connection.close()
        return status

    def lines(self) -> list[dict[str, Any]]:
        """The log: every line of it is JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def refuses(self) -> bool:
        """Whether nobody gets in any more."""
        try:
            self.connection().connect()
        except ConnectionRefusedError:
            return True
        return False


Start = Callable[..., Served]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start gunicorn with the settings of the image and wait until a path answers 200."""
    with ExitStack() as stack:

        def started(app: str, path: str, **environ: str) -> Served:
            port, log = free_port(), tmp_path / "log"
            command = [
                sys.executable,
                "-m",
                "gunicorn",
                "-c",
                "python:handlers.serving",
                f"handlers.{app}:create_app()",
            ]
            ours = {name: value for name, value in os.environ.items() if not name.startswith(("SERINUS_", "OTEL_"))}
            output = stack.enter_context(log.open("wb"))
            process = subprocess.Popen(  # noqa: S603  ours
                command,
                cwd=ROOT,
                stdout=output,
                stderr=output,
                env={**ours, "PORT": str(port), "SERINUS_NO_AUTH": "true", **environ},
            )
            stack.callback(process.wait, 60)
            stack.callback(process.kill)
            # on all addresses, as in a container
            wait_for(lambda: process.poll() is not None or answers(f"http://{HOST}:{port}{path}"), log.read_text(), 30)
            assert process.poll() is None, log.read_text()
            return Served(process, port, log)

        yield started


def in_the_middle(url: str) -> Lab:
    """A canary that is due, an hour ago by the real clock, with a webhook to ask."""
    hook = {"name": "slow", "type": "rollout", "url": url, "timeout": "20s"}
    lab = new_lab(a_canary(analysis={"metrics": [], "webhooks": [hook]}))
    lab.clock.moment = datetime.now(UTC) - timedelta(hours=1)  # noqa: TID251  the process under test reads the real one
    return at(lab, "Progressing", 20)


def test_a_step_in_hand_is_finished(start: Start, serve: Serve, tmp_path: Path) -> None:
    """After SIGTERM nobody gets in, what is under way is asked, routed, committed and answered, and the status is 0."""
    go_on = Event()

    def slow(_: object) -> Answer:
        assert go_on.wait(30)
        return Answer()

    hooks = serve(slow)
    lab = in_the_middle(f"{hooks.url}/slow")
    with ApiServer(lab.api) as api, ThreadPoolExecutor(1) as pool:
        kubeconfig = str(api.write_kubeconfig(tmp_path / "kubeconfig"))
        served = start("app", "/healthz/ready", KUBECONFIG=kubeconfig)
        idle = served.connection()
        idle.request("GET", "/healthz/live")
        assert idle.getresponse().read() == b"ok\n"
        tick = pool.submit(served.post, "/?token=hunter2", PING)
        wait_for(lambda: bool(hooks.asked), "the webhook is asked", 30)
        served.process.terminate()
        wait_for(served.refuses, "new connections are refused", 30)
        assert not tick.done()
        go_on.set()
        assert tick.result(20) == 204
        assert served.process.wait(serving.graceful_timeout) == 0
    assert lab.weights == (60, 40)
    state = json.loads(lab.canary["metadata"]["annotations"]["serinus.dev/state"])
    assert (state["weight"], state.get("claim")) == (40, None)
    lines = served.lines()
    (step,) = [line for line in lines if line["logger"] == "handlers.step.watched"]
    assert (step["decision"], step["outcome"]) == ("advance from 20 to 40 %", "stepped")
    assert {"gunicorn.error", "handlers.answers"} <= {line["logger"] for line in lines}
    assert "hunter2" not in served.log.read_text()


def test_the_load_tester_logs_alike(start: Start) -> None:
    """Its lines are JSON too, and it ends at once when there is nothing to do."""
    served = start("loadtest", "/healthz")
    assert served.post("/", {}) == 400
    served.process.terminate()
    assert served.process.wait(serving.graceful_timeout) == 0
    (line,) = [line for line in served.lines() if line["logger"] == "handlers.answers"]
    assert (line["path"], line["status"], line["sender"]) == ("/", 400, "anonymous")


def test_a_mistake_in_the_settings_is_said_in_the_same_form(start: Start) -> None:
    """The process ends, and its last lines say why."""
    with pytest.raises(AssertionError, match="SERINUS_SELECTOR_LABEL: no such setting"):
        start("app", "/healthz/live", SERINUS_SELECTOR_LABEL="app")


def test_spans_reach_a_collector(start: Start, serve: Serve, tmp_path: Path) -> None:
    """A process with OpenTelemetry's variables sends its spans as OTLP, those of its last moments too."""
    collector = serve(lambda _: Answer())
    lab = in_the_middle("http://127.0.0.1:9/nobody")
    with ApiServer(lab.api) as api:
        kubeconfig = str(api.write_kubeconfig(tmp_path / "kubeconfig"))
        attributes = "deployment.environment.name=test"
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_RESOURCE_ATTRIBUTES": attributes}
        served = start("app", "/healthz/ready", KUBECONFIG=kubeconfig, **environ)
        assert served.post("/", PING) == 204
        served.process.terminate()
        assert served.process.wait(serving.graceful_timeout) == 0
    sent = [request for request in collector.asked if request.path == "/v1/traces"]
    found = [
        resource for request in sent for resource in ExportTraceServiceRequest.FromString(request.body).resource_spans
    ]
    resource = {item.key: item.value.string_value for item in found[0].resource.attributes}
    assert resource["service.name"] == "serinus"
    assert resource["deployment.environment.name"] == "test"
    spans = {span.name: span for resource in found for scope in resource.scope_spans for span in scope.spans}
    assert spans["step"].trace_id == spans["POST /"].trace_id == spans["patch canaries"].trace_id
    assert spans["get virtualservices"].parent_span_id == spans["step"].span_id  # made in another thread
    (step,) = [line for line in served.lines() if line["logger"] == "handlers.step.watched"]
    assert (step["trace_id"], step["span_id"]) == (spans["step"].trace_id.hex(), spans["step"].span_id.hex())


def test_a_collector_that_is_down_holds_nobody(start: Start, tmp_path: Path) -> None:
    """Requests are answered and the process ends in time; that spans are lost is in the log."""
    lab = new_lab()
    with ApiServer(lab.api) as api:
        kubeconfig = str(api.write_kubeconfig(tmp_path / "kubeconfig"))
        # seconds for which an export is tried, 10 by default
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
        served = start("app", "/healthz/ready", KUBECONFIG=kubeconfig, **environ)
        assert served.post("/", PING) == 204
        served.process.terminate()
        assert served.process.wait(serving.graceful_timeout) == 0
    assert [line for line in served.lines() if line["logger"].startswith("opentelemetry.")]
