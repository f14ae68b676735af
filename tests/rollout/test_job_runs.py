"""A Job is run for the run in hand, and once more for a retry."""

from dataclasses import replace

import pytest

from handlers.rollout.commands import RETRY
from handlers.rollout.jobs import run
from handlers.rollout.jobs.job import Wanted, job_ref
from handlers.rollout.state import Intent, Kind, Message, Phase, State
from tests.rollout.examples import NEW, a_canary, a_claim

CLAIMED = State(phase=Phase.PROGRESSING, revision="1-a", claim=a_claim(revision="1-b"))
TELLING = State(
    phase=Phase.PROGRESSING,
    revision="1-b",
    outbox=(Message(kind=Kind.POST_ROLLOUT, text="", phase=Phase.FAILED, revision="1-a"),),
)


@pytest.mark.parametrize(
    ("state", "revision", "told", "expected"),
    [
        pytest.param(State(), "1-a", False, False, id="nothing was ever looked at"),
        pytest.param(State(phase=Phase.PROGRESSING, revision="1-a"), "1-a", False, True, id="by hand, in the middle"),
        pytest.param(State(phase=Phase.PROGRESSING, revision="1-a"), "1-b", False, False, id="of another revision"),
        pytest.param(State(phase=Phase.SUCCEEDED, revision="1-a"), "1-a", False, False, id="when it is over"),
        pytest.param(State(phase=Phase.WAITING, revision="1-a"), "1-a", False, False, id="of what is promoted"),
        pytest.param(CLAIMED, "1-b", False, True, id="by a step, of what it claims"),
        pytest.param(CLAIMED, "1-a", False, False, id="by a step that was overtaken"),
        pytest.param(replace(CLAIMED, claim=a_claim(Intent.ROLLBACK)), NEW, False, False, id="while it is rolled back"),
        pytest.param(State(phase=Phase.SUCCEEDED, revision="1-a"), "1-a", True, True, id="told, when it is over"),
        pytest.param(TELLING, "1-a", True, True, id="told late, of the run before"),
        pytest.param(TELLING, "1-c", True, False, id="told of what nobody knows"),
    ],
)
def test_whom_a_job_is_run_for(state: State, revision: str, told: bool, expected: bool) -> None:
    """For the run in hand, and after it for those that are told of its end."""
    assert run.concerns(state, revision, told=told) is expected


@pytest.mark.parametrize(
    ("phase", "told", "expected"),
    [
        pytest.param(Phase.PROGRESSING, False, "first", id="a run keeps what it began with"),
        pytest.param(Phase.FAILED, False, "second", id="a run that is about to begin"),
        pytest.param(Phase.FAILED, True, "first", id="of the run that is over"),
    ],
)
def test_a_retry_is_another_attempt(phase: Phase, told: bool, expected: str) -> None:
    """Its value makes another name, and none makes the name that there always was."""
    state = State(phase=phase, retried="first")
    assert run.attempt(state, {RETRY: "second"}, told=told) == expected
    asked = Wanted(name="expand", revision="1-abc", spec="unused", template="")
    names = {job_ref(a_canary(), replace(asked, attempt=attempt)).name for attempt in ("", expected, "third")}
    assert len(names) == 3
