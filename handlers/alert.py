"""Alertmanager says that alerts fire: each one that names a canary rolls it back, now; and that they have ended."""

import logging
from collections.abc import Sequence

from handlers.events.alertmanager import Alert, Status
from handlers.rollout.objects import CANARY, Ref, metadata, spec
from handlers.rollout.snapshot import Cause, CauseKind
from handlers.step.ports import World
from handlers.step.sweep import Subject, answer, step_each

log = logging.getLogger(__name__)


def handle(world: World, namespaces: Sequence[str], alerts: Sequence[Alert], event_id: str) -> None:
    """Raises BadCanary, and Temporary for what asking again can help. A resolved alert holds no more."""
    errors = []
    for alert in _ours(alerts, namespaces):
        found = subjects(world, alert)
        if not found:
            log.info("no Canary %s/%s for alert %s", alert.namespace, alert.canary, alert.name)
        errors += step_each(world, found, _cause(alert, event_id))
    answer(errors)


def firing(alerts: Sequence[Alert], namespaces: Sequence[str]) -> list[Alert]:
    """Those that are on, and about a namespace of ours."""
    return [one for one in _ours(alerts, namespaces) if one.status is Status.FIRING]


def _ours(alerts: Sequence[Alert], namespaces: Sequence[str]) -> list[Alert]:
    return [one for one in alerts if not namespaces or one.namespace in namespaces]


def _cause(alert: Alert, event_id: str) -> Cause:
    words = alert.summary or alert.description
    value = f" ({alert.value})" if alert.value and alert.value not in words else ""
    state = "is firing" if alert.status is Status.FIRING else "has ended"
    text = f"{alert.name} {state}" + (f": {words}" if words else "") + value
    return Cause(
        kind=CauseKind.ALERT,
        id=event_id or alert.key,
        alert=alert.key,
        alert_name=alert.name,
        alert_started=alert.starts_at,
        alert_ended=alert.ends_at,
        about=alert.about,
        workloads=alert.workloads,
        text=text,
    )


def subjects(world: World, alert: Alert) -> list[Subject]:
    """The Canary of that name; rules that can only name the workload find it by its target."""
    ref = Ref(CANARY, alert.namespace, alert.canary)
    if raw := world.cluster.get(ref):
        return [Subject(ref, raw)]
    return [
        Subject(Ref(CANARY, alert.namespace, str(metadata(item)["name"])), item)
        for item in world.cluster.list(CANARY, alert.namespace)
        if (spec(item).get("targetRef") or {}).get("name") == alert.canary
    ]
