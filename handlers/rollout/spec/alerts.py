"""`spec.analysis.alerts` of a Canary, and the AlertProviders that they name."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from handlers.rollout.objects import Object, spec
from handlers.rollout.spec.fields import Field

_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")
_CHANNEL = "general"
_USERNAME = "flagger"


class Severity(Enum):
    """How much a message matters (Flagger's `v1beta1.AlertSeverity`)."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """Whom to tell what matters this much. `namespace` and `provider` name an AlertProvider."""

    name: str
    severity: Severity
    namespace: str
    provider: str

    def wants(self, severity: Severity) -> bool:
        """Whether a message of this severity is for it; each severity takes in the graver ones (events.go, alert)."""
        order = list(Severity)
        return order.index(severity) >= order.index(self.severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A messenger and how to reach it. `proxy`: through which HTTP proxy, if any."""

    type: str
    address: str = field(repr=False)
    channel: str = _CHANNEL
    username: str = _USERNAME
    token: str = field(default="", repr=False)
    proxy: str = field(default="", repr=False)


def parse(alerts: Field, namespace: str) -> tuple[AlertRule, ...]:
    """Read `spec.analysis.alerts` of a Canary in this namespace. Raises BadCanary."""
    return tuple(_rule(item, namespace) for item in alerts.items())


def _rule(item: Field, namespace: str) -> AlertRule:
    severity = item["severity"].text(Severity.INFO.value)
    if severity not in {known.value for known in Severity}:
        raise item["severity"].bad("one of " + ", ".join(known.value for known in Severity))
    reference = item["providerRef"]
    return AlertRule(
        name=item["name"].text(),
        severity=Severity(severity),
        namespace=_named(reference["namespace"], namespace),
        provider=_named(reference["name"], reference["name"].required()),
    )


def _named(item: Field, default: str) -> str:
    name = item.text(default)
    if not _NAME.fullmatch(name):
        raise item.bad("the name of a Kubernetes object")
    return name


def secret_name(provider: Object) -> str:
    """The Secret that an AlertProvider names, in its own namespace; empty when it names none. Raises BadCanary."""
    reference = Field(spec(provider), "spec")["secretRef"]
    return _named(reference["name"], reference["name"].required()) if reference.mapping() else ""


def provider_of(provider: Object, secret: Object | None, types: Mapping[str, object]) -> Provider:
    """Read an AlertProvider, whose Secret has keys `address` and `token`, either or both (events.go, alert).

    Raises BadCanary, which shows neither address nor token.
    """
    written, data = Field(spec(provider), "spec"), Field((secret or {}).get("data"), "data")
    kind = written["type"].required()
    if kind not in types:
        raise written["type"].bad("one of " + ", ".join(types))
    address = _decoded(data["address"])
    return Provider(
        type=kind,
        address=Field(address, "the secret's address").url() if address else written["address"].url(),
        channel=written["channel"].text(_CHANNEL),
        username=written["username"].text(_USERNAME),
        token=_decoded(data["token"]),
        proxy=written["proxy"].url(credentials=True) if written["proxy"].text() else "",
    )


def _decoded(item: Field) -> str:
    try:
        text = base64.b64decode(item.text(), validate=True).decode("ascii").strip()
    except (binascii.Error, ValueError):
        text = "\n"
    if not text.isprintable():
        raise Field("(not shown)", item.path).bad("printable ASCII in base64")
    return text
