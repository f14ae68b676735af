"""Flagger's webhooks: what is sent to them, and what their answers mean. Pure; `step/call.py` sends."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from http import HTTPStatus
from urllib.parse import quote

from handlers.rollout.spec.analysis import Hook, Webhook
from handlers.rollout.state import Phase

ASYNC = "respond-async"
SHOWN = 256
"""How much of an answer is worth telling; the rest may be a page of HTML."""
_TOLD = frozenset({Hook.EVENT, Hook.POST_ROLLOUT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The canary that a webhook is called for. `checksum` names the revision, as Flagger's payload does."""

    name: str
    namespace: str
    phase: Phase
    checksum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something to tell. `type` is a Kubernetes Event's: Normal or Warning."""

    text: str
    type: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What to POST, to a webhook or to `url`. The headers may hold a token."""

    headers: Mapping[str, str] = field(repr=False)
    body: bytes
    url: str = field(default="", repr=False)


class Answer(Enum):
    """What a webhook says."""

    YES = "yes"
    NOT_YET = "not yet"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a webhook says, and for anything but yes, why."""

    answer: Answer
    reason: str = ""


def idempotency_key(uid: str, revision: str, subject: int | str, hook: str) -> str:
    """The same for every try of one question or message, whatever the hook's name a header.

    `subject`: the number of the step that asks, or the id of the message.
    """
    return f"{uid}/{revision}/{subject}/{quote(hook, safe='')}"


def check_post(hook: Webhook, subject: Subject, key: str) -> Post:
    """The call that asks a webhook (Flagger's `CallWebhook`). `key`: its idempotency key.

    Whoever is asked, and not just told, may take its time: `Prefer: respond-async` (RFC 7240, 4.1).
    """
    headers = _headers(key) if hook.type in _TOLD else {**_headers(key), "Prefer": ASYNC}
    return Post(headers=headers, body=payload(subject, hook.metadata))


def event_post(hook: Webhook, subject: Subject, key: str, notice: Notice) -> Post:
    """The call that tells an event webhook (Flagger's `CallEventWebhook`)."""
    return Post(headers=_headers(key), body=payload(subject, event_metadata(hook, notice)))


def payload(subject: Subject, metadata: Mapping[str, str]) -> bytes:
    """Flagger's `CanaryWebhookPayload` as Go writes it: fields in this order, metadata sorted, or left out if empty."""
    data: dict[str, object] = {
        "name": subject.name,
        "namespace": subject.namespace,
        "phase": subject.phase.value,
        "checksum": subject.checksum,
    }
    if metadata:
        data["metadata"] = dict(sorted(metadata.items()))
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def event_metadata(hook: Webhook, notice: Notice) -> dict[str, str]:
    """What an event webhook is told; the hook's own metadata adds to it and replaces nothing. Time in milliseconds."""
    milliseconds = (notice.at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    told = {"eventMessage": notice.text, "eventType": notice.type, "timestamp": str(milliseconds)}
    return {**hook.metadata, **told}


def judge(status: int, headers: Mapping[str, str], body: bytes) -> Judgement:
    """What an answer means. Any 2xx is a yes, also 204, which Flagger takes for a no.

    But 202 with `Preference-Applied: respond-async` says that the work goes on: ask again. Header names in lower case.
    """
    if status == HTTPStatus.ACCEPTED and asks_again(headers.get("preference-applied", "")):
        return Judgement(Answer.NOT_YET, excerpt(body) or "is still at it")
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Judgement(Answer.YES)
    return Judgement(Answer.NO, ": ".join(part for part in (str(status), excerpt(body)) if part))


def excerpt(body: bytes) -> str:
    """The beginning of an answer, on one line."""
    text = " ".join(body[: 4 * SHOWN].decode("utf-8", "replace").split())
    return "".join(char for char in text if char.isprintable())[:SHOWN]


def asks_again(header: str) -> bool:
    """Whether `Prefer` or `Preference-Applied` has `respond-async` among what it says."""
    return ASYNC in {part.partition(";")[0].strip().lower() for part in header.split(",")}


def _headers(key: str) -> dict[str, str]:
    return {"Content-Type": "application/json", "Idempotency-Key": key}
