"""Who is told about transitions, messengers and the sink of CloudEvents, and how; each receiver is on its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus

from handlers.errors import BadCanary, Unavailable
from handlers.notifiers import NOTIFIERS, slack
from handlers.notifiers.knative import Sink, event_post
from handlers.rollout.alerting import Alert, facts_of
from handlers.rollout.objects import ALERT_PROVIDER, SECRET, Ref
from handlers.rollout.spec.alerts import AlertRule, Provider, provider_of, secret_name
from handlers.rollout.spec.canary import Canary
from handlers.rollout.state import Message
from handlers.rollout.transition import Transition
from handlers.rollout.webhook import Post, idempotency_key
from handlers.step.call import call_until
from handlers.step.ports import Request, World

TIMEOUT = 5.0
"""Seconds for one call, as Flagger's (notifier/client.go)."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Somebody to tell. `key` is what the state remembers it by.

    `tell` delivers before a deadline. It raises Unavailable when trying again can help, and BadCanary when first
    somebody has to mend something; no message of theirs holds an address or a token.
    """

    key: str
    tell: Callable[[datetime], None]


def receivers(world: World, canary: Canary, message: Message) -> Iterator[Receiver]:
    """Whom a transition is told: those of the canary's alerts, or of the settings if it has none; and the sink."""
    transition = message.transition
    assert transition  # noqa: S101  the message's kind says so
    letters = _Letters(world, canary, message, transition)
    if transition.severity:
        for index, rule in enumerate(canary.analysis.alerts):
            if rule.wants(transition.severity):
                yield Receiver(f"alert/{index}/{rule.namespace}/{rule.provider}", partial(letters.to_provider, rule))
        if not canary.analysis.alerts:
            for messenger in world.config.messengers:
                yield Receiver(messenger.type, partial(letters.to_messenger, messenger))
    if world.config.sink:
        yield Receiver("sink", partial(letters.to_sink, world.config.sink))


@dataclass(frozen=True, slots=True)
class _Letters:
    """One transition, for each kind of receiver."""

    world: World
    canary: Canary
    message: Message
    transition: Transition

    def to_provider(self, rule: AlertRule, deadline: datetime) -> None:
        name = f"alert provider {rule.provider}.{rule.namespace}"
        try:
            provider = self._read(rule)
        except Unavailable as error:  # a right may be missing: that is said where the user looks
            raise BadCanary(f"{name}: cannot be read: {error}") from None
        except BadCanary as error:
            raise BadCanary(f"{name}: {error}") from None
        try:
            self.to_messenger(provider, deadline)
        except BadCanary as error:
            raise BadCanary(f"{name}: {error}") from None

    def _read(self, rule: AlertRule) -> Provider:
        """The AlertProvider and its Secret, asked for only now that there is something to tell."""
        cluster = self.world.cluster
        provider = cluster.get(Ref(ALERT_PROVIDER, rule.namespace, rule.provider))
        if provider is None:
            raise BadCanary("not found")
        secret = None
        if name := secret_name(provider):
            secret = cluster.get(Ref(SECRET, rule.namespace, name))
            if secret is None:
                raise BadCanary(f"spec.secretRef: Secret {name} not found")
        return provider_of(provider, secret, NOTIFIERS)

    def to_messenger(self, provider: Provider, deadline: datetime) -> None:
        assert self.transition.severity  # noqa: S101  or it would not be for messengers
        alert = Alert(
            workload=self.canary.name,
            namespace=self.canary.namespace,
            text=self.message.text,
            severity=self.transition.severity,
            facts=facts_of(self.canary, self.transition, self.world.config.cluster_name),
        )
        body = self._send(NOTIFIERS[provider.type](provider, alert), provider.proxy, deadline)
        if provider.type == "slack" and (word := slack.refusal(body)):
            raise BadCanary(f"slack refuses the message: {word}")

    def to_sink(self, sink: Sink, deadline: datetime) -> None:
        self._send(event_post(sink, self.canary, self.message, self.transition, self.world.identity()), "", deadline)

    def _send(self, post: Post, proxy: str, deadline: datetime) -> bytes:
        key = idempotency_key(self.canary.uid, self.message.revision, self.message.id, "transition")
        headers = {**post.headers, "Idempotency-Key": key}
        request = Request(method="POST", url=post.url, headers=headers, body=post.body, timeout=TIMEOUT, proxy=proxy)
        response = call_until(self.world, request, deadline)
        if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
            # no word of the body: error pages like to repeat the address
            raise BadCanary(f"the message was refused with status {response.status}")
        return response.body
