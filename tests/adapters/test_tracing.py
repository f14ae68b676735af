"""Requests, steps and outgoing calls are spans of one trace, from the sender's to the webhooks'."""

import json
import logging
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from handlers.adapters.tracing import with_ids
from handlers.errors import Conflict, Unavailable
from handlers.logs import JsonFormatter
from handlers.notifiers.knative import Sink
from handlers.providers.prometheus import MetricServer
from handlers.rollout.objects import CANARY, CONFIG_MAP, Ref
from handlers.step.ports import Request, Response
from tests.adapters.spans import PARENT, SPAN, TRACE, Spans, id_of, linked, parent_of, trace_of
from tests.lab import Lab, a_canary, at, new_lab
from tests.manifests.files import ROOT

EVENT_TRACE, EVENT_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
EVENT_PARENT = f"00-{EVENT_TRACE}-{EVENT_SPAN}-01"
PING = {"ce-id": "1", "ce-source": "/ping", "ce-type": "dev.knative.sources.ping", "ce-specversion": "1.0"}
HOOK = "http://hook.test:81/secret?token=hunter2"


@pytest.fixture
def spans() -> Spans:
    """None yet."""
    return Spans()


@pytest.fixture
def lab() -> Lab:
    """A canary that is due, with a webhook and a metric to ask and a sink to tell."""
    hook = {"name": "smoke", "type": "rollout", "url": HOOK}
    lab = at(new_lab(a_canary(analysis={"webhooks": [hook], "maxWeight": 40})), "Progressing", 20)
    lab.world = replace(lab.world, config=replace(lab.world.config, sink=Sink(url="http://sink.test/path")))
    lab.clock.tick(10)
    lab.webhooks.asked.clear()
    return lab


def test_a_tick_is_one_trace(spans: Spans, lab: Lab) -> None:
    """Request, event, step, and each call under the step, whose line in the log is in its attributes."""
    assert spans.client(lab).post("/", headers={**PING, "traceparent": PARENT}).status_code == 204
    request, event, step = spans.one("POST /"), spans.one("process dev.knative.sources.ping"), spans.one("step")
    assert {trace_of(span) for span in spans.all()} == {TRACE}
    assert (parent_of(request), parent_of(event), parent_of(step)) == (SPAN, id_of(request), id_of(event))
    assert request.kind is SpanKind.SERVER
    assert dict(request.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/",
        "url.path": "/",
        "http.response.status_code": 204,
    }
    assert (step.attributes or {})["serinus.decision"] == "advance from 20 to 40 %"
    under = [span for span in spans.all() if parent_of(span) == id_of(step)]
    assert {span.name for span in under} >= {
        "get deployments",
        "patch canaries",
        "patch virtualservices",
        "query",
        "POST",
    }
    calls = [span for span in under if span.name.split()[0] in {"get", "patch", "create"}]
    assert len(calls) == (step.attributes or {})["serinus.requests"]


def test_webhooks_get_the_trace_and_the_url_stays_a_secret(spans: Spans, lab: Lab) -> None:
    """`traceparent` names the span of the call; of the URL host and port are told."""
    spans.client(lab).post("/", headers=PING)
    (asked,) = [request for request in lab.webhooks.asked if request.url == HOOK]
    (call,) = [span for span in spans.all() if (span.attributes or {}).get("server.address") == "hook.test"]
    assert asked.headers["traceparent"].startswith(f"00-{trace_of(call)}-{id_of(call)}-")
    assert asked.headers["Idempotency-Key"]
    assert (call.kind, (call.attributes or {})["server.port"]) == (SpanKind.CLIENT, 81)
    assert "hunter2" not in spans.told()


def test_cloud_events_get_it_as_an_extension(spans: Spans, lab: Lab) -> None:
    """CloudEvents' distributed tracing: each event says in which trace it was made, wherever a broker takes it."""
    lab.until("Promoting")
    lab.webhooks.asked.clear()
    lab.kubelet.run()
    lab.clock.tick(10)
    client = spans.client(lab)
    client.post("/", headers=PING)
    (sent,) = [request for request in lab.webhooks.asked if request.url == "http://sink.test/path"]
    assert sent.headers["ce-traceparent"] == sent.headers["traceparent"] != ""


def test_an_extension_that_is_there_stays(spans: Spans, lab: Lab) -> None:
    """`K_CE_OVERRIDES` goes before."""
    world = spans.tracing.world(lab.world)
    headers = {"Ce-Specversion": "1.0", "ce-traceparent": EVENT_PARENT}
    world.http.send(Request(method="POST", url="http://hook.test/", headers=headers))
    assert lab.webhooks.asked[-1].headers["ce-traceparent"] == EVENT_PARENT


STRUCTURED = json.dumps(
    {"specversion": "1.0", "id": "1", "source": "/cron", "type": "dev.serinus.tick", "traceparent": EVENT_PARENT}
)


@pytest.mark.parametrize(
    ("headers", "body", "name"),
    [
        ({**PING, "ce-traceparent": EVENT_PARENT}, "", "process dev.knative.sources.ping"),
        ({"Content-Type": "application/cloudevents+json"}, STRUCTURED, "process dev.serinus.tick"),
    ],
    ids=["binary", "structured"],
)
def test_the_trace_of_an_event_goes_on(
    spans: Spans, lab: Lab, headers: Mapping[str, str], body: str, name: str
) -> None:
    """A request without a trace of its own: what it leads to belongs to the event's, and is linked with the request."""
    spans.client(lab).post("/", headers=dict(headers), data=body)
    request, event = spans.one("POST /"), spans.one(name)
    assert (trace_of(event), parent_of(event), linked(event)) == (EVENT_TRACE, EVENT_SPAN, [id_of(request)])
    assert trace_of(spans.one("step")) == EVENT_TRACE
    assert trace_of(request) != EVENT_TRACE


