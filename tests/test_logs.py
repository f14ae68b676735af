"""Each record of the log is one line: JSON that machines can rely on, or text for people; and no line has a secret."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from handlers.answers import OTHER
from handlers.app import routed
from handlers.auth import Authenticator
from handlers.errors import Unavailable
from handlers.logs import JsonFormatter, fields, formatter, setup
from handlers.settings import Settings
from handlers.step.sweep import Subject, step_each
from handlers.wiring import Wiring
from tests.apps import NoReview
from tests.fakes import Died
from tests.lab import TICK, Lab, a_canary, at, new_lab

TOKEN = "a-token-of-the-tests"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is written by the JSON formatter."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter("json", terminal=True))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.removeHandler(handler)
    root.setLevel(before)


def lines(stream: io.StringIO, logger: str) -> list[dict[str, Any]]:
    """The lines of one logger, read as JSON."""
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in found if line["logger"] == logger]


def only(line: dict[str, Any]) -> dict[str, Any]:
    """A line without what differs from run to run."""
    return {name: value for name, value in line.items() if name not in {"time", "logger", "milliseconds"}}


def test_a_step_is_one_line(written: io.StringIO) -> None:
    """It says which canary, what for, about what, what was decided, and what that cost."""
    lab = at(new_lab(), "Progressing", 20)
    lab.kubelet.run()
    lab.clock.tick(10)
    lab.cluster.calls.clear()
    step_each(lab.world, [Subject(lab.ref)], TICK)
    (line,) = lines(written, "handlers.step.watched")
    assert only(line) == {
        "level": "INFO",
        "message": "shop/app tick: next step: advance from 20 to 40 % (Progressing, 40 %; "
        f"{len(lab.cluster.calls)} requests, 0 ms)",
        "namespace": "shop",
        "canary": "app",
        "cause": "tick",
        "event": "tick",
        "stage": "next step",
        "decision": "advance from 20 to 40 %",
        "phase": "Progressing",
        "revision": json.loads(lab.canary["metadata"]["annotations"]["serinus.dev/state"])["revision"],
        "weight": 40,
        "outcome": "stepped",
        "requests": len(lab.cluster.calls),
    }
    assert line["milliseconds"] == 0
    assert line["time"].endswith("+00:00")


def invalid() -> Lab:
    """A Canary that nobody can follow."""
    return new_lab(a_canary(analysis={"metrics": [{"name": "speed"}]}))


def unreachable() -> Lab:
    """An API server that does not answer."""
    lab = new_lab()
    lab.cluster.before = _refuse
    return lab


def _refuse(_verb: str, _path: str) -> None:
    raise Unavailable("the API server cannot be asked")


@pytest.mark.parametrize(
    ("make", "outcome", "error"),
    [(invalid, "invalid", "BadCanary"), (unreachable, "unavailable", "Unavailable")],
    ids=["not valid", "out of reach"],
)
def test_a_step_that_fails_is_one_line_too(
    written: io.StringIO, make: Callable[[], Lab], outcome: str, error: str
) -> None:
    """With the class of the error, as a warning, in words as the sender gets them."""
    lab = make()
    (failed,) = step_each(lab.world, [Subject(lab.ref)], TICK)
    (line,) = lines(written, "handlers.step.watched")
    assert (line["level"], line["outcome"], line["error"]) == ("WARNING", outcome, error)
    assert str(failed) in line["message"]
    assert {labels: sum(found.counts) for labels, found in lab.world.steps.all().items()} == {("tick", outcome): 1}


def test_what_nobody_raised_on_purpose_is_a_line(written: io.StringIO) -> None:
    """A step that died is counted and said; what it died of goes on."""
    lab = new_lab()

    def die(_verb: str, _path: str) -> None:
        raise Died("hunter2")

    lab.cluster.before = die
    with pytest.raises(Died):
        step_each(lab.world, [Subject(lab.ref)], TICK)
    (line,) = lines(written, "handlers.step.watched")
    assert (line["outcome"], line["error"], "hunter2" in line["message"]) == ("error", "Died", False)


def test_nothing_to_do_and_nobody_there(written: io.StringIO) -> None:
    """A look at a canary at rest, and at one that is gone, says that nothing was done."""
    lab = new_lab()
    lab.until("Initialized")
    step_each(lab.world, [Subject(lab.ref)], TICK)
    lab.api.call("DELETE", "/apis/flagger.app/v1beta1/namespaces/shop/canaries/app")
    step_each(lab.world, [Subject(lab.ref)], TICK)
    rest, gone = lines(written, "handlers.step.watched")
    assert (rest["stage"], rest["outcome"], gone["stage"], gone["outcome"]) == ("at rest", "nothing", "gone", "nothing")


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    """A client of an app that knows one sender."""
    (tmp_path / "cron").write_text(TOKEN)
    settings = Settings.from_env({"SERINUS_TOKENS_DIR": str(tmp_path)})
    lab = new_lab()
    return routed(settings, Wiring(lambda: lab.world), Authenticator(settings, NoReview(), lambda: 0.0)).test_client()


def test_a_request_is_one_line(written: io.StringIO, client: FlaskClient) -> None:
    """Method, path, status, time and sender; of the query and the headers nothing."""
    about = '{"name": "app", "namespace": "shop"}'
    headers = {"Authorization": f"Bearer {TOKEN}", "User-Agent": "hunter2"}
    assert client.post("/gate/open?ttl=1h&token=hunter2", data=about, headers=headers).status_code == 202
    (line,) = lines(written, "handlers.answers")
    assert only(line) == {
        "level": "INFO",
        "message": f"POST /gate/open: 202 ({line['milliseconds']} ms)",
        "method": "POST",
        "path": "/gate/open",
        "status": 202,
        "sender": "cron",
    }
    assert "hunter2" not in written.getvalue()
    assert TOKEN not in written.getvalue()


def test_a_refusal_is_one_line(written: io.StringIO, client: FlaskClient) -> None:
    """A warning with the reason that the sender got."""
    client.post("/", headers={"Authorization": "Bearer another-token-of-them"})
    (line,) = lines(written, "handlers.answers")
    assert (line["level"], line["status"], line["error"], "sender" in line) == ("WARNING", 401, "Unauthorized", False)
    assert "unknown token" in line["message"]
    assert "another-token" not in written.getvalue()


def test_probes_and_scrapes_leave_no_line(written: io.StringIO, client: FlaskClient) -> None:
    """They come every few seconds, for ever."""
    for path in ("/healthz/live", "/healthz/started", "/metrics"):
        assert client.get(path).status_code in (200, 503)
    assert [line["status"] for line in lines(written, "handlers.answers") if line["status"] == 200] == []


def test_an_error_of_ours_has_its_traceback_in_one_field(written: io.StringIO, client: FlaskClient) -> None:
    """Flask's own report of it is a line like any other."""

    def broken() -> str:
        raise ZeroDivisionError

    client.application.add_url_rule("/broken", "broken", broken)
    assert client.get("/broken").status_code == 500
    (report,) = lines(written, "handlers.app")
    assert report["level"] == "ERROR"
    assert report["traceback"].endswith("ZeroDivisionError")
    (line,) = lines(written, "handlers.answers")
    assert (line["level"], line["status"]) == ("WARNING", 500)


