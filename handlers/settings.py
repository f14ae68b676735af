"""Settings, read once from the environment variables that `settings_table` lists."""

import difflib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from handlers.errors import BadSetting
from handlers.notifiers.knative import EXTENSION, OURS, Sink
from handlers.providers.istio import BuiltinQueries
from handlers.rollout.spec.alerts import Provider
from handlers.rollout.spec.durations import go_duration
from handlers.settings_table import SETTINGS

PREFIX: Final = "SERINUS_"

T = TypeVar("T")

_NAMESPACE = re.compile(r"(?=.{1,63}\Z)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_LABEL_KEY = re.compile(r"[A-Za-z0-9](?:[-\w./]*[A-Za-z0-9])?", re.ASCII)
_LABEL_PREFIX = re.compile(r"\*|[A-Za-z0-9][-\w./]*", re.ASCII)
_TOKEN = re.compile(r"[!-~]*")
_OVERRIDES = 'an object as {"extensions": {"name": "value"}}, names of a-z and 0-9 that are not attributes of ours'
_PROVIDER = re.compile(r"[a-z]+(?::[a-z0-9]+)?")
_IMAGE = re.compile(r"\*|[a-z0-9][-\w./:@]*", re.ASCII)
_ACCOUNT = re.compile(r"(?=.{0,253}\Z)(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?)?")
_LOG_FORMAT = re.compile(r"(?:json|text)?")
_SUBJECT = re.compile(r"system:serviceaccount:[-a-z0-9]+:[-a-z0-9.]+")
# Kubernetes tells every pod of a namespace about its Services this way, so a Service named `serinus` gets our prefix.
_SERVICE_LINK = re.compile(
    r"SERINUS_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)"
)


class ThresholdCounts(StrEnum):
    """Which failed checks count towards `analysis.threshold`."""

    CONSECUTIVE = "consecutive"
    TOTAL = "total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator chose. URLs may hold credentials, so they are not printed."""

    metrics_server: str = field(repr=False)
    builtin_queries: BuiltinQueries
    mesh_provider: str
    selector_labels: tuple[str, ...]
    include_label_prefix: tuple[str, ...]
    enable_config_tracking: bool
    namespaces: tuple[str, ...]
    threshold_counts: ThresholdCounts
    tokens_dir: Path | None
    no_auth: bool
    oidc_audience: str
    oidc_subjects: frozenset[str]
    webhook_tokens_dir: Path | None
    loadtest_timeout: timedelta
    loadtest_limit: int
    job_images: tuple[str, ...]
    job_service_account: str
    log_format: str
    time_scale: float
    event_webhook: str = field(repr=False)
    cluster_name: str
    messengers: tuple[Provider, ...]
    sink: Sink | None
    fan_out: bool

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the variables in `SETTINGS`; an empty one is as good as none.

        Raises BadSetting, with the variable, its value and what was expected, also for a `SERINUS_*` variable that
        does not exist and for settings that exclude each other. Values that may be secrets are left out.
        """
        _refuse_unknown(environ)
        values = {setting.name: environ.get(setting.name, "").strip() or setting.default for setting in SETTINGS}
        _refuse_contradictions(values)
        tokens_dir, webhook_tokens_dir = values["SERINUS_TOKENS_DIR"], values["SERINUS_WEBHOOK_TOKENS_DIR"]
        return cls(
            **_metrics(values),
            mesh_provider=_matching(
                values, "SERINUS_MESH_PROVIDER", _PROVIDER, "a provider, as istio or gatewayapi:v1"
            ),
            selector_labels=_items(values, "SERINUS_SELECTOR_LABELS", _LABEL_KEY, "names of labels"),
            include_label_prefix=_items(values, "SERINUS_INCLUDE_LABEL_PREFIX", _LABEL_PREFIX, "prefixes of labels"),
            enable_config_tracking=_switch(values, "SERINUS_ENABLE_CONFIG_TRACKING"),
            namespaces=_items(values, "SERINUS_NAMESPACES", _NAMESPACE, "names of namespaces"),
            threshold_counts=_parsed(values, "SERINUS_THRESHOLD_COUNTS", ThresholdCounts, "consecutive or total"),
            tokens_dir=Path(tokens_dir) if tokens_dir else None,
            no_auth=_switch(values, "SERINUS_NO_AUTH"),
            oidc_audience=values["SERINUS_OIDC_AUDIENCE"],
            oidc_subjects=frozenset(
                _items(values, "SERINUS_OIDC_SUBJECTS", _SUBJECT, "system:serviceaccount:NAMESPACE:NAME")
            ),
            webhook_tokens_dir=Path(webhook_tokens_dir) if webhook_tokens_dir else None,
            **_jobs_and_load(values),
            log_format=_matching(values, "SERINUS_LOG_FORMAT", _LOG_FORMAT, "json or text"),
            time_scale=_parsed(values, "SERINUS_TIME_SCALE", _scale, "a number, 1 or more"),
            event_webhook=_url(values, "SERINUS_EVENT_WEBHOOK"),
            cluster_name=values["SERINUS_CLUSTER_NAME"],
            messengers=_messengers(values),
            sink=_sink(values),
            fan_out=_switch(values, "SERINUS_FAN_OUT"),
        )


def _metrics(values: Mapping[str, str]) -> dict[str, Any]:
    """The settings of the built-in metrics."""
    return {
        "metrics_server": _url(values, "SERINUS_METRICS_SERVER"),
        "builtin_queries": _parsed(values, "SERINUS_BUILTIN_QUERIES", BuiltinQueries, "exact or flagger"),
    }


def _messengers(values: Mapping[str, str]) -> tuple[Provider, ...]:
    slack = Provider(
        type="slack",
        address=_url(values, "SERINUS_SLACK_URL"),
        channel=values["SERINUS_SLACK_CHANNEL"],
        username=values["SERINUS_SLACK_USER"],
        token=_parsed_secret(values, "SERINUS_SLACK_TOKEN"),
        proxy=_url(values, "SERINUS_SLACK_PROXY_URL"),
    )
    teams = Provider(
        type="msteams",
        address=_url(values, "SERINUS_MSTEAMS_URL"),
        proxy=_url(values, "SERINUS_MSTEAMS_PROXY_URL"),
    )
    return tuple(messenger for messenger in (slack, teams) if messenger.address)


def _parsed_secret(values: Mapping[str, str], name: str) -> str:
    if not _TOKEN.fullmatch(values[name]):
        raise BadSetting(f"{name}: (not shown), expected a token of printable ASCII")
    return values[name]


def _sink(values: Mapping[str, str]) -> Sink | None:
    url, overrides = _url(values, "K_SINK"), values["K_CE_OVERRIDES"]
    extensions = _parsed(values, "K_CE_OVERRIDES", _extensions, _OVERRIDES) if overrides else {}
    return Sink(url=url, extensions=extensions) if url else None


def _extensions(text: str) -> Mapping[str, str]:
    """Knative's `CloudEventOverrides`. Names are those that the CloudEvents spec allows, and not our own attributes."""
    document = json.loads(text)
    extensions = (document.get("extensions") or {}) if isinstance(document, dict) else None
    if not isinstance(extensions, dict):
        raise ValueError  # noqa: TRY004  `_parsed` makes the message
    for name, value in extensions.items():
        if not EXTENSION.fullmatch(name) or name in OURS or not isinstance(value, str) or not value.isprintable():
            raise ValueError
    return extensions


def _jobs_and_load(values: Mapping[str, str]) -> dict[str, Any]:
    """The settings of what webhooks start."""
    return {
        "loadtest_timeout": _parsed(values, "SERINUS_LOADTEST_TIMEOUT", _length, "a duration, as 30m"),
        "loadtest_limit": _parsed(values, "SERINUS_LOADTEST_LIMIT", _count, "a whole number, 1 to 1000"),
        "job_images": _items(values, "SERINUS_JOB_IMAGES", _IMAGE, "prefixes of images"),
        "job_service_account": _matching(
            values, "SERINUS_JOB_SERVICE_ACCOUNT", _ACCOUNT, "the name of a service account"
        ),
    }


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    known = [setting.name for setting in SETTINGS]
    for name in environ:
        if name.startswith(PREFIX) and name not in known and not _SERVICE_LINK.fullmatch(name):
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.85)  # all share the prefix
            raise BadSetting(f"{name}: no such setting, expected {near[0] if near else 'one of ' + ', '.join(known)}")


