"""Alerts that name a canary, from Alertmanager's webhook (version 4), bare or as the data of a CloudEvent."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from handlers.errors import BadEvent
from handlers.events.fields import (
    is_name,
    is_namespace,
    json_value,
    line_value,
    list_value,
    object_value,
    shown,
    text_value,
    time_value,
)

_FINGERPRINT = re.compile(r"[0-9A-Za-z]{1,64}")


class Status(StrEnum):
    """Whether an alert is on."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert about one canary. `fingerprint` is the hash of its labels, the same each time it fires."""

    status: Status
    namespace: str
    canary: str
    fingerprint: str
    starts_at: datetime
    name: str
    severity: str
    summary: str
    description: str
    value: str

    @property
    def key(self) -> str:
        """Names this one firing of the alert; repeated notifications and retries have the same."""
        return f"{self.fingerprint}/{self.starts_at.isoformat()}"


def read(payload: bytes | Mapping[str, Any] | None) -> tuple[Alert, ...]:
    """Read the alerts that name a canary by their labels `namespace` and `canary`, in the order sent.

    `payload` is a request's body, or the `data` of a CloudEvent. The group's status is not looked at: it is firing as
    long as one alert fires. Nor is `endsAt`, which is the year 1 while an alert fires. Alerts that name no canary, or
    none that can exist, are left out unread. Raises BadEvent for another version or a field of another type.
    Source: Alertmanager, docs/configuration.md `<webhook_config>` and template/template.go.
    """
    document = object_value(json_value(payload, "body") if isinstance(payload, bytes) else payload, "body")
    version = document.get("version")
    if version != "4":
        raise BadEvent(f'version: {shown(version)}, expected "4", Alertmanager\'s webhook')
    return tuple(_alerts(list_value(document.get("alerts"), "alerts")))


def _alerts(items: list[object]) -> Iterator[Alert]:
    for number, item in enumerate(items):
        where = f"alerts[{number}]"
        fields = object_value(item, where)
        labels = _strings(fields, "labels", where)
        namespace = text_value(labels.get("namespace"), f"{where}.labels.namespace")
        canary = text_value(labels.get("canary"), f"{where}.labels.canary")
        if is_namespace(namespace) and is_name(canary):
            yield _alert(fields, labels, namespace, canary, where)


def _alert(fields: Mapping[str, Any], labels: Mapping[str, Any], namespace: str, canary: str, where: str) -> Alert:
    annotations = _strings(fields, "annotations", where)
    fingerprint = text_value(fields.get("fingerprint"), f"{where}.fingerprint")
    if not _FINGERPRINT.fullmatch(fingerprint):
        raise BadEvent(f"{where}.fingerprint: {shown(fingerprint)}, expected a hash as 0e81438764a5bfb2")
    starts_at = text_value(fields.get("startsAt"), f"{where}.startsAt")
    return Alert(
        status=_status(fields.get("status"), f"{where}.status"),
        namespace=namespace,
        canary=canary,
        fingerprint=fingerprint,
        starts_at=time_value(starts_at, f"{where}.startsAt"),
        name=line_value(labels.get("alertname"), f"{where}.labels.alertname"),
        severity=line_value(labels.get("severity"), f"{where}.labels.severity"),
        summary=line_value(annotations.get("summary"), f"{where}.annotations.summary"),
        description=line_value(annotations.get("description"), f"{where}.annotations.description"),
        value=line_value(annotations.get("value"), f"{where}.annotations.value"),
    )


def _strings(fields: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    value = fields.get(key)
    return {} if value is None else object_value(value, f"{where}.{key}")


def _status(value: object, where: str) -> Status:
    for status in Status:
        if value == status:
            return status
    raise BadEvent(f"{where}: {shown(value)}, expected firing or resolved")
