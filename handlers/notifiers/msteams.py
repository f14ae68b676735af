"""Microsoft Teams: message cards, and adaptive cards for the workflows that have come in their place."""

import json
from urllib.parse import urlsplit

from handlers.rollout.alerting import Alert
from handlers.rollout.spec.alerts import Provider
from handlers.rollout.webhook import Post

_WORKFLOWS = (".logic.azure.com", ".powerplatform.com", ".powerautomate.com", ".logic.azure.us", ".powerplatform.us")


def alert_post(provider: Provider, alert: Alert) -> Post:
    """The call that tells Teams. A workflow's host gets an adaptive card, every other Flagger's message card.

    Connectors, which take message cards, are being retired in favour of workflows
    (https://devblogs.microsoft.com/microsoft365dev/retirement-of-office-365-connectors-within-microsoft-teams/).
    """
    host = urlsplit(provider.address).hostname or ""
    content = _adaptive_card(alert) if host.endswith(_WORKFLOWS) else _message_card(alert)
    headers = {"Content-Type": "application/json"}
    return Post(headers=headers, body=json.dumps(content).encode(), url=provider.address)


def _message_card(alert: Alert) -> dict[str, object]:
    facts = [{"name": fact.name, "value": fact.value} for fact in alert.facts]
    return {
        "@type": "MessageCard",
        "@context": "http://schema.org/extensions",
        "themeColor": "FF0000" if alert.grave else "0076D7",
        "summary": alert.title,
        "sections": [{"activityTitle": alert.text, "activitySubtitle": alert.title, "facts": facts}],
    }


def _adaptive_card(alert: Alert) -> dict[str, object]:
    """https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using."""
    facts = [{"title": fact.name, "value": fact.value} for fact in alert.facts]
    color = "attention" if alert.grave else "default"
    body: list[dict[str, object]] = [
        {"type": "TextBlock", "text": alert.text, "weight": "bolder", "wrap": True, "color": color},
        {"type": "TextBlock", "text": alert.title, "isSubtle": True, "spacing": "none", "wrap": True},
        {"type": "FactSet", "facts": facts},
    ]
    card = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "body": body if facts else body[:-1],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}
