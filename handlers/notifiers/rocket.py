"""Rocket.Chat's incoming webhooks."""

from handlers.notifiers.attachments import attachments_post
from handlers.rollout.alerting import Alert
from handlers.rollout.spec.alerts import Provider
from handlers.rollout.webhook import Post


def alert_post(provider: Provider, alert: Alert) -> Post:
    """The call that tells Rocket.Chat (https://docs.rocket.chat/docs/integrations), in Flagger's colours."""
    return attachments_post(provider, alert, "#FF0000" if alert.grave else "#0076D7")
