"""Manual gates, by the API of Flagger's load tester, and commands to one canary; both are kept in its annotations."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from handlers.errors import Conflict, NotFound, NotNow
from handlers.events.call import Call
from handlers.rollout import commands, gates, state
from handlers.rollout.commands import RETRY
from handlers.rollout.gates import GATES, Gate
from handlers.rollout.objects import CANARY, Object, Ref, annotations, resource_version
from handlers.rollout.snapshot import Cause, CauseKind
from handlers.rollout.state import Phase, State
from handlers.rollout.written import time_text
from handlers.step.ports import World
from handlers.step.sweep import Subject, answer, step_each

log = logging.getLogger(__name__)

TRIES = 3


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer, as plain text."""

    status: HTTPStatus
    text: str = ""


APPROVED = Reply(HTTPStatus.OK, "Approved")
FORBIDDEN = Reply(HTTPStatus.FORBIDDEN, "Forbidden")
ACCEPTED = Reply(HTTPStatus.ACCEPTED)
OK = Reply(HTTPStatus.OK, "OK")

Handle = Callable[[World, Sequence[str], Call], Reply]
Value = Callable[[State, Call, datetime], str | None]


def check(gate: Gate) -> Handle:
    """Whether the gate is open: 200 or 403, which a webhook takes for yes and no."""

    def handle(world: World, namespaces: Sequence[str], call: Call) -> Reply:
        found = gates.load(annotations(_canary(world, namespaces, call)))
        return APPROVED if gates.is_open(found, gate, world.now()) else FORBIDDEN

    return handle


def turn(gate: Gate, *, opened: bool) -> Handle:
    """Open or close a gate: 202. An open one closes by itself after `ttl`."""

    def handle(world: World, namespaces: Sequence[str], call: Call) -> Reply:
        def changed(raw: Object) -> Mapping[str, str | None]:
            others = {key: until for key, until in gates.load(annotations(raw)).items() if key is not gate}
            until = world.now() + call.ttl if call.ttl else None
            return {GATES: gates.dump({**others, gate: until} if opened else others)}

        _annotate(world, namespaces, call, changed)
        log.info("%s/%s: %s %s", call.namespace, call.name, gate.value, "opened" if opened else "closed")
        return ACCEPTED

    return handle


def command(annotation: str, value: Value) -> Handle:
    """Write a command's annotation, and step the canary at once: 200, and the phase that it is in then.

    Raises NotNow when there is nothing that the command could be about, and what a step raises: the command stands.
    """

    def handle(world: World, namespaces: Sequence[str], call: Call) -> Reply:
        def changed(raw: Object) -> Mapping[str, str | None]:
            known = state.load(annotations(raw)) or State()
            return {annotation: value(known, call, world.now())}

        raw = _annotate(world, namespaces, call, changed)
        log.info("%s/%s: %s", call.namespace, call.name, annotation)
        subject = Subject(Ref(CANARY, call.namespace, call.name), raw)
        answer(step_each(world, [subject], Cause(kind=CauseKind.COMMAND, id=annotation, text=call.reason)))
        known = state.load(annotations(_canary(world, namespaces, call))) or State()
        return Reply(HTTPStatus.OK, f"{call.name}.{call.namespace} {known.phase.value} {known.weight}%")

    return handle


def _in(phases: frozenset[Phase], what: str) -> Value:
    """A value that no command had before, in a phase in which it means something."""

    def value(known: State, call: Call, now: datetime) -> str:
        if known.phase not in phases:
            raise NotNow(f"{call.name}.{call.namespace} is {known.phase.value}: there is nothing to {what}")
        return f"{time_text(now)} {call.reason}".strip()

    return value


HANDLERS: Mapping[str, Handle] = {
    "/gate/check": check(Gate.GATE),
    "/gate/open": turn(Gate.GATE, opened=True),
    "/gate/close": turn(Gate.GATE, opened=False),
    "/rollback/check": check(Gate.ROLLBACK),
    "/rollback/open": turn(Gate.ROLLBACK, opened=True),
    "/rollback/close": turn(Gate.ROLLBACK, opened=False),
    "/canary/retry": command(RETRY, _in(frozenset({Phase.FAILED}), "retry")),
    "/canary/abort": command(commands.ABORT, _in(commands.ABORTABLE, "abort")),
    "/canary/promote": command(commands.PROMOTE, _in(commands.UNDECIDED, "promote")),
    "/canary/pause": command(commands.PAUSE, lambda _known, _call, _now: "true"),
    "/canary/resume": command(commands.PAUSE, lambda _known, _call, _now: None),
}
"""What is asked about one canary, by path (loadtester/server.go); the answers to `/gate/approve` and `/gate/halt`,
`OK` and `FORBIDDEN`, are about none."""


def _canary(world: World, namespaces: Sequence[str], call: Call) -> Object:
    ref = Ref(CANARY, call.namespace, call.name)
    raw = world.cluster.get(ref) if not namespaces or call.namespace in namespaces else None
    if raw is None:
        raise NotFound(f"there is no {ref}")
    return raw


def _annotate(
    world: World, namespaces: Sequence[str], call: Call, changed: Callable[[Object], Mapping[str, str | None]]
) -> Object:
    """Write annotations on what was read, three times if need be; the Canary with them. Raises NotFound, Conflict."""
    ref = Ref(CANARY, call.namespace, call.name)
    for _ in range(TRIES):
        raw = _canary(world, namespaces, call)
        patch = {"metadata": {"annotations": changed(raw)}}
        try:
            return world.cluster.patch(ref, patch, resource_version(raw))
        except Conflict as conflict:
            log.info("%s: %s", ref, conflict)
    raise Conflict(f"{ref}: somebody else wrote first, {TRIES} times")
