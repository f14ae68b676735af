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

ABOUT = "serinus_about"
"""Label: the side that an alert is about, `primary` or `canary`, where its workload does not say it."""
WORKLOADS = ("destination_workload", "workload", "deployment", "daemonset")
"""Labels that name a workload, as Istio, kube-state-metrics and most rules have them."""
POD = "pod"

_FINGERPRINT = re.compile(r"[0-9A-Za-z]{1,64}")


class Status(StrEnum):
    """Whether an alert is on."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert about one canary. `fingerprint` is the hash of its labels, the same each time it fires.

    `ends_at` is None while it fires. `about`, `workloads`: see `ABOUT`; a pod stands for the workloads it may be of.
    """

    status: Status
    namespace: str
    canary: str
    fingerprint: str
    starts_at: datetime
    ends_at: datetime | None = None
    name: str
    severity: str
    summary: str
    description: str
    value: str
    about: str = ""
    workloads: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Names this one firing of the alert; repeated notifications and retries have the same."""
        return f"{self.fingerprint}/{self.starts_at.isoformat()}"


def read(payload: bytes | Mapping[str, Any] | None) -> tuple[Alert, ...]:
    """Read the alerts that name a canary by their labels `namespace` and `canary`, in the order sent.

    `payload` is a request's body, or the `data` of a CloudEvent. The group's status is not looked at: it is firing as
    long as one alert fires. `endsAt` is the year 1 while an alert fires. Alerts that name no canary, or
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
    starts_at = time_value(text_value(fields.get("startsAt"), f"{where}.startsAt"), f"{where}.startsAt")
    status = _status(fields.get("status"), f"{where}.status")
    return Alert(
        status=status,
        namespace=namespace,
        canary=canary,
        fingerprint=fingerprint,
        starts_at=starts_at,
        ends_at=_ends_at(fields, starts_at, where) if status is Status.RESOLVED else None,
        name=line_value(labels.get("alertname"), f"{where}.labels.alertname"),
        severity=line_value(labels.get("severity"), f"{where}.labels.severity"),
        summary=line_value(annotations.get("summary"), f"{where}.annotations.summary"),
        description=line_value(annotations.get("description"), f"{where}.annotations.description"),
        value=line_value(annotations.get("value"), f"{where}.annotations.value"),
        about=text_value(labels.get(ABOUT), f"{where}.labels.{ABOUT}"),
        workloads=_workloads(labels, where),
    )


def _ends_at(fields: Mapping[str, Any], starts_at: datetime, where: str) -> datetime:
    """When a resolved alert has ended; without such a time, this firing of it has."""
    text = text_value(fields.get("endsAt"), f"{where}.endsAt")
    return max(time_value(text, f"{where}.endsAt"), starts_at) if text else starts_at


def _workloads(labels: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """The workloads that an alert names. A pod is named after its own: with one part more for a DaemonSet, two for a
    Deployment.
    """
    named = (text_value(labels.get(key), f"{where}.labels.{key}") for key in WORKLOADS)
    pod = text_value(labels.get(POD), f"{where}.labels.{POD}")
    of_pod = (pod.rsplit("-", parts)[0] for parts in (1, 2))
    return tuple(dict.fromkeys(name for name in (*named, *of_pod) if name))


def _strings(fields: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    value = fields.get(key)
    return {} if value is None else object_value(value, f"{where}.{key}")


def _status(value: object, where: str) -> Status:
    for status in Status:
        if value == status:
            return status
    raise BadEvent(f"{where}: {shown(value)}, expected firing or resolved")
