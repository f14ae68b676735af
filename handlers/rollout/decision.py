"""What a step has decided: actions, the next state, and what to tell about it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from handlers.rollout import cookies
from handlers.rollout.actions import Action
from handlers.rollout.checks import Finding
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.state import Intent, Kind, Message, Phase, State
from handlers.rollout.timing import step_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Actions in order, the state after them, and the messages of this step.

    `meanwhile` is the state that stands together with the intent while the actions are made, and `reasons` are told
    even if the step does not get further than that. `told` is the decision in plain words, for history and log.
    `release`: the last thing is to let the Canary be deleted. `untouched`: nothing at all is written, whatever has
    been seen. Without `looked`, what was read does not count as seen. `refused` is set when the step may not be made
    now and somebody should ask again: it becomes a 503.
    """

    told: str
    state: State
    intent: Intent = Intent.HEAL
    actions: tuple[Action, ...] = ()
    reasons: tuple[Message, ...] = ()
    messages: tuple[Message, ...] = ()
    findings: tuple[Finding, ...] = ()
    meanwhile: State | None = None
    refused: str = ""
    untouched: bool = False
    looked: bool = True
    release: bool = False


def settle(s: Snapshot, **changes: Any) -> State:
    """The next state: no claim, and these changes. With a weight come and go the requests it is about, and cookies."""
    held = "" if s.primary_can_serve else s.known.held
    state = replace(s.known, **({"claim": None, "held": held} | changes))
    if "weight" not in changes:
        return state
    weighed = state.weight > 0
    kept = replace(state, matched=state.matched and weighed, predecessors=state.predecessors and weighed)
    return cookies.kept(s.canary, kept)


def stepped(s: Snapshot, **changes: Any) -> State:
    """The next state of a finished step: counted, timed, waiting for nothing, and these changes."""
    done = {"seq": s.known.seq + 1, "stepped": step_time(s.known, s.now, s.canary.analysis.interval)}
    return settle(s, **({"waiting": "", "deadline": None} | done | changes))


def nothing(s: Snapshot, told: str) -> Decision:
    """Nothing to do; a claim that has run out is cleared all the same."""
    return Decision(told=told, state=settle(s))


def normal(phase: Phase, text: str) -> Message:
    """Something to tell that is as it should be."""
    return Message(kind=Kind.NORMAL, text=text, phase=phase)


def warning(phase: Phase, text: str) -> Message:
    """Something to tell that somebody should look at."""
    return Message(kind=Kind.WARNING, text=text, phase=phase)


def post_rollout(phase: Phase, *, told_in: Phase | None = None) -> Message:
    """The post-rollout webhooks are due, with this phase; what they answered is told in that or in another one."""
    return Message(kind=Kind.POST_ROLLOUT, text=phase.value, phase=told_in or phase)


def waiting(s: Snapshot, reason: str, text: str, *, told: str, timed: bool = True) -> Decision:
    """Wait for something. Said, and given a deadline, when it begins; after that nothing is written."""
    state = s.known
    deadline = state.deadline or (s.now + s.canary.progress_deadline if timed else None)
    said = () if state.waiting == reason else (warning(state.phase, text),)
    return Decision(told=told, state=settle(s, waiting=reason, deadline=deadline), messages=said)


def overdue(s: Snapshot) -> bool:
    """Whether the deadline in the state has passed."""
    return s.known.deadline is not None and s.now >= s.known.deadline


def counted(s: Snapshot) -> int:
    """A passed check resets the count, unless it counts in total as Flagger's does."""
    total = s.options.total if s.canary.total is None else s.canary.total
    return s.known.failed if total else 0


def failed_outcomes(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings that did not pass."""
    return tuple(finding for finding in findings if not finding.passed)


def put_back(s: Snapshot, phase: Phase) -> tuple[Message, ...]:
    """A warning of each edit by somebody else that a step undoes, with the place where it belongs."""
    return tuple(warning(phase, text) for text in s.edited)