def test_paths_that_are_not_served_are_one_in_the_metrics(client: FlaskClient) -> None:
    """Who makes up paths makes up no time series."""
    for path in ("/a", "/b", "/c?d"):
        assert client.get(path).status_code == 404
    client.post("/metrics")
    text = client.get("/metrics").text
    assert f'serinus_http_request_duration_seconds_count{{path="{OTHER}",status="404"}} 3.0' in text
    assert f'serinus_http_request_duration_seconds_count{{path="{OTHER}",status="405"}} 1.0' in text


def record(message: str, **more: Any) -> logging.LogRecord:
    """A record as a logging call makes it."""
    made = logging.getLogger("tests").makeRecord("tests", logging.INFO, "", 0, message, (), None, extra=more)
    made.created = 0.5
    return made


@pytest.mark.parametrize(
    ("wanted", "terminal", "line"),
    [
        ("", False, '{"time":"1970-01-01T00:00:00.500+00:00","level":"INFO","logger":"tests","message":"a\\nb","n":1}'),
        ("json", True, None),
        ("", True, "INFO tests: a\\nb"),
        ("text", False, None),
    ],
    ids=["no terminal", "JSON all the same", "a terminal", "text all the same"],
)
def test_a_record_is_one_line(wanted: str, terminal: bool, line: str | None) -> None:
    """Whatever is in its message; the setting goes before what standard error is."""
    made = formatter(wanted, terminal=terminal).format(record("a\nb", **fields({"n": 1})))
    json_wanted = wanted == "json" or not (wanted or terminal)
    assert isinstance(formatter(wanted, terminal=terminal), JsonFormatter) is json_wanted
    assert made.endswith(line or "")
    assert len(made.splitlines()) == 1


@pytest.mark.parametrize("text", ["\ud800", "\u2028", "\x1b[31m", "\r", "→"])
def test_no_character_breaks_a_line(text: str) -> None:
    """Not even those that only some programs take for a line's end, or that cannot be encoded."""
    for wanted in ("json", "text"):
        made = formatter(wanted, terminal=False).format(record(text))
        assert len(made.splitlines()) == 1
        assert "\x1b" not in made
    assert json.loads(JsonFormatter().format(record(text)))["message"] == text


def test_set_up_changes_nothing_that_is_set_up() -> None:
    """gunicorn's own set-up, by `serving.py`, comes first and stays."""
    before = logging.getLogger().handlers[:]
    setup("json")
    assert logging.getLogger().handlers == before
    logging.captureWarnings(capture=False)
