"""Tell what a step did, after it is committed: Kubernetes Events, webhooks, messengers, CloudEvents.

What goes to others stands in the outbox of the state until each of them has it; its id never changes, so that a
receiver can tell a second delivery from a second message.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import quote

from handlers.errors import BadCanary, SerinusError, Unavailable
from handlers.notifiers import slack
from handlers.rollout.objects import CANARY, EVENT, Object, Ref, metadata, timestamp
from handlers.rollout.objects.ownership import MANAGER
from handlers.rollout.spec.analysis import Hook, Webhook
from handlers.rollout.spec.canary import Canary
from handlers.rollout.state import Kind, Message, Phase, State
from handlers.rollout.webhook import (
    Answer,
    Notice,
    Post,
    Subject,
    check_post,
    event_post,
    idempotency_key,
)
from handlers.step.alerts import Receiver, receivers
from handlers.step.hooks import post_to
from handlers.step.ports import World

log = logging.getLogger(__name__)

OUTBOX_KEPT = 40
PATIENCE = timedelta(seconds=60)
"""How long telling may take; after it somebody else may tell what is left."""
GIVEN_UP = timedelta(hours=24)
"""After this long a webhook that never answers is told no more."""


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells messages about one canary."""

    world: World
    canary: Canary

    down: set[str] = field(default_factory=set)
    """Receivers that gave no answer; the later messages of this round wait with the one that they did not get."""

    def tell(self, messages: Iterable[Message]) -> tuple[Message, ...]:
        """Deliver in order; gives back what could not be delivered to all its receivers, and who has it."""
        told = (told for message in messages for told in self._to_tell(message))
        return tuple(left for message in told if (left := self._delivered(message)))

    def _to_tell(self, message: Message) -> Iterator[Message]:
        """The message; for post-rollout webhooks how each was answered, which changes nothing else."""
        if message.kind is not Kind.POST_ROLLOUT:
            yield message
            return
        for hook in self.canary.analysis.hooks(Hook.POST_ROLLOUT):
            yield self._post_rollout(message, hook)

    def _delivered(self, message: Message) -> Message | None:
        """None, or the message with the marks of those who have it now."""
        if message.kind is not Kind.TRANSITION:
            record(self.world, self.canary.ref, self.canary.uid, message)
        wanted = [receiver for receiver in self._receivers(message) if receiver.key not in message.told]
        have = tuple(receiver.key for receiver in wanted if self._tells(receiver, message))
        return None if len(have) == len(wanted) else replace(message, told=(*message.told, *have))

    def _receivers(self, message: Message) -> Iterator[Receiver]:
        if message.kind is Kind.TRANSITION:
            yield from receivers(self.world, self.canary, message)
            return
        for index, hook in enumerate(event_hooks(self.world, self.canary)):
            yield Receiver(f"event/{index}/{quote(hook.name, safe='')}", partial(self._event, message, hook))

    def _tells(self, receiver: Receiver, message: Message) -> bool:
        if receiver.key in self.down:
            return False
        try:
            receiver.tell(self.world.now() + PATIENCE)
        except Unavailable as error:
            self.down.add(receiver.key)
            log.warning("%s: %s: %s", self.canary.ref, receiver.key, error)
            return False
        except SerinusError as error:
            log.warning("%s: %s: %s", self.canary.ref, receiver.key, error)
            if message.kind is Kind.TRANSITION:
                said = Message(kind=Kind.WARNING, text=str(error), phase=message.phase, id="untold")
                record(self.world, self.canary.ref, self.canary.uid, said)
            return False
        return True

    def _event(self, message: Message, hook: Webhook, deadline: datetime) -> None:
        notice = Notice(text=message.text, type=message.kind.value, at=self.world.now())
        subject, key = self._subject(message), self._key(message, hook)
        to_slack = slack.serves(hook.url)
        post = slack.post(hook, subject, notice) if to_slack else event_post(hook, subject, key, notice)
        judgement = post_to(self.world, hook, post, deadline)
        if judgement.answer is Answer.NO:
            raise BadCanary(f"webhook {hook.name}: {judgement.reason}")

    def _post_rollout(self, message: Message, hook: Webhook) -> Message:
        heard = replace(message, phase=Phase(message.text)) if message.text else message
        yes, reason = self._asked(hook, check_post(hook, self._subject(heard), self._key(message, hook)))
        text = f"Post-rollout check {hook.name} passed" if yes else f"Post-rollout hook {hook.name} failed {reason}"
        kind = Kind.NORMAL if yes else Kind.WARNING
        return replace(message, kind=kind, text=text, id=f"{message.id}.{quote(hook.name, safe='')}")

    def _subject(self, message: Message) -> Subject:
        canary = self.canary
        return Subject(name=canary.name, namespace=canary.namespace, phase=message.phase, checksum=message.revision)

    def _key(self, message: Message, hook: Webhook) -> str:
        return idempotency_key(self.canary.uid, message.revision, message.id, hook.name)

    def _asked(self, hook: Webhook, post: Post) -> tuple[bool, str]:
        try:
            judgement = post_to(self.world, hook, post, self.world.now() + PATIENCE)
        except Unavailable as error:
            log.warning("%s/%s: webhook %s: %s", self.canary.namespace, self.canary.name, hook.name, error)
            return False, str(error)
        return judgement.answer is not Answer.NO, judgement.reason


