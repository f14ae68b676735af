"""What the sweeps, and reading with them in mind, have found: one test each, named after what went wrong."""

from collections import defaultdict

from handlers.rollout.snapshot import Cause
from tests.fakes import TICK, Died, Lab, at, new_lab
from tests.protocol.harness import Watcher, finish, process, run, state_of, told
from tests.protocol.scenarios import after_a_failed_check

CANARY = "/canaries/app"


def dies_after(lab: Lab, cause: Cause, *calls: tuple[str, str]) -> None:
    """A process makes a step, and dies right after the last of these calls (a verb, and how the path ends)."""
    left = list(calls)

    def after(verb: str, path: str) -> None:
        if verb == left[0][0] and path.endswith(left[0][1]):
            left.pop(0)
        if not left:
            raise Died

    assert run(process(lab, Watcher(after=after)), lab, cause) == "died"


def keys(lab: Lab) -> dict[str, set[str]]:
    """Under which keys each message was sent."""
    found: dict[str, set[str]] = defaultdict(set)
    for _, about, key in told(lab):
        found[about].add(key)
    return found


def test_status_stayed_behind_when_a_process_died_before_it_was_written() -> None:
    """A commit stands, its status does not: the next tick shows the state, though nothing else has changed."""
    lab = at(new_lab(), "Finalising")
    lab.clock.tick(10)
    dies_after(lab, TICK, ("patch", CANARY), ("patch", CANARY))
    assert (state_of(lab).phase.value, lab.phase) == ("Succeeded", "Finalising")
    finish(lab)
    assert lab.phase == "Succeeded"


def test_a_copy_that_was_taken_over_kept_the_failed_checks() -> None:
    """All checks had passed before the copy: the count is reset by whoever finds the copy made."""
    lab = after_a_failed_check(new_lab(), 60, 1)
    lab.clock.tick(10)
    dies_after(lab, TICK, ("patch", "/app-primary"))
    assert state_of(lab).failed == 1
    finish(lab)
    assert (lab.phase, lab.canary["status"]["failedChecks"]) == ("Succeeded", 0)
