"""Slack: alerts, and event webhooks that point at an incoming webhook of Slack's, which understands only its own."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from handlers.notifiers.attachments import attachments_post
from handlers.rollout.alerting import Alert, Fact
from handlers.rollout.spec.alerts import Provider
from handlers.rollout.spec.analysis import Webhook
from handlers.rollout.webhook import Notice, Post, Subject

_HOSTS = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})
_WORD = re.compile("[a-z_]{1,64}")
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


def alert_post(provider: Provider, alert: Alert) -> Post:
    """The call that tells Slack, by an incoming webhook or, with a token, by its API (`chat.postMessage`)."""
    facts = tuple(Fact(fact.name, _escaped(fact.value)) for fact in alert.facts)
    shown = replace(alert, text=_escaped(alert.text), facts=facts)
    post = attachments_post(provider, shown, "danger" if alert.grave else "good")
    bearer = {"Authorization": f"Bearer {provider.token}"} if provider.token else {}
    return replace(post, headers={**post.headers, **bearer})


def refusal(body: bytes) -> str:
    """Slack's word for why its API refused, which it does with status 200; empty when it did not."""
    try:
        answer = json.loads(body)
    except ValueError:  # an incoming webhook says `ok`
        return ""
    if not isinstance(answer, Mapping) or answer.get("ok") is not False:
        return ""
    word = str(answer.get("error", ""))
    return word if _WORD.fullmatch(word) else "refused"


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
