"""A process may die, or be lied to by the network, at any call: the rollout ends as if nothing had happened.

Without SWEEP=all a sixth of the faults is tried.
"""

from collections import defaultdict
from collections.abc import Iterator

import pytest

from tests.lab import Lab
from tests.protocol.harness import Fault, Trace, content, finish, picture, process, run, told, twin
from tests.protocol.invariants import TRANSITIONS
from tests.protocol.sampling import some
from tests.protocol.scenarios import SCENARIOS, Scenario
from tests.protocol.situations import AFTER, NEWS


def to_the_end(lab: Lab, scenario: Scenario) -> Lab:
    """What comes after the step: Alertmanager, which had no answer, sends again; ticks; nothing more goes wrong."""
    scenario.then(lab)
    if scenario.alert:
        run(lab.world, lab, scenario.cause(lab))
    finish(lab)
    return lab


def without_a_crash(scenario: Scenario) -> tuple[Lab, int]:
    """How it ends when all goes well, and how many calls the step makes."""
    lab, trace = scenario.lab(), Trace()
    run(process(lab, trace.watcher), lab, scenario.cause(lab))
    return to_the_end(lab, scenario), len(trace.calls)


def faults(points: int) -> list[Fault]:
    """Dead before the first call and after each; each call lost on its way back, or on its way there."""
    kinds = [Fault(kind, at) for kind in ("lost", "refused") for at in range(1, points + 1)]
    return [Fault("dies", at) for at in range(points + 1)] + kinds


def sweep_of(scenario: Scenario, points: int) -> Iterator[tuple[Fault, Lab]]:
    """Each fault with the lab at the end; where two leave the same behind, only the first goes on to the end."""
    base, seen = scenario.lab(), set()
    for fault in some(faults(points), 6, scenario.name):
        lab = twin(base)
        run(process(lab, fault.watcher), lab, scenario.cause(lab))
        assert fault.made >= fault.at, f"{fault}: there were only {fault.made} calls"
        left = content(lab)
        if left not in seen:
            seen.add(left)
            yield fault, to_the_end(lab, scenario)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_fault_at_any_call_changes_nothing_in_the_end(scenario: Scenario) -> None:
    """Whatever call of a step goes wrong, later events end the rollout as if it had not (invariant 4).

    And event and post-rollout webhooks get each message, again if need be, but always under one key (invariant 12).
    """
    clean, points = without_a_crash(scenario)
    assert (clean.phase, points > 5) == (scenario.ends, True)
    expected, to_tell = picture(clean), messages(clean)
    assert bool(to_tell) == scenario.name.endswith("-with-hooks")
    for fault, lab in sweep_of(scenario, points):
        assert picture(lab) == expected, fault
        all_told(fault, messages(lab), to_tell)


Messages = defaultdict[tuple[str, str], set[str]]


def all_told(fault: Fault, sent: Messages, expected: Messages) -> None:
    """Nothing is lost, and nothing comes twice with different keys."""
    for message, keys in expected.items():
        # a question that was not answered is told as such, but what was done is told as ever
        if fault.kind == "dies" or any(words in message[1] for words in TRANSITIONS):
            assert sent[message], (fault, message)
        if len(keys) == 1:
            assert len(sent[message]) < 2, (fault, message, sent[message])


def messages(lab: Lab) -> Messages:
    """The keys under which each message was sent to webhooks that are told, and not asked."""
    keys: Messages = defaultdict(set)
    for url, about, key in told(lab):
        if url in (NEWS["url"], AFTER["url"]):
            keys[url, about].add(key)
    return keys
