"""The load tester's own load keeps its rate, is counted, and ends."""

import json
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

from handlers.load.generator import Report, send
from handlers.load.task import Load, read
from tests.adapters import loopback
from tests.adapters.loopback import Answer, Serve
from tests.test_loadtest import ABOUT, runner_timeout

serve = pytest.fixture(loopback.serve)


def a_load(url: str, **changes: str) -> Load:
    """A load test as a webhook asks for it."""
    told = {"type": "load", "url": url, "rate": "2000", "connections": "3", "duration": "300ms", **changes}
    found = read(read_call(told), runner_timeout()).load
    assert found
    return found


def read_call(metadata: dict[str, str]) -> Any:
    """The payload with this metadata."""
    from handlers.events.hook import read as read_hook  # noqa: PLC0415  two functions of one name

    return read_hook(json.dumps({**ABOUT, "metadata": metadata}).encode())


def test_load_is_sent_and_counted(serve: Serve) -> None:
    """Requests go to the URL, with the host that is asked for, over kept connections; each answer is counted."""
    server = serve(lambda asked: Answer(status=200 if "good" in asked.path else 503))
    good = send(a_load(f"{server.url}/good?a=b", host="app.shop"), Event())
    bad = send(a_load(f"{server.url}/bad", method="POST"), Event())
    assert good.counts.total() == good.counts["200"] > 0
    assert bad.counts.total() == bad.counts["503"] > 0
    assert str(good).startswith(f"{good.counts['200']} requests: {good.counts['200']} x 200; slowest ")


def test_nobody_there_is_an_error_that_is_counted() -> None:
    """A connection that is refused ends nothing."""
    report = send(a_load("http://127.0.0.1:1/", rate="100"), Event())
    assert report.counts.total() == report.counts["error"] > 0


def test_the_rate_is_kept(serve: Serve) -> None:
    """At ten requests a second over three connections there are no more than that; time is the test's."""
    moments = iter(number / 100 for number in range(10**6))
    clock: Callable[[], float] = lambda: next(moments)  # noqa: E731  time that goes on with each look
    server = serve(lambda _: Answer())
    report = send(a_load(server.url, rate="10", connections="1", duration="2s"), _Hasty(), clock)
    assert 15 <= report.counts.total() <= 20


class _Hasty(Event):
    """Nobody has to wait."""

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        return False


def test_no_request_is_a_report_too() -> None:
    """A load test that was stopped before it began says so."""
    stop = Event()
    stop.set()
    assert str(send(a_load("http://127.0.0.1:1/"), stop)) == "0 requests: none; slowest 0 ms"
    assert Report.__doc__
