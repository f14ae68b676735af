"""Each messenger gets Flagger's layout of a message: what it says, of which canary, and the facts beside it."""

import json
from typing import Any

import pytest

from handlers.notifiers import NOTIFIERS
from handlers.rollout.alerting import Alert, Fact
from handlers.rollout.spec.alerts import Provider, Severity
from handlers.rollout.webhook import Post

FACTS = (Fact("name1", "value1"), Fact("name2", "50.00% < 99%"))


def posted(kind: str, severity: str = "info", address: str = "https://hooks.test/x", **provider: Any) -> Post:
    """What is posted to a messenger."""
    alert = Alert(workload="podinfo", namespace="test", text="a < b", severity=Severity(severity), facts=FACTS)
    return NOTIFIERS[kind](Provider(type=kind, address=address, **provider), alert)


def body(post: Post) -> Any:
    """What it holds."""
    assert post.headers["Content-Type"] == "application/json"
    return json.loads(post.body)


def attachments(text: str, color: str, value: str = "50.00% < 99%") -> dict[str, Any]:
    """Flagger's SlackPayload."""
    facts = [("name1", "value1"), ("name2", value)]
    return {
        "channel": "general",
        "username": "flagger",
        "icon_url": "",
        "icon_emoji": ":rocket:",
        "attachments": [
            {
                "color": color,
                "author_name": "podinfo.test",
                "text": text,
                "mrkdwn_in": ["text"],
                "fields": [{"title": title, "value": shown, "short": False} for title, shown in facts],
            }
        ],
    }


@pytest.mark.parametrize(("severity", "color"), [("info", "good"), ("warn", "good"), ("error", "danger")])
def test_slack_post(severity: str, color: str) -> None:
    """TestSlack_Post: attachments, red for errors; what means something to Slack is escaped."""
    post = posted("slack", severity)
    assert (post.url, "Authorization" in post.headers) == ("https://hooks.test/x", False)
    assert body(post) == attachments("a &lt; b", color, "50.00% &lt; 99%")


def test_slack_by_its_api() -> None:
    """With a token the message goes to Slack's API as its bearer, to the channel and by the name that are given."""
    post = posted("slack", token="xoxb-1", channel="releases", username="canary")
    assert post.headers["Authorization"] == "Bearer xoxb-1"
    assert {key: body(post)[key] for key in ("channel", "username")} == {"channel": "releases", "username": "canary"}


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("https://discord.test/api/webhooks/1/x", "https://discord.test/api/webhooks/1/x/slack"),
        ("https://discord.test/api/webhooks/1/x/", "https://discord.test/api/webhooks/1/x/slack"),
        ("https://discord.test/api/webhooks/1/x/slack", "https://discord.test/api/webhooks/1/x/slack"),
        (
            "https://discord.test/api/webhooks/1/x?thread_id=2",
            "https://discord.test/api/webhooks/1/x/slack?thread_id=2",
        ),
    ],
)
def test_discord_post(address: str, url: str) -> None:
    """TestDiscord_Post: Slack's format, at the path where Discord understands it."""
    post = posted("discord", "warn", address)
    assert (post.url, body(post)) == (url, attachments("a < b", "good"))
    assert body(posted("discord", "error", address)) == attachments("a < b", "danger")


@pytest.mark.parametrize(("severity", "color"), [("warn", "#0076D7"), ("error", "#FF0000")])
def test_rocket_post(severity: str, color: str) -> None:
    """TestRocket_Post: Slack's format in Flagger's colours."""
    assert body(posted("rocket", severity)) == attachments("a < b", color)


@pytest.mark.parametrize(("severity", "color"), [("info", "0076D7"), ("error", "FF0000")])
def test_teams_post(severity: str, color: str) -> None:
    """TestTeams_Post: a message card with a section of facts."""
    assert body(posted("msteams", severity)) == {
        "@type": "MessageCard",
        "@context": "http://schema.org/extensions",
        "themeColor": color,
        "summary": "podinfo.test",
        "sections": [
            {
                "activityTitle": "a < b",
                "activitySubtitle": "podinfo.test",
                "facts": [{"name": "name1", "value": "value1"}, {"name": "name2", "value": "50.00% < 99%"}],
            }
        ],
    }


@pytest.mark.parametrize(("severity", "color"), [("info", "default"), ("error", "attention")])
def test_teams_workflows(severity: str, color: str) -> None:
    """A workflow, which has come in place of connectors, gets the same as an adaptive card."""
    (attachment,) = body(posted("msteams", severity, "https://prod-1.westeurope.logic.azure.com/x"))["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    text, title, facts = attachment["content"]["body"]
    assert (text["text"], text["color"], title["text"]) == ("a < b", color, "podinfo.test")
    assert facts["facts"][1] == {"title": "name2", "value": "50.00% < 99%"}


def test_a_card_without_facts() -> None:
    """An adaptive card has no empty set of facts."""
    alert = Alert(workload="podinfo", namespace="test", text="a", severity=Severity.INFO)
    provider = Provider(type="msteams", address="https://x.powerplatform.com/hook")
    (attachment,) = body(NOTIFIERS["msteams"](provider, alert))["attachments"]
    assert [part["type"] for part in attachment["content"]["body"]] == ["TextBlock", "TextBlock"]


def test_gchat_post() -> None:
    """TestGChat_Post: a card with the message and one section for each fact, as the HTML that it takes."""
    (card,) = body(posted("gchat"))["cards"]
    assert card["header"]["subtitle"] == "podinfo.test"
    shown = [section["widgets"][0]["textParagraph"]["text"] for section in card["sections"]]
    assert len(shown) == len(FACTS) + 1
    assert shown[0] == "<font color=#848484><strong>a &lt; b</strong></font>"
    assert shown[2] == "name2<br><font color=#848484><strong>50.00% &lt; 99%</strong></font>"


@pytest.mark.parametrize("kind", NOTIFIERS)
def test_secrets_are_not_printed(kind: str) -> None:
    """Neither what is posted nor the provider shows its address or token."""
    provider = Provider(type=kind, address="https://h/secret", token="secret", proxy="http://u:secret@p")
    assert "secret" not in repr(provider) + repr(posted(kind, address="https://h/secret", token="secret"))
