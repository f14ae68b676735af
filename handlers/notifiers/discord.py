"""Discord's webhooks, which understand Slack's format at a path of its own."""

from urllib.parse import urlsplit, urlunsplit

from handlers.notifiers.attachments import attachments_post
from handlers.rollout.alerting import Alert
from handlers.rollout.spec.alerts import Provider
from handlers.rollout.webhook import Post


def alert_post(provider: Provider, alert: Alert) -> Post:
    """The call that tells Discord (https://discord.com/developers/docs/resources/webhook, Slack-compatible webhook)."""
    parts = urlsplit(provider.address)
    path = parts.path.rstrip("/")
    url = urlunsplit(parts._replace(path=path if path.endswith("/slack") else f"{path}/slack"))
    return attachments_post(provider, alert, "danger" if alert.grave else "good", url=url)
