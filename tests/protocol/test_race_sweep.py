"""Two at once: one stops after any of its calls, the other goes on for any number of its own, and then they end.

Then the first goes on to its end, and after it the second. Every interleaving of that form is tried (the other order
of ending is the one in which the second makes all its calls), with the invariants looked at after each write; without
SWEEP=all the first stops after each eighth of its calls.
"""

from collections.abc import Iterator

import pytest

from handlers.rollout.objects.autoscalers import PAUSED
from handlers.rollout.objects.configs import COPIED, carried
from tests.fakes import WRITES
from tests.lab import Lab
from tests.protocol.harness import ROUTE, Handler, Trace, content, finish, picture, process, run, twin
from tests.protocol.invariants import Observer, reached, told_twice
from tests.protocol.races import PUSH, Actor, Race, races
from tests.protocol.sampling import some

ALL = 1_000
LATE = 41
"""Seconds after which the claim of a process that stands still has run out."""


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
    for i, choices in some(tuple(stops(calls_of(base, race.first), calls_of(base, race.second))), 8, race.name):
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
    image = lab.primary["spec"]["template"]["spec"]["containers"][0]["image"] if lab.canary else ""
    assert not observer.broken, (schedule, observer.broken)
    assert (lab.phase, image) in race.ends, (schedule, lab.events)
    assert not reached(lab), (schedule, lab.get(ROUTE))
    assert picture(lab)["scaler"] in (None, {PAUSED: "0"}), (schedule, lab.events)
    for config, copied in carried(lab.primary or {}).items():
        copy = lab.get(f"v1/{config.replace('/', 's/')}-primary")
        assert copy["metadata"]["annotations"][COPIED] == copied, (schedule, lab.events)
    assert race.second is PUSH or not told_twice(lab), (schedule, lab.events)
