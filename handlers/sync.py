"""Argo CD has synced: look at the canaries whose target or own manifest is among the resources.

Whether there is a new revision is read from the cluster; the event only says where to look.
"""

from collections.abc import Sequence

from handlers.events.argocd import Synced, synced
from handlers.events.event import Event
from handlers.rollout.objects import CANARY, DEPLOYMENT, Object, Ref, metadata, spec
from handlers.rollout.snapshot import Cause, CauseKind
from handlers.step.ports import World
from handlers.step.sweep import Subject, answer, step_each


def handle(world: World, namespaces: Sequence[str], event: Event) -> None:
    """Raises BadEvent, BadCanary, and Temporary for what asking again can help."""
    about = synced(event)
    cause = Cause(kind=CauseKind.SYNC, id=f"{event.source} {event.id}")
    wanted = {item.namespace for item in about.resources if item.kind in (CANARY.name, DEPLOYMENT.name)}
    subjects = [
        Subject(Ref(CANARY, namespace, str(metadata(item)["name"])), item)
        for namespace in sorted(wanted)
        if not namespaces or namespace in namespaces
        for item in world.cluster.list(CANARY, namespace)
        if _among(about, namespace, item)
    ]
    answer(step_each(world, subjects, cause))


def _among(about: Synced, namespace: str, canary: Object) -> bool:
    target = (spec(canary).get("targetRef") or {}).get("name")
    return any(
        resource.namespace == namespace
        and (
            (
                resource.group == CANARY.group
                and resource.kind == CANARY.name
                and resource.name == metadata(canary)["name"]
            )
            or (resource.group == DEPLOYMENT.group and resource.kind == DEPLOYMENT.name and resource.name == target)
        )
        for resource in about.resources
    )
