"""Flagger's webhooks: the payload as Go writes it, and what answers mean."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.rollout.spec.analysis import Hook, Webhook
from handlers.rollout.state import Phase
from handlers.rollout.webhook import (
    Answer,
    Judgement,
    Notice,
    Subject,
    check_post,
    event_post,
    excerpt,
    idempotency_key,
    judge,
)

SUBJECT = Subject(name="podinfo", namespace="test", phase=Phase.PROGRESSING, checksum="85d557f47b")
NOTICE = Notice(text="Advance podinfo.test", type="Normal", at=datetime(2026, 1, 2, 3, 4, 5, 678900, UTC))
ASYNC = {"preference-applied": "respond-async"}


def hook(kind: Hook = Hook.ROLLOUT, **changes: Any) -> Webhook:
    """A webhook of this type."""
    return Webhook(**{"type": kind, "name": "load", "url": "http://tester/", **changes})


def test_payload_is_flaggers_byte_by_byte() -> None:
    """Fields in Go's order, metadata's keys sorted, no spaces.

    Flagger's TestCallWebhook.
    """
    post = check_post(hook(metadata={"type": "cmd", "cmd": "hey ü"}), SUBJECT, "k")
    assert post.body.decode() == (
        '{"name":"podinfo","namespace":"test","phase":"Progressing","checksum":"85d557f47b",'
        '"metadata":{"cmd":"hey ü","type":"cmd"}}'
    )


def test_empty_metadata_is_left_out() -> None:
    """Go's omitempty leaves an empty map out."""
    assert "metadata" not in json.loads(check_post(hook(), SUBJECT, "k").body)


@pytest.mark.parametrize("kind", list(Hook))
def test_whoever_is_asked_may_answer_later(kind: Hook) -> None:
    """All but those that are only told are offered to answer later; every call has its key."""
    headers = check_post(hook(kind), SUBJECT, "uid/rev/3/load").headers
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == "uid/rev/3/load"
    assert ("Prefer" in headers) == (kind not in (Hook.EVENT, Hook.POST_ROLLOUT))


def test_an_event_tells_what_happened() -> None:
    """An event adds message, type and time to the hook's metadata, which cannot replace them.

    Flagger's TestCallEventWebhook.
    """
    event = hook(Hook.EVENT, metadata={"eventType": "mine", "team": "a"})
    post = event_post(event, SUBJECT, "k", NOTICE)
    assert json.loads(post.body)["metadata"] == {
        "eventMessage": "Advance podinfo.test",
        "eventType": "Normal",
        "team": "a",
        "timestamp": "1767323045678",
    }
    assert post.headers == {"Content-Type": "application/json", "Idempotency-Key": "k"}


@given(st.text())
def test_keys_are_headers(name: str) -> None:
    """Whatever a hook is called, its key is printable ASCII without spaces."""
    key = idempotency_key("uid", "rev", 7, name.encode("utf-8", "replace").decode())
    assert key.startswith("uid/rev/7/")
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_any_text_can_be_sent(message: str, metadata: dict[str, str]) -> None:
    """The payload is JSON in UTF-8 whatever the texts hold."""
    post = event_post(hook(Hook.EVENT, metadata=metadata), SUBJECT, "k", Notice(text=message, type="x", at=NOTICE.at))
    assert json.loads(post.body.decode())["name"] == "podinfo"


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        pytest.param(200, {}, b"ok", Judgement(Answer.YES), id="200"),
        pytest.param(202, {}, b"", Judgement(Answer.YES), id="202 alone is a yes, as for Flagger"),
        pytest.param(204, {}, b"", Judgement(Answer.YES), id="204, which Flagger takes for a no"),
        pytest.param(200, ASYNC, b"", Judgement(Answer.YES), id="200 is final"),
        pytest.param(202, ASYNC, b"half way", Judgement(Answer.NOT_YET, "half way"), id="still at it"),
        pytest.param(
            202,
            {"preference-applied": "wait=5, Respond-Async; x=y"},
            b"",
            Judgement(Answer.NOT_YET, "is still at it"),
            id="among other preferences",
        ),
        pytest.param(202, {"preference-applied": "wait=5"}, b"", Judgement(Answer.YES), id="another preference"),
        pytest.param(307, {}, b"", Judgement(Answer.NO, "307"), id="a redirect is no answer"),
        pytest.param(403, {}, b"gate\n closed", Judgement(Answer.NO, "403: gate closed"), id="no"),
        pytest.param(500, {}, b"x" * 999, Judgement(Answer.NO, "500: " + "x" * 256), id="a long no is cut"),
    ],
)
def test_answers(status: int, headers: Mapping[str, str], body: bytes, expected: Judgement) -> None:
    """Any 2xx is a yes but for the one that asks for patience; a no has a reason.

    Flagger's TestCallWebhook_StatusCode.
    """
    assert judge(status, headers, body) == expected


@given(st.binary())
def test_an_excerpt_is_one_short_line(body: bytes) -> None:
    """Whatever was answered, it can stand in a log line."""
    text = excerpt(body)
    assert len(text) <= 256
    assert text.isprintable()
