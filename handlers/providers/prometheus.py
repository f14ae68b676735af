"""MetricTemplates for Prometheus: whom to ask and with which credentials, and what the answer says."""

import base64
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from handlers.errors import Unavailable
from handlers.rollout.objects import Object, metadata
from handlers.rollout.spec.fields import Field

_HEADER_NAME = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")  # RFC 9110, 5.6.2
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricServer:
    """Where a Prometheus is and how to speak to it; its headers may hold secrets and are never printed."""

    address: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Sample:
    """What a query measured, and how many series it gave: more than one is a query that lacks an aggregation."""

    value: float
    series: int


def secret_name(template: Object) -> str:
    """The Secret, in the template's own namespace, that a MetricTemplate takes its credentials from, or empty."""
    return _provider(template)["secretRef"]["name"].text()


def query(template: Object) -> str:
    """The query of a MetricTemplate, with its placeholders. Raises BadCanary."""
    return _spec(template)["query"].required()


def server(template: Object, secret: Object | None = None) -> MetricServer:
    """Whom a MetricTemplate asks. `secret`: the Secret that `secret_name` names, as the API server gives it.

    A token goes before user name and password (Flagger's `NewPrometheusProvider`), and either before an Authorization
    header in the spec. Other providers than Prometheus are refused, where Flagger takes unknown ones for it.
    Raises BadCanary, never with a credential in it.
    """
    spec = _provider(template)
    if spec["type"].text() != "prometheus":
        raise spec["type"].bad('"prometheus", the only provider of this version')
    headers = _headers(spec["headers"])
    if name := secret_name(template):
        headers = {key: value for key, value in headers.items() if key.lower() != "authorization"}
        headers["Authorization"] = _authorization(Field(_decoded(spec, name, secret), f"{spec.path}.secretRef.{name}"))
    return MetricServer(
        address=_base(spec["address"].url()),
        headers=headers,
        verify=not spec["insecureSkipVerify"].flag(),
    )


def at(address: str) -> MetricServer:
    """The Prometheus at a URL from a setting or `spec.metricsServer`; user name and password in it become a header."""
    parts = urlsplit(address)
    headers = {}
    if parts.username is not None:
        headers["Authorization"] = _basic(unquote(parts.username), unquote(parts.password or ""))
    return MetricServer(address=_base(address), headers=headers)


def sample(result: Sequence[Object]) -> Sample | None:
    """The value in the `result` of an instant query; None when there is none, or when it is NaN.

    Of several series the last one counts (Flagger's `PrometheusProvider.RunQuery`). An infinite value is an error here:
    Flagger compares it, and +Inf is above any minimum. Raises Unavailable for what cannot be judged.
    """
    if not result:
        return None
    text = _text(result[-1])
    try:
        value = float(text)
    except ValueError:
        raise Unavailable(f"value {text[:80]!r} is not a number") from None
    if math.isnan(value):
        return None
    if math.isinf(value):
        raise Unavailable(f"value {text} is not a finite number; does the query divide by zero?")
    return Sample(value, len(result))


def _text(series: Object) -> str:
    match series.get("value"):
        case [_, str(text)]:
            return text
        case _:
            raise Unavailable('a sample is not [time, "value"]; a native histogram needs histogram_quantile')


def _spec(template: Object) -> Field:
    meta = metadata(template)
    return Field(template.get("spec"), f"MetricTemplate {meta.get('namespace', '')}/{meta.get('name', '')} spec")


def _provider(template: Object) -> Field:
    return _spec(template)["provider"]


def _headers(spec: Field) -> dict[str, str]:
    """Headers are lists of values in the spec (Go's http.Header)."""
    headers = {}
    for name in spec.mapping():
        if not _HEADER_NAME.fullmatch(name):
            raise Field(name, spec.path).bad("the name of a header")
        headers[name] = ", ".join(item.text() for item in spec[name].items())
        if not _HEADER_VALUE.fullmatch(headers[name]):
            raise Field("(not shown)", spec[name].path).bad("what a header can hold")
    return headers


def _decoded(spec: Field, name: str, secret: Object | None) -> Mapping[str, Any]:
    if secret is None:
        raise spec["secretRef"]["name"].bad("a Secret in the namespace of the template")
    decoded = {}
    for key, value in (secret.get("data") or {}).items():
        try:
            decoded[key] = base64.b64decode(value, validate=True).decode().rstrip("\r\n")
        except (ValueError, TypeError):
            raise Field("(not shown)", f"{spec.path}.secretRef.{name}.{key}").bad("text in base64") from None
    return decoded


def _authorization(credentials: Field) -> str:
    if "token" in credentials.mapping():
        token = credentials["token"].required()
        if not _HEADER_VALUE.fullmatch(token):
            raise Field("(not shown)", f"{credentials.path}.token").bad("what a header can hold")
        return f"Bearer {token}"
    return _basic(credentials["username"].required(), credentials["password"].required())


def _basic(username: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


def _base(address: str) -> str:
    """A URL that paths can be appended to."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl().rstrip("/")
