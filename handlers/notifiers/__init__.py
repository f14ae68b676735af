"""Messages for messengers: one file each, each pure, from a message to the call that delivers it."""

from collections.abc import Callable, Mapping

from handlers.notifiers import discord, gchat, msteams, rocket, slack
from handlers.rollout.alerting import Alert
from handlers.rollout.spec.alerts import Provider
from handlers.rollout.webhook import Post

Notifier = Callable[[Provider, Alert], Post]

NOTIFIERS: Mapping[str, Notifier] = {
    "slack": slack.alert_post,
    "msteams": msteams.alert_post,
    "discord": discord.alert_post,
    "rocket": rocket.alert_post,
    "gchat": gchat.alert_post,
}
"""The messengers by `spec.type` of an AlertProvider."""
