"""Slack gets what Slack understands."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from handlers.notifiers.slack import post, refusal, serves
from handlers.rollout.spec.analysis import Hook, Webhook
from handlers.rollout.state import Phase
from handlers.rollout.webhook import Notice, Subject

SUBJECT = Subject(name="podinfo", namespace="test", phase=Phase.FAILED, checksum="x")
INCOMING = "https://hooks.slack.com/services/T0/B0/x"
WORKFLOW = "https://hooks.slack.com/workflows/T0/A0/1/x"


def sent(url: str, metadata: Mapping[str, str], *, text: str = "Rolled back", kind: str = "Warning") -> dict[str, Any]:
    """What is posted."""
    hook = Webhook(type=Hook.EVENT, name="slack", url=url, metadata=metadata)
    call = post(hook, SUBJECT, Notice(text=text, type=kind, at=datetime(2026, 1, 1, tzinfo=UTC)))
    assert call.headers == {"Content-Type": "application/json"}
    body: dict[str, Any] = json.loads(call.body)
    return body


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (INCOMING, True),
        (WORKFLOW, True),
        ("https://hooks.slack.com/triggers/T0/1/x", True),
        ("https://hooks.slack-gov.com/services/T0/B0/x", True),
        ("http://hooks.slack.com/services/T0/B0/x", False),
        ("https://hooks.slack.com/", False),
        ("https://hooks.slack.com.example.org/services/T0/B0/x", False),
        ("https://example.org/services/hooks.slack.com", False),
    ],
)
def test_which_urls_are_slacks(url: str, expected: bool) -> None:
    """Only Slack's own hosts and paths are taken for Slack."""
    assert serves(url) is expected


def test_a_message_has_its_context() -> None:
    """The message says of which canary it is, where, in which phase, and of what type."""
    assert sent(INCOMING, {})["attachments"] == [
        {
            "color": "danger",
            "author_name": "podinfo.test",
            "fallback": "podinfo.test: Rolled back",
            "text": "Rolled back",
            "mrkdwn_in": ["text"],
            "fields": [
                {"title": "Canary", "value": "podinfo", "short": True},
                {"title": "Namespace", "value": "test", "short": True},
                {"title": "Phase", "value": "Failed", "short": True},
                {"title": "Type", "value": "Warning", "short": True},
            ],
        }
    ]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, {}),
        ({"channel": "#ops", "username": "bird"}, {"channel": "#ops", "username": "bird"}),
        ({"user": "bird", "other": "x"}, {"username": "bird"}),
        ({"icon_emoji": ":bird:", "channel": ""}, {"icon_emoji": ":bird:"}),
    ],
)
def test_metadata_says_where_and_as_whom(metadata: Mapping[str, str], expected: Mapping[str, str]) -> None:
    """Channel, user and icon come from the webhook's metadata, or are left to Slack."""
    message = sent(INCOMING, metadata)
    del message["attachments"]
    assert message == expected


def test_good_news_are_green() -> None:
    """Only warnings are red."""
    assert sent(INCOMING, {}, kind="Normal")["attachments"][0]["color"] == "good"


def test_what_slack_reads_as_markup_is_escaped() -> None:
    """A message cannot mention everybody or hide a link."""
    assert sent(INCOMING, {}, text="<!channel> a & b")["attachments"][0]["text"] == "&lt;!channel&gt; a &amp; b"


def test_a_workflow_gets_a_flat_object() -> None:
    """Workflows take texts by name, nothing nested."""
    assert sent(WORKFLOW, {"channel": "#ops"}) == {
        "text": "Rolled back",
        "canary": "podinfo",
        "namespace": "test",
        "phase": "Failed",
        "type": "Warning",
    }


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (b"ok", ""),
        (b'{"ok": true}', ""),
        (b"[]", ""),
        (b'{"ok": false, "error": "invalid_auth"}', "invalid_auth"),
        (b'{"ok": false, "error": "<script>"}', "refused"),
        (b'{"ok": false}', "refused"),
    ],
)
def test_slacks_api_refuses_with_200(answer: bytes, word: str) -> None:
    """Whether Slack's API took a message stands in its answer; of which only a plain word is told."""
    assert refusal(answer) == word
