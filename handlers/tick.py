"""A scheduled tick: step every canary that is due, or the one that is named."""

from collections.abc import Sequence

from handlers.events.event import Event
from handlers.events.tick import tick
from handlers.rollout.objects import CANARY, Ref
from handlers.rollout.snapshot import Cause, CauseKind
from handlers.step.ports import World
from handlers.step.scene import UNLISTED
from handlers.step.sweep import Subject, answer, step_each, sweep


def handle(world: World, namespaces: Sequence[str], event: Event) -> None:
    """Raises BadEvent, Temporary for what asking again can help, and BadCanary when one canary was named."""
    wanted = tick(event)
    cause = Cause(kind=CauseKind.TICK, id=f"{event.source} {event.id}")
    if namespaces and wanted.namespace and wanted.namespace not in namespaces:
        return
    if wanted.name:
        ref, seen = Ref(CANARY, wanted.namespace, wanted.name), UNLISTED if wanted.changed else None
        answer(step_each(world, [Subject(ref, seen=seen)], cause))
    else:
        sweep(world, (wanted.namespace,) if wanted.namespace else namespaces, cause)
