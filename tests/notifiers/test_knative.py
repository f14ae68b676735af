"""A transition becomes a CloudEvent that Knative takes, and that is the same however often it is sent."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handlers.events import cloudevent
from handlers.events.event import CANARY_DUE, Event
from handlers.events.tick import Tick, tick
from handlers.notifiers.knative import Sink, due_post, event_post
from handlers.rollout.spec.alerts import Severity
from handlers.rollout.spec.canary import parse
from handlers.rollout.state import Kind, Message, Phase
from handlers.rollout.transition import Transition
from handlers.rollout.webhook import Post
from tests.lab import a_canary

AT = datetime(2026, 3, 4, 12, 0, 0, 250_000, tzinfo=UTC)
CHECK = {"metric": "request-success-rate", "value": 10.0, "min": 99.0, "outcome": "failed", "found": "10.00% < 99%"}


def posted(token: str = "", **extensions: str) -> Post:
    """What is posted for a rollback."""
    written = a_canary()
    canary = parse({**written, "metadata": {**written["metadata"], "uid": "u"}})
    transition = Transition(topic="failed", at=AT, weight=0, failed=3, severity=Severity.ERROR, checks=(CHECK,))
    text = "Failed checks threshold reached 3 \u2013 \xfcber"
    message = Message(kind=Kind.TRANSITION, text=text, phase=Phase.FAILED, id="7.n.2", revision="1-new")
    return event_post(Sink(url="http://broker.test/secret", extensions=extensions), canary, message, transition, token)


def read(post: Post) -> Event:
    """The event, as our own reader of CloudEvents understands it."""
    return cloudevent.read(post.headers, post.body)


def test_what_is_in_an_event() -> None:
    """Type, source, subject, time and a stable id as attributes; phase, weight, reason and checks as data."""
    event = read(posted())
    assert (event.type, event.id, event.subject) == ("dev.serinus.canary.failed", "u/7.n.2", "app")
    assert event.source == "/apis/flagger.app/v1beta1/namespaces/shop/canaries/app"
    assert (event.time, event.extensions) == (AT, {"partitionkey": "shop/app"})
    assert event.data == {
        "namespace": "shop",
        "name": "app",
        "phase": "Failed",
        "weight": 0,
        "failedChecks": 3,
        "revision": "1-new",
        "reason": "Failed checks threshold reached 3 \u2013 \xfcber",
        "severity": "error",
        "checks": [CHECK],
    }


def test_the_same_event_again() -> None:
    """A second delivery is the first one, byte by byte."""
    assert posted() == posted()


def test_extensions_of_the_binding() -> None:
    """A SinkBinding's overrides stand beside our attributes and replace none."""
    event = read(posted(team="shop"))
    assert (event.extensions, event.type) == ({"partitionkey": "shop/app", "team": "shop"}, "dev.serinus.canary.failed")


@pytest.mark.parametrize(("token", "expected"), [("", None), ("t", "Bearer t")])
def test_who_we_are(token: str, expected: Any) -> None:
    """The sink's OIDC token goes along where there is one, and neither it nor the address is printed."""
    post = posted(token)
    assert post.headers.get("Authorization") == expected
    assert "Bearer" not in repr(post)
    assert "secret" not in repr(Sink(url="http://broker.test/secret"))


def test_a_time_in_another_zone_is_the_same() -> None:
    """Times are told in UTC."""
    assert posted().headers["ce-time"] == (AT + timedelta()).isoformat().replace("+00:00", "Z")


def due(cause: str = "/ping 1", uid: str = "u", **extensions: str) -> Post:
    """What is posted for a canary that a tick has found due."""
    written = a_canary()
    listed = {**written, "metadata": {**written["metadata"], "uid": uid}}
    return due_post(Sink(url="http://broker.test", extensions=extensions), listed, cause, "t")


def test_a_canary_that_is_due() -> None:
    """It is an event that our own handler reads, kept in order with the others of its canary, sent as who we are."""
    event = read(due(team="shop"))
    assert (event.type, event.subject, event.time) == (CANARY_DUE, "app", None)
    assert event.source == "/apis/flagger.app/v1beta1/namespaces/shop/canaries/app"
    assert event.extensions == {"partitionkey": "shop/app", "team": "shop"}
    assert tick(event) == Tick("shop", "app")
    assert due().headers["Authorization"] == "Bearer t"


def test_a_tick_that_is_delivered_twice_makes_the_same_events() -> None:
    """The event is told by the tick and the canary, and by nothing else."""
    assert due() == due()
    assert read(due()).id == read(due(team="shop")).id
    assert len({read(post).id for post in (due(), due("/ping 2"), due(uid="another"))}) == 3
