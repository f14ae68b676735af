"""Step one canary, some, or all that are due, and keep what goes wrong with one away from the others. Where one process
is not enough, all that are due are told to the sink instead, for a broker to spread them over many.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus

from handlers.errors import BadCanary, Permanent, SerinusError, Temporary, Unavailable
from handlers.notifiers.knative import due_post
from handlers.rollout.due import changed, wants_a_look
from handlers.rollout.freeze import Namespace
from handlers.rollout.objects import Object, Ref, annotations
from handlers.rollout.projection import project
from handlers.rollout.refusal import REFUSED
from handlers.rollout.snapshot import Cause
from handlers.step.gather import freezable
from handlers.step.lists import read_lists
from handlers.step.namespaces import read_namespace
from handlers.step.ports import Request, World
from handlers.step.refusals import Listed, judged, refused, remember
from handlers.step.watched import watched

log = logging.getLogger(__name__)

BUDGET = timedelta(seconds=20)
"""How long a tick goes on beginning steps; what is left waits for the next one."""
SINK_TIMEOUT = 5.0
"""Seconds for the sink to take one event."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Subject:
    """A canary to step: where it is, how a list has just shown it, its namespace, if others have use for it too, and
    the tokens of all that it may rest on.
    """

    ref: Ref
    listed: Object | None = None
    namespace: Namespace | None = None
    seen: Mapping[str, str] | None = field(default=None, repr=False)

    def read(self, world: World) -> Object | None:
        """The Canary, as listed or from the cluster; None when it is gone."""
        return self.listed if self.listed is not None else world.cluster.get(self.ref)


Handle = Callable[[World, Subject, Cause], SerinusError | None]
"""What is done with one of the canaries that an event is about; what went wrong with it is given back."""


def step_each(world: World, subjects: Sequence[Subject], cause: Cause) -> list[SerinusError]:
    """Step each of them; what went wrong with some, after all have had their turn."""
    return _each(world, subjects, cause, _guarded)


def _each(world: World, subjects: Sequence[Subject], cause: Cause, handle: Handle) -> list[SerinusError]:
    begun = world.now()

    def one(subject: Subject) -> Callable[[], SerinusError | None]:
        def made() -> SerinusError | None:
            if world.now() - begun > BUDGET:
                return None
            return handle(world, subject, cause)

        return made

    return [error for error in world.spread([one(subject) for subject in subjects]) if error]


def _guarded(world: World, subject: Subject, cause: Cause) -> SerinusError | None:
    try:
        watched(world, subject.ref, cause, subject.listed, subject.namespace, subject.seen)
    except SerinusError as error:
        if isinstance(error, BadCanary):
            _told(world, subject, str(error))
        return error
    return None


def _told(world: World, subject: Subject, why: str) -> None:
    """Write down on a Canary why a step has refused it, over what the step itself may have written."""
    raw = subject.read(world)
    if raw is not None and refused(subject.ref, raw, why).untold and (now := world.cluster.get(subject.ref)):
        remember(world, refused(subject.ref, now, why))


def _announced(world: World, subject: Subject, cause: Cause) -> SerinusError | None:
    """Tell the sink that this canary is due. Any refusal is for the next tick to make good."""
    sink, listed = world.config.sink, subject.listed
    assert sink and listed  # noqa: S101, PT018  the settings say so, and a tick lists them
    post = due_post(sink, listed, cause.id, world.identity(), changed=changed(listed, subject.seen or {}))
    request = Request(method="POST", url=post.url, headers=post.headers, body=post.body, timeout=SINK_TIMEOUT)
    try:
        status = world.http.send(request).status
    except Unavailable as error:
        return error
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Unavailable(f"the sink has refused the event with status {status}")
    log.info("%s/%s %s: due, told to the sink", subject.ref.namespace, subject.ref.name, cause.kind.value)
    return None


def answer(errors: Iterable[SerinusError]) -> None:
    """Raise what the sender should hear: asking again, if that can help with any; else what is wrong."""
    errors = list(errors)
    for kind in (Temporary, Permanent):
        for error in errors:
            if isinstance(error, kind):
                raise error


def sweep(world: World, namespaces: Sequence[str], cause: Cause) -> None:
    """Step all canaries that are due, longest waiting first, or tell the sink of each. An invalid one gets an Event and
    stops no other.

    Raises Unavailable when some could not be stepped, or told, and asking again may help.
    """
    subjects = _due(world, namespaces)
    handle, done = (_announced, "told to the sink") if world.config.fan_out else (_guarded, "stepped")
    errors = _each(world, subjects, cause, handle)
    temporary = [error for error in errors if isinstance(error, Temporary)]
    if temporary:
        raise Unavailable(f"{len(temporary)} of {len(subjects)} canaries could not be {done}: {temporary[0]}")


def _due(world: World, namespaces: Sequence[str]) -> list[Subject]:
    """What waits for a step; what is refused is told, and waits for nothing."""
    lists = read_lists(world, namespaces)
    listed = [judged(world, lists, ref) for ref in lists.canaries]
    told = world.spread([partial(remember, world, item) for item in listed if item.untold])
    listed = [*told, *(item for item in listed if not item.untold)]
    found = [entry for item in listed if (entry := _waiting(world, item, lists.seen(item.ref)))]
    # whoever takes a told one off the broker reads for itself
    held = [] if world.config.fan_out else [subject for _, subject, freezable in found if freezable]
    names = sorted({subject.ref.namespace for subject in held})
    read = [partial(read_namespace, world.cluster, name) for name in names]
    seen = dict(zip(names, world.together(read), strict=True))
    found.sort(key=lambda entry: entry[0])
    return [replace(subject, namespace=seen.get(subject.ref.namespace)) for _, subject, _ in found]


def _waiting(world: World, item: Listed, seen: Mapping[str, str]) -> tuple[datetime, Subject, bool] | None:
    """Since when a listed canary waits for a step, and whether that may be frozen; None when it does not wait."""
    canary, known = item.canary, item.known
    if canary is None or item.why:
        return None
    halted = canary.suspend or canary.deleting
    stale = known is not None and not halted and bool(project(known, item.raw, world.now()))
    told = bool(annotations(item.raw).get(REFUSED)) and not halted  # by a step, which alone knows when that is over
    if not stale and not told and not wants_a_look(canary, known, seen, world.now()):
        return None
    since = known.stepped if known and known.stepped else _LONG_AGO
    return since, Subject(item.ref, item.raw, seen=seen), freezable(canary, known, back=item.back)
