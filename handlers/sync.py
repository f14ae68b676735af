"""Argo CD has synced: look at the canaries whose target or own manifest is among the resources.

Whether there is a new revision is read from the cluster; the event only says where to look.
"""

from collections.abc import Sequence

from handlers.events.argocd import Synced, synced
from handlers.events.event import Event
from handlers.rollout.objects import (
    CANARY,
    CONFIG_MAP,
    DAEMONSET,
    DEPLOYMENT,
    HPA,
    SCALED_OBJECT,
    SECRET,
    SERVICE,
    Object,
    Ref,
    metadata,
    spec,
    status,
)
from handlers.rollout.snapshot import Cause, CauseKind
from handlers.step.ports import World
from handlers.step.scene import UNLISTED
from handlers.step.sweep import Subject, answer, step_each

_KINDS = (CANARY, DEPLOYMENT, DAEMONSET, HPA, SCALED_OBJECT, CONFIG_MAP, SECRET, SERVICE)
_ABOUT = frozenset(kind.name for kind in _KINDS)


def handle(world: World, namespaces: Sequence[str], event: Event) -> None:
    """Raises BadEvent, BadCanary, and Temporary for what asking again can help."""
    cause = Cause(kind=CauseKind.SYNC, id=f"{event.source} {event.id}")
    answer(step_each(world, subjects(world, namespaces, event), cause))


def subjects(world: World, namespaces: Sequence[str], event: Event) -> list[Subject]:
    """The canaries that have something among the resources. Raises BadEvent and Unavailable."""
    about = synced(event)
    wanted = {item.namespace for item in about.resources if item.kind in _ABOUT}
    return [
        Subject(Ref(CANARY, namespace, str(metadata(item)["name"])), item, seen=UNLISTED)
        for namespace in sorted(wanted)
        if not namespaces or namespace in namespaces
        for item in world.cluster.list(CANARY, namespace)
        if _among(about, namespace, item)
    ]


def _among(about: Synced, namespace: str, canary: Object) -> bool:
    names = {(CANARY.group, CANARY.name, str(metadata(canary)["name"]))}
    for field, default in (("targetRef", DEPLOYMENT.name), ("autoscalerRef", "")):
        ref = spec(canary).get(field) or {}
        kind = ref.get("kind") or default
        names |= {(one.group, kind, str(ref.get("name"))) for one in _KINDS if one.name == kind}
    configs = status(canary).get("trackedConfigs") or {}
    return any(
        resource.namespace == namespace
        and (
            (resource.group, resource.kind, resource.name) in names
            or (resource.group == CONFIG_MAP.group and f"{resource.kind.lower()}/{resource.name}" in configs)
        )
        for resource in about.resources
    )
