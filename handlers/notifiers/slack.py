"""Slack's incoming webhooks: an event webhook that points at one gets what Slack understands."""

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from handlers.rollout.spec.analysis import Webhook
from handlers.rollout.webhook import Notice, Post, Subject

_HOSTS = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})
_WORKFLOWS = ("/workflows/", "/triggers/")


def serves(url: str) -> bool:
    """Whether a URL is one of Slack's, which does not understand Flagger's payload."""
    parts = urlsplit(url)
    return parts.scheme == "https" and parts.hostname in _HOSTS and parts.path.startswith(("/services/", *_WORKFLOWS))


def post(hook: Webhook, subject: Subject, notice: Notice) -> Post:
    """The call that tells Slack. In the hook's metadata, `channel`, `username` or `user`, and `icon_emoji` are for it.

    Slack heeds those only for webhooks of the old kind
    (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks). A workflow takes a flat object of texts
    instead of a message (https://slack.com/help/articles/360041352714).
    """
    context = {
        "canary": subject.name,
        "namespace": subject.namespace,
        "phase": subject.phase.value,
        "type": notice.type,
    }
    if urlsplit(hook.url).path.startswith(_WORKFLOWS):
        content: Mapping[str, object] = {"text": notice.text, **context}
    else:
        content = {**_sender(hook.metadata), "attachments": [_attachment(notice.text, context)]}
    return Post(headers={"Content-Type": "application/json"}, body=json.dumps(content).encode())


def _sender(metadata: Mapping[str, str]) -> dict[str, str]:
    """As whom and where Slack shows the message; what is not said is left to the webhook's own configuration."""
    said = {
        "channel": metadata.get("channel"),
        "username": metadata.get("username") or metadata.get("user"),
        "icon_emoji": metadata.get("icon_emoji"),
    }
    return {key: value for key, value in said.items() if value}


def _attachment(message: str, context: Mapping[str, str]) -> dict[str, object]:
    """Colours as Flagger's `notifier.Slack` gives them: red for what is a warning, green for the rest."""
    author = f"{context['canary']}.{context['namespace']}"
    text = _escaped(message)
    return {
        "color": "good" if context["type"] == "Normal" else "danger",
        "author_name": author,
        "fallback": f"{author}: {text}",
        "text": text,
        "mrkdwn_in": ["text"],
        "fields": [{"title": key.capitalize(), "value": value, "short": True} for key, value in context.items()],
    }


def _escaped(text: str) -> str:
    """The three characters that mean something to Slack (https://docs.slack.dev/messaging/formatting-message-text)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