def kept(state: State, left: tuple[Message, ...], now: datetime) -> tuple[tuple[Message, ...], datetime | None]:
    """What stays in the outbox, and when to try again: as long from now as the step is ago, so ever more rarely."""
    age = now - state.stepped if state.stepped else PATIENCE
    if not left or age > GIVEN_UP:
        return (), None
    return left, now + max(PATIENCE, age)


def with_ids(state: State, nonce: str, messages: Iterable[Message]) -> tuple[Message, ...]:
    """The messages of one step, each with an id that never changes; `seq` is not enough, for waiting counts no step."""
    return tuple(
        replace(message, revision=state.revision, id=f"{state.seq}.{nonce}.{index}")
        for index, message in enumerate(messages)
    )


def to_others(world: World, canary: Canary, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Those messages that somebody beyond the cluster has to get, and that so have to outlive this process."""
    return tuple(message for message in messages if _is_for_others(world, canary, message))


def _is_for_others(world: World, canary: Canary, message: Message) -> bool:
    match message.kind:
        case Kind.TRANSITION:
            return any(True for _ in receivers(world, canary, message))
        case Kind.POST_ROLLOUT:
            return bool(canary.analysis.hooks(Hook.POST_ROLLOUT))
        case Kind.NORMAL | Kind.WARNING:  # pragma: no branch  # there are no other kinds
            return bool(event_hooks(world, canary))


def event_hooks(world: World, canary: Canary) -> tuple[Webhook, ...]:
    """A canary's own event webhooks stand in for the one of the settings (events.go, sendEventToWebhook)."""
    own, url = canary.analysis.hooks(Hook.EVENT), world.config.event_webhook
    return own or ((Webhook(type=Hook.EVENT, name="events", url=url),) if url else ())


def warn(world: World, canary: Ref, raw: Object, text: str, *, id: str) -> None:  # noqa: A002  as a message calls it
    """A Kubernetes Event of what no step of a canary has to tell: the user looks there and not into our log."""
    message = Message(kind=Kind.WARNING, text=text, phase=Phase.INITIALIZING, id=id)
    record(world, canary, str(metadata(raw).get("uid", "")), message)


def record(world: World, canary: Ref, uid: str, message: Message) -> None:
    """A Kubernetes Event on the Canary, in Flagger's form (reason Synced). Made once, whoever tells it again."""
    moment = timestamp(world.now())
    digest = hashlib.sha256(f"{uid}/{message.id}/{message.text}".encode()).hexdigest()[:16]
    name = f"{canary.name}.{digest}"
    event = {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.name,
        "metadata": {"name": name, "namespace": canary.namespace},
        "involvedObject": {
            "apiVersion": CANARY.api_version,
            "kind": CANARY.name,
            "namespace": canary.namespace,
            "name": canary.name,
            "uid": uid,
        },
        "reason": "Synced",
        "type": message.kind.value,
        "message": message.text[:1024],
        "source": {"component": MANAGER},
        "reportingComponent": MANAGER,
        "reportingInstance": MANAGER,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }
    try:
        world.cluster.create(Ref(EVENT, canary.namespace, name), event)
    except SerinusError as error:
        # an Event that is there already was told; one that cannot be written must not stop a rollback
        log.info("%s/%s: event not written: %s", canary.namespace, canary.name, error)
