"""Google Chat's incoming webhooks."""

import json
from html import escape

from handlers.rollout.alerting import Alert
from handlers.rollout.spec.alerts import Provider
from handlers.rollout.webhook import Post


def alert_post(provider: Provider, alert: Alert) -> Post:
    """The call that tells Google Chat: a card with a section for the message and one for each fact.

    Texts of cards are HTML (https://developers.google.com/workspace/chat/format-messages#card-formatting).
    """
    sections = [_section("", alert.text), *(_section(f"{escape(fact.name)}<br>", fact.value) for fact in alert.facts)]
    header = {"title": "Serinus", "subtitle": alert.title, "imageUrl": ""}
    content = {"cards": [{"header": header, "sections": sections}]}
    headers = {"Content-Type": "application/json"}
    return Post(headers=headers, body=json.dumps(content).encode(), url=provider.address)


def _section(before: str, text: str) -> dict[str, object]:
    shown = f"{before}<font color=#848484><strong>{escape(text, quote=False)}</strong></font>"
    return {"widgets": [{"textParagraph": {"text": shown}}]}
