"""Two at once: one stops after any of its calls, the other goes on for any number of its own, and then they end.

Then the first goes on to its end, and after it the second. Every interleaving of that form is tried (the other order
of ending is the one in which the second makes all its calls), with the invariants looked at after each write.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from handlers.rollout.objects import SCALED_OBJECT
from handlers.rollout.objects.autoscalers import PAUSED
from handlers.rollout.objects.configs import COPIED, carried
from handlers.rollout.snapshot import Cause
from tests.fakes import WRITES, Prometheus
from tests.lab import TICK, Lab, an_alert, at, new_lab
from tests.protocol.harness import Handler, Trace, Watcher, content, finish, picture, process, run, state_of, twin
from tests.protocol.invariants import Observer, told_twice
from tests.protocol.scenarios import SUCCESS, after_a_failed_check, daemons, pushed, scaled, with_changed_configs

ALL = 1_000
LATE = 41
"""Seconds after which the claim of a process that stands still has run out."""
V1, V2, V3 = "app:v1", "app:v2", "app:v3"
CONFIGURED = ("Succeeded", V1)
PROMOTED, BACK, NEXT = ("Succeeded", V2), ("Failed", V1), ("Succeeded", V3)


@dataclass(frozen=True)
class Actor:
    """Who takes part: a tick, an alert, a tick after the other's claim has run out, a user who pushes."""

    name: str
    alert: str = ""
    pushes: bool = False
    late: bool = False
    bad: bool = False

    def cause(self, lab: Lab) -> Cause:
        """Why it looks."""
        return an_alert(state_of(lab).started or lab.clock.moment, self.alert) if self.alert else TICK

    def work(self, lab: Lab) -> Callable[[Watcher], str]:
        """What it does, given somebody who watches each of its calls."""
        cause = self.cause(lab)
        metrics = Prometheus({SUCCESS: [10]} if self.bad else {})

        def pushing(watcher: Watcher) -> str:
            watcher.before("patch", "by the user")
            lab.push(V3)
            return "pushed"

        return pushing if self.pushes else lambda watcher: run(process(lab, watcher, metrics), lab, cause)


TICKS, FAILS, ALERT, OTHER = (
    Actor("tick"),
    Actor("failing-tick", bad=True),
    Actor("alert", "fp/1"),
    Actor("alert", "fp/2"),
)
PUSH, LATER, LATER_FAILS = (
    Actor("push", pushes=True),
    Actor("late-tick", late=True),
    Actor("late-failing", late=True, bad=True),
)


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
    yield Race("scaled-start", lambda: pushed(scaled(SCALED_OBJECT)), TICKS, LATER, frozenset({PROMOTED}))
    yield Race("scaled-advance", _scaled_up, TICKS, ALERT, frozenset({BACK}))
    yield Race("scaled-advance", _scaled_up, ALERT, LATER, frozenset({BACK}))
    yield Race("daemons-start", lambda: pushed(daemons()), TICKS, LATER, frozenset({PROMOTED}))
    yield Race("daemons-advance", lambda: at(daemons(), "Progressing", 40), TICKS, ALERT, frozenset({BACK}))
    yield Race("advance", plain["advance"], ALERT, OTHER, frozenset({BACK}))
    yield Race("advance", plain["advance"], ALERT, LATER, frozenset({BACK}))
    yield Race("last-step", plain["last-step"], ALERT, OTHER, frozenset({BACK}))
    yield Race("rollback", plain["rollback"], TICKS, LATER_FAILS, frozenset({PROMOTED, BACK}))


def _scaled_up() -> Lab:
    return at(scaled(SCALED_OBJECT), "Progressing", 40)


def calls_of(base: Lab, actor: Actor) -> list[tuple[str, str]]:
    """The calls that it makes when nobody disturbs it, as verb and object."""
    trace = Trace()
    actor.work(twin(base))(trace.watcher)
    return [(verb, path.removesuffix("/status")) for verb, path in trace.calls]


def stops(one: list[tuple[str, str]], two: list[tuple[str, str]]) -> Iterator[tuple[int, list[int]]]:
    """After how many calls the first stands still, and how many the second may make before the first goes on.

    Left out are those that differ from another one only in where a call stands that nobody can tell from there: a
    query, an Event, or a read before all writes of its process of what the other does not write in between.
    """
    yield 0, [0]
    for i in range(len(one) + 1):
        if i and (one[i - 1][0] == "query" or one[i - 1][1].endswith("/events")):
            continue
        early = bool(i) and _reads(one[: i + 1])
        yield (
            i,
            [
                j
                for j in range(1, len(two) + 1)
                if not (early and one[i - 1][1] not in _written(two[:j]))
                and not (_reads(two[:j]) and two[j - 1][1] not in _written(one[i:]))
            ]
            + [ALL],
        )


def _reads(calls: list[tuple[str, str]]) -> bool:
    return all(verb == "get" for verb, _ in calls)


def _written(calls: list[tuple[str, str]]) -> set[str]:
    return {path for verb, path in calls if verb in WRITES}


@pytest.mark.parametrize("race", tuple(races()), ids=lambda race: race.name)
def test_invariants_hold_whoever_comes_in_between(race: Race) -> None:
    """At every write and at the end, for every pair of points at which they may meet (invariants 1 to 5 and 12)."""
    base = race.ready()
    base.kubelet.run()
    base.clock.tick(10)
    seen: set[str] = set()
    for i, choices in stops(calls_of(base, race.first), calls_of(base, race.second)):
        for j in choices:
            if meet(race, twin(base), seen, (i, j)):
                break  # it has made all the calls that it makes here: to let it make more is the same again


def meet(race: Race, lab: Lab, seen: set[str], schedule: tuple[int, int]) -> bool:
    """One interleaving, to the end of the rollout, unless another one has led to the same.

    Whether the second had come to its end before the first went on.
    """
    observer = Observer(lab)
    actors = (race.first, race.second)
    one, two = (Handler(actor.work(lab), observer.after) for actor in actors)
    one.go(schedule[0])
    if race.second.late:
        lab.kubelet.run()
        lab.clock.tick(LATE)
    two.go(schedule[1])
    ended = two.ended
    one.go()
    two.go()
    assert not observer.broken, (schedule, observer.broken)
    for actor, handler in zip(actors, (one, two), strict=True):
        assert isinstance(handler.result, str), (schedule, handler.result)
        if actor.alert and handler.result.startswith("503"):
            run(process(lab, observer.watcher), lab, actor.cause(lab))
    left = content(lab)
    if left not in seen:
        seen.add(left)
        to_the_end(race, lab, observer, schedule)
    return ended


def to_the_end(race: Race, lab: Lab, observer: Observer, schedule: tuple[int, int]) -> None:
    """Ticks until the rollout is over, and what must be so then."""
    lab.world = process(lab, observer.watcher)
    finish(lab)
    image = lab.primary["spec"]["template"]["spec"]["containers"][0]["image"]
    assert not observer.broken, (schedule, observer.broken)
    assert (lab.phase, image) in race.ends, (schedule, lab.events)
    assert picture(lab)["scaler"] in (None, {PAUSED: "0"}), (schedule, lab.events)
    for config, copied in carried(lab.primary).items():
        copy = lab.get(f"v1/{config.replace('/', 's/')}-primary")
        assert copy["metadata"]["annotations"][COPIED] == copied, (schedule, lab.events)
    assert race.second.pushes or not told_twice(lab), (schedule, lab.events)