def test_the_trace_of_the_request_goes_before(spans: Spans, lab: Lab) -> None:
    """With a trace in both, all stays in that of the request, and the event's is linked."""
    spans.client(lab).post("/", headers={**PING, "traceparent": PARENT, "ce-traceparent": EVENT_PARENT})
    event = spans.one("process dev.knative.sources.ping")
    assert (trace_of(event), linked(event)) == (TRACE, [EVENT_SPAN])


@pytest.mark.parametrize("header", ["", "nonsense", f"00-{'0' * 32}-{SPAN}-01", f"ff-{TRACE}-{SPAN}-01"])
def test_a_broken_header_begins_a_new_trace(spans: Spans, lab: Lab, header: str) -> None:
    """Whatever somebody sends, the request is answered."""
    assert spans.client(lab).post("/", headers={**PING, "traceparent": header}).status_code == 204
    assert (parent_of(spans.one("POST /")), trace_of(spans.one("POST /")) == TRACE) == ("", False)


def test_probes_scrapes_and_other_paths_are_no_spans(spans: Spans, lab: Lab) -> None:
    """Nobody fills a store of traces by asking for what is not there."""
    client = spans.client(lab)
    for path in ("/healthz/live", "/healthz/ready", "/metrics", "/wp-admin"):
        client.get(path)
    assert ("list", "/apis/flagger.app/v1beta1/canaries") in lab.cluster.calls
    assert spans.all() == []


def test_what_goes_wrong_is_told(spans: Spans, lab: Lab) -> None:
    """A refused call, a webhook that says no, a request that is a 503: errors with their class, in words of ours."""
    lab.webhooks.answers = {HOOK: [403]}
    spans.client(lab).post("/", headers=PING)
    (call,) = [span for span in spans.all() if (span.attributes or {}).get("server.address") == "hook.test"]
    assert (call.status.status_code, (call.attributes or {})["error.type"]) == (StatusCode.ERROR, "403")
    spans.exporter.clear()

    def refuse(_verb: str, _path: str) -> None:
        raise Unavailable("the API server cannot be asked")

    lab.cluster.before = refuse
    spans.client(lab).post("/", headers=PING)
    listed, request = spans.one("list canaries"), spans.one("POST /")
    assert (listed.status.status_code, listed.status.description) == (
        StatusCode.ERROR,
        "the API server cannot be asked",
    )
    assert (listed.attributes or {})["error.type"] == "Unavailable"
    assert (request.status.status_code, (request.attributes or {})["error.type"]) == (StatusCode.ERROR, "503")


def test_an_error_that_is_not_ours_is_told_by_its_class(spans: Spans, lab: Lab) -> None:
    """What is in its text nobody knows."""

    def broken(_verb: str, _path: str) -> None:
        raise ValueError("hunter2")

    lab.cluster.before = broken
    world = spans.tracing.world(lab.world)
    with spans.tracing.step("test", {}), pytest.raises(ValueError, match="hunter2"):
        world.cluster.get(Ref(CANARY, "shop", "app"))
    assert "hunter2" not in spans.told()
    assert (spans.one("get canaries").attributes or {})["error.type"] == "ValueError"


def test_all_of_the_ports_are_there(spans: Spans, lab: Lab) -> None:
    """Each call does what it did, and is a span by the verb of a role; conflicts go through."""
    world = spans.tracing.world(lab.world)
    ref = Ref(CANARY, "shop", "app")
    with spans.tracing.step("test", {}):
        assert len(world.cluster.list(CANARY)) == len(world.cluster.list_metadata(CANARY, "shop")) == 1
        assert world.cluster.patch_status(ref, {"status": {}})
        made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "made"}}
        assert world.cluster.create(Ref(CONFIG_MAP, "shop", "made"), made)
        with pytest.raises(Conflict):
            world.cluster.patch(ref, {"metadata": {"labels": {"a": "b"}}}, "1")
        assert world.metrics.query(MetricServer(address="no URL"), "vector(1)")
        assert world.http.send(Request(method="GET", url="http://[broken")) == Response(status=200)
    names = [
        "list canaries",
        "list canaries",
        "patch canaries",
        "create configmaps",
        "patch canaries",
        "query",
        "GET",
        "test",
    ]
    assert [span.name for span in spans.all()] == names


def test_lines_of_the_log_name_the_span(spans: Spans) -> None:
    """A line that is written in a span has its ids, and another has none."""

    def line() -> dict[str, Any]:
        made = with_ids(logging.makeLogRecord({"msg": "hello"}))
        found: dict[str, Any] = json.loads(JsonFormatter().format(made))
        return found

    with spans.tracing.step("step", {}):
        inside = line()
    assert (inside["trace_id"], inside["span_id"]) == (trace_of(spans.one("step")), id_of(spans.one("step")))
    assert "trace_id" not in line()


def test_nothing_is_loaded_unasked() -> None:
    """An app that is not traced has imported nothing of OpenTelemetry."""
    code = (
        "import sys, threading; from handlers.app import create_app; create_app({'SERINUS_NO_AUTH': 'true'});"
        "[thread.join() for thread in threading.enumerate() if thread.name == 'wiring'];"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False)  # noqa: S603  ours
    assert done.returncode == 0