def _refuse_contradictions(values: Mapping[str, str]) -> None:
    audience, subjects = values["SERINUS_OIDC_AUDIENCE"], values["SERINUS_OIDC_SUBJECTS"]
    if bool(audience) != bool(subjects):
        raise BadSetting(
            f"SERINUS_OIDC_AUDIENCE: {audience!r}, SERINUS_OIDC_SUBJECTS: {subjects!r}, expected both or neither"
        )
    if values["SERINUS_NO_AUTH"] == "true" and (values["SERINUS_TOKENS_DIR"] or audience):
        raise BadSetting(
            "SERINUS_NO_AUTH: 'true', expected neither SERINUS_TOKENS_DIR nor SERINUS_OIDC_AUDIENCE beside it"
        )
    if values["SERINUS_FAN_OUT"] == "true" and not values["K_SINK"]:
        raise BadSetting("SERINUS_FAN_OUT: 'true', expected K_SINK beside it, which a SinkBinding sets")


def _parsed(values: Mapping[str, str], name: str, parse: Callable[[str], T], expected: str) -> T:
    try:
        return parse(values[name])
    except (ValueError, KeyError) as error:
        raise BadSetting(f"{name}: {values[name]!r}, expected {expected}") from error


def _switch(values: Mapping[str, str], name: str) -> bool:
    return _parsed(values, name, {"true": True, "false": False}.__getitem__, "true or false")


def _scale(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value >= 1):
        raise ValueError
    return value


def _length(text: str) -> timedelta:
    length = go_duration(text)
    if not length:
        raise ValueError
    return length


def _count(text: str) -> int:
    if not 1 <= int(text) <= 1000:  # noqa: PLR2004  threads
        raise ValueError
    return int(text)


def _matching(values: Mapping[str, str], name: str, pattern: re.Pattern[str], expected: str) -> str:
    if not pattern.fullmatch(values[name]):
        raise BadSetting(f"{name}: {values[name]!r}, expected {expected}")
    return values[name]


def _items(values: Mapping[str, str], name: str, pattern: re.Pattern[str], expected: str) -> tuple[str, ...]:
    items = tuple(item for part in values[name].split(",") if (item := part.strip()))
    for item in items or values[name]:  # a lone comma is no item, and bad
        if not pattern.fullmatch(item):
            raise BadSetting(f"{name}: {item!r}, expected {expected}, separated by commas")
    return items


def _url(values: Mapping[str, str], name: str) -> str:
    """Take an http or https URL, or none. A message shows it only where it cannot hold a credential."""
    url = values[name]
    try:
        parts = urlsplit(url)
        good = not url or (parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0)
    except ValueError:  # a port that is no number, a broken IPv6 address
        good = False
    if not good or any(char.isspace() for char in url):
        shown = repr(url) if "@" not in url and name == "SERINUS_METRICS_SERVER" else "(not shown)"
        raise BadSetting(f"{name}: {shown}, expected a URL, as http://host:9090")
    return url
