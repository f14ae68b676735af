"""Who meets whom: a step of each kind that is under way, and what else may come while it is."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from handlers.rollout.commands import ABORT, PROMOTE
from handlers.rollout.objects import SCALED_OBJECT
from handlers.rollout.snapshot import Cause
from tests.fakes import Prometheus
from tests.lab import TICK, Lab, a_canary, an_alert, at, its_end, new_lab
from tests.protocol.harness import ROUTE, Watcher, process, run, state_of
from tests.protocol.situations import (
    SUCCESS,
    after_a_failed_check,
    asked,
    blue_green,
    daemons,
    deleted,
    iterated,
    left_by_flagger,
    mirrored,
    old_alert,
    pushed,
    scaled,
    sticky,
    tested,
    under_an_alert,
    with_analysis,
    with_changed_configs,
)

V1, V2, V3 = "app:v1", "app:v2", "app:v3"
CONFIGURED = ("Succeeded", V1)
PROMOTED, BACK, NEXT = ("Succeeded", V2), ("Failed", V1), ("Succeeded", V3)
GONE = ("", "")


@dataclass(frozen=True)
class Actor:
    """Who takes part: a tick, an alert, a tick after the other's claim has run out, a user who edits.

    `old`, `ended`: the alert was firing before the rollout began; it has ended.
    """

    name: str
    alert: str = ""
    edits: Callable[[Lab], object] | None = None
    late: bool = False
    old: bool = False
    ended: bool = False
    bad: bool = False

    def cause(self, lab: Lab) -> Cause:
        """Why it looks."""
        if not self.alert:
            return TICK
        if self.old:
            return its_end(old_alert(lab), lab.clock.moment) if self.ended else old_alert(lab)
        return an_alert(state_of(lab).started or lab.clock.moment, self.alert)

    def work(self, lab: Lab) -> Callable[[Watcher], str]:
        """What it does, given somebody who watches each of its calls."""
        cause = self.cause(lab)
        metrics = Prometheus({SUCCESS: [10]} if self.bad else {})

        def editing(watcher: Watcher) -> str:
            watcher.before("patch", "by the user")
            assert self.edits
            self.edits(lab)
            watcher.after("edit", "by the user")
            return "edited"

        return editing if self.edits else lambda watcher: run(process(lab, watcher, metrics), lab, cause)


def strayed(lab: Lab) -> None:
    """Somebody sends half of all requests to the canary, without headers, cookies or a mirror."""
    sides = [{"destination": {"host": f"app-{side}"}, "weight": 50} for side in ("primary", "canary")]
    lab.edit(ROUTE, {"spec": {"http": [{"route": sides}]}})


TICKS, FAILS, ALERT, OTHER = (
    Actor("tick"),
    Actor("failing-tick", bad=True),
    Actor("alert", "fp/1"),
    Actor("alert", "fp/2"),
)
PUSH, LATER, LATER_FAILS = (
    Actor("push", edits=lambda lab: lab.push(V3)),
    Actor("late-tick", late=True),
    Actor("late-failing", late=True, bad=True),
)
OLD, ENDS = Actor("old-alert", "old/1", old=True), Actor("end-of-an-alert", "old/1", old=True, ended=True)
ABORTS, STRAYS = Actor("abort", edits=lambda lab: asked(lab, ABORT)), Actor("hand-edited-route", edits=strayed)


@dataclass(frozen=True)
class Race:
    """Two actors at one stage, and all the ends that are right."""

    stage: str
    ready: Callable[[], Lab] = field(compare=False)
    first: Actor
    second: Actor
    ends: frozenset[tuple[str, str]]

    @property
    def name(self) -> str:
        """What the test is called."""
        return f"{self.stage}:{self.first.name}+{self.second.name}"


def races() -> Iterator[Race]:
    """All of them."""
    plain = {
        "start": lambda: pushed(new_lab()),
        "advance": lambda: at(new_lab(), "Progressing", 40),
        "last-step": lambda: at(new_lab(), "Progressing", 60),
        "last-step-configs": lambda: with_changed_configs(60),
        "promoting": lambda: at(new_lab(), "Promoting", 60),
        "finalising": lambda: at(new_lab(), "Finalising"),
        "rollback": lambda: after_a_failed_check(new_lab(), 40, 2),
    }
    for stage, ready in plain.items():
        first = FAILS if stage == "rollback" else TICKS
        alone = {"rollback": BACK, "last-step-configs": CONFIGURED}.get(stage, PROMOTED)
        alerted = {
            "start": {PROMOTED, BACK},
            "last-step": {PROMOTED, BACK},
            "last-step-configs": {CONFIGURED, BACK},
            "promoting": {PROMOTED},
            "finalising": {PROMOTED},
        }.get(stage, {BACK})
        yield Race(stage, ready, first, first, frozenset({alone}))
        yield Race(stage, ready, first, PUSH, frozenset({NEXT}))
        yield Race(
            stage, ready, first, LATER, frozenset({PROMOTED, BACK}) if stage == "rollback" else frozenset({alone})
        )
        yield Race(stage, ready, first, ALERT, frozenset(alerted))
    yield from taken_over()
    yield Race("scaled-start", lambda: pushed(scaled(SCALED_OBJECT)), TICKS, LATER, frozenset({PROMOTED}))
    yield Race("scaled-advance", _scaled_up, TICKS, ALERT, frozenset({BACK}))
    yield Race("scaled-advance", _scaled_up, ALERT, LATER, frozenset({BACK}))
    yield Race("daemons-start", lambda: pushed(daemons()), TICKS, LATER, frozenset({PROMOTED}))
    yield Race("daemons-advance", lambda: at(daemons(), "Progressing", 40), TICKS, ALERT, frozenset({BACK}))
    yield Race("advance", plain["advance"], ALERT, OTHER, frozenset({BACK}))
    yield Race("advance", plain["advance"], ALERT, LATER, frozenset({BACK}))
    yield Race("last-step", plain["last-step"], ALERT, OTHER, frozenset({BACK}))
    yield Race("rollback", plain["rollback"], TICKS, LATER_FAILS, frozenset({PROMOTED, BACK}))
    yield Race("first-step", lambda: at(new_lab(), "Progressing"), TICKS, LATER, frozenset({PROMOTED}))
    promoted_now = Race("promote-now", _promoted_now, TICKS, ALERT, frozenset({PROMOTED, BACK}))
    yield from held(plain)
    yield from (*strategies(), promoted_now, Race("deletion", _deleted, TICKS, ALERT, frozenset({GONE})))


def held(plain: Mapping[str, Callable[[], Lab]]) -> Iterator[Race]:
    """An alert that was firing before the rollout meets its steps, another alert, and its own end."""
    for stage, end in {"start": PROMOTED, "advance": PROMOTED, "last-step": PROMOTED, "promoting": PROMOTED}.items():
        yield Race(stage, plain[stage], TICKS, OLD, frozenset({end}))
    yield Race("rollback", plain["rollback"], FAILS, OLD, frozenset({BACK}))
    yield Race("advance", plain["advance"], ALERT, OLD, frozenset({BACK}))
    yield Race("advance", plain["advance"], OLD, OLD, frozenset({PROMOTED}))
    for stage in ("advance", "last-step"):

        def ready(stage: str = stage) -> Lab:
            return under_an_alert(plain[stage]())

        yield Race(f"held-{stage}", ready, TICKS, ENDS, frozenset({PROMOTED}))
        yield Race(f"held-{stage}", ready, TICKS, LATER, frozenset({PROMOTED}))
        yield Race(f"held-{stage}", ready, TICKS, ALERT, frozenset({BACK}))
    yield Race("held-advance", lambda: under_an_alert(plain["advance"]()), ALERT, ENDS, frozenset({BACK}))


def strategies() -> Iterator[Race]:
    """A step of each strategy that changes who gets to the canary."""
    steps = {
        "ab": lambda: at(tested(), "Progressing"),
        "blue-green": lambda: iterated(blue_green(), 2),
        "mirror": lambda: mirrored(with_analysis(mirror=True)),
        "affinity": lambda: at(sticky(), "Progressing", 20),
    }
    meets = {TICKS: PROMOTED, ALERT: BACK, PUSH: NEXT, ABORTS: BACK, STRAYS: PROMOTED}
    for stage, ready in steps.items():
        for second, end in meets.items():
            yield Race(stage, ready, TICKS, second, frozenset({end}))


def taken_over() -> Iterator[Race]:
    """The first look at what Flagger has begun, and at what it has all but finished."""

    def advance() -> Lab:
        return left_by_flagger("weighted-promotes", ["status", "Progressing", 40])

    for second, end in {TICKS: PROMOTED, ALERT: BACK, PUSH: NEXT, STRAYS: PROMOTED}.items():
        yield Race("taken-over", advance, TICKS, second, frozenset({end}))
    yield Race("taken-over", advance, ALERT, LATER, frozenset({BACK}))
    yield Race("taken-over-gate", _at_flaggers_gate, TICKS, PUSH, frozenset({NEXT}))


def _at_flaggers_gate() -> Lab:
    return left_by_flagger("gate-promotion", ["status", "WaitingPromotion"])


def _promoted_now() -> Lab:
    return asked(at(new_lab(), "Progressing", 20), PROMOTE)


def _deleted() -> Lab:
    return deleted(at(new_lab(a_canary(revertOnDeletion=True)), "Progressing", 40))


def _scaled_up() -> Lab:
    return at(scaled(SCALED_OBJECT), "Progressing", 40)
