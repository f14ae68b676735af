"""The attachments that Slack has made a custom: Rocket.Chat and Discord take them as well (Flagger's SlackPayload)."""

import json

from handlers.rollout.alerting import Alert
from handlers.rollout.spec.alerts import Provider
from handlers.rollout.webhook import Post


def attachments_post(provider: Provider, alert: Alert, color: str, *, url: str = "") -> Post:
    """A message with one attachment. `url`: where to, if that is not the provider's address."""
    attachment = {
        "color": color,
        "author_name": alert.title,
        "text": alert.text,
        "mrkdwn_in": ["text"],
        "fields": [{"title": fact.name, "value": fact.value, "short": False} for fact in alert.facts],
    }
    content = {
        "channel": provider.channel,
        "username": provider.username,
        "icon_url": "",
        "icon_emoji": ":rocket:",
        "attachments": [attachment],
    }
    headers = {"Content-Type": "application/json"}
    return Post(headers=headers, body=json.dumps(content).encode(), url=url or provider.address)
