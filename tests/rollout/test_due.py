"""Which canaries a tick looks at: all that have something to do, and no others."""

from dataclasses import replace
from typing import Any

import pytest

from handlers.rollout.commands import ABORT, PROMOTE, RETRY
from handlers.rollout.due import AFTER_COPY, changed, wants_a_look
from handlers.rollout.spec.canary import FINALIZER, Canary
from handlers.rollout.state import STATE, Intent, Kind, Message, Phase, State, dump
from handlers.rollout.timing import DRAIN
from tests.rollout.examples import NOW, a_canary, a_claim, a_state, seconds

SEEN = {"deployments/podinfo": "3", "deployments/podinfo-primary": "5", "services/podinfo": "v7", "services/gone": ""}
TOKENS = {
    "deployments/podinfo": "3",
    "deployments/podinfo-primary": "5",
    "services/podinfo": "v7",
    "services/other": "v1",
}
SCALED = TOKENS | {"deployments/podinfo-primary": "6"}
LATER_ON = SEEN | {"services/podinfo": f"{AFTER_COPY}v7"}
CHANGED = TOKENS | {"services/podinfo": "v8"}
PUSHED = TOKENS | {"deployments/podinfo": "4"}
SUSPENDED = a_canary(spec={"suspend": True})
DELETING = replace(a_canary(), deleting=True)
RETRIED = a_canary(annotations={RETRY: "1"})
GOING = replace(DELETING, finalizers=(FINALIZER,))
ABORTING = a_canary(annotations={ABORT: "1"})
PROMOTED = a_canary(annotations={PROMOTE: "1"})
UNDER_WAY = a_claim(Intent.ROLLBACK, left=1)
LETTER = (Message(kind=Kind.NORMAL, text="t", phase=Phase.SUCCEEDED),)
LATER = NOW + seconds(1)
JUST_NOW = {"stepped": NOW - seconds(5)}


def known(phase: Phase, **fields: Any) -> State:
    """A state that has seen all objects as they are."""
    return a_state(phase, observed=SEEN, **fields)


CASES: list[tuple[bool, str, Canary, State | None, dict[str, str]]] = [
    (True, "nobody has looked yet", a_canary(), None, TOKENS),
    (False, "nobody may look", SUSPENDED, None, TOKENS),
    (False, "deleted", DELETING, None, TOKENS),
    (False, "at rest, nothing changed", a_canary(), known(Phase.SUCCEEDED), TOKENS),
    (False, "also in Failed", a_canary(), known(Phase.FAILED), TOKENS),
    (True, "something changed", a_canary(), known(Phase.INITIALIZED), CHANGED),
    (True, "something came", a_canary(), known(Phase.SUCCEEDED), TOKENS | {"services/gone": "v1"}),
    (True, "something went", a_canary(), known(Phase.SUCCEEDED), {"deployments/podinfo": "3"}),
    (False, "changed while suspended", SUSPENDED, known(Phase.SUCCEEDED), CHANGED),
    (True, "a retry", RETRIED, known(Phase.FAILED), TOKENS),
    (False, "a retry that was made", RETRIED, known(Phase.FAILED, retried="1"), TOKENS),
    (False, "a retry of what did not fail", RETRIED, known(Phase.SUCCEEDED), TOKENS),
    (True, "to be reverted", GOING, known(Phase.SUCCEEDED), TOKENS),
    (True, "nobody has looked", GOING, None, TOKENS),
    (False, "somebody does", GOING, known(Phase.TERMINATING, claim=a_claim(left=1)), TOKENS),
    (True, "somebody did", GOING, known(Phase.TERMINATING, claim=a_claim()), TOKENS),
    (True, "out of a backup", a_canary(), known(Phase.TERMINATING), TOKENS),
    (True, "an abort", ABORTING, known(Phase.PROGRESSING, **JUST_NOW), TOKENS),
    (True, "over a live claim", ABORTING, known(Phase.PROGRESSING, claim=a_claim(left=1)), TOKENS),
    (True, "suspended or not", replace(ABORTING, suspend=True), known(Phase.PROGRESSING, **JUST_NOW), TOKENS),
    (False, "one that is under way", ABORTING, known(Phase.PROGRESSING, claim=UNDER_WAY), TOKENS),
    (False, "one that was seen", ABORTING, known(Phase.PROGRESSING, seen={ABORT: "1"}, **JUST_NOW), TOKENS),
    (False, "nothing to abort", ABORTING, known(Phase.SUCCEEDED), TOKENS),
    (True, "a promote", PROMOTED, known(Phase.WAITING_PROMOTION, **JUST_NOW), TOKENS),
    (False, "nothing to promote", PROMOTED, known(Phase.PROMOTING, **JUST_NOW), TOKENS),
    (True, "something to tell", a_canary(), known(Phase.SUCCEEDED, outbox=LETTER), TOKENS),
    (True, "now", a_canary(), known(Phase.SUCCEEDED, outbox=LETTER, tell_after=NOW), TOKENS),
    (False, "later", a_canary(), known(Phase.SUCCEEDED, outbox=LETTER, tell_after=LATER), TOKENS),
    (True, "to tell while suspended", SUSPENDED, known(Phase.SUCCEEDED, outbox=LETTER), TOKENS),
    (True, "Initializing", a_canary(), known(Phase.INITIALIZING, **JUST_NOW), TOKENS),
    (True, "an interval has passed", a_canary(), known(Phase.PROGRESSING), TOKENS),
    (False, "not yet", a_canary(), known(Phase.PROGRESSING, **JUST_NOW), TOKENS),
    (True, "a push", a_canary(), known(Phase.PROGRESSING, **JUST_NOW), PUSHED),
    (True, "a Service changed in a run", a_canary(), known(Phase.PROGRESSING, **JUST_NOW), CHANGED),
    (False, "a workload was scaled", a_canary(), known(Phase.PROGRESSING, **JUST_NOW), SCALED),
    (False, "to be written after the copy", a_canary(), a_state(Phase.SUCCEEDED, observed=LATER_ON), TOKENS),
    (True, "that one changed", a_canary(), a_state(Phase.FAILED, observed=LATER_ON), CHANGED),
    (True, "pods to take away", a_canary(), known(Phase.FAILED, waiting=DRAIN, stepped=NOW - seconds(10)), TOKENS),
    (False, "not before every mesh has heard", a_canary(), known(Phase.FAILED, waiting=DRAIN, **JUST_NOW), TOKENS),
    (True, "something left from a move", a_canary(), known(Phase.INITIALIZED, former=("deployments/a|a",)), TOKENS),
    (True, "a deadline has passed", a_canary(), known(Phase.PROGRESSING, deadline=NOW, **JUST_NOW), TOKENS),
    (False, "it has not", a_canary(), known(Phase.PROGRESSING, deadline=LATER, **JUST_NOW), TOKENS),
    (True, "Waiting, due", a_canary(), known(Phase.WAITING), TOKENS),
    (True, "the canary serves", a_canary(), known(Phase.FAILED, weight=100), TOKENS),
    (False, "it does, not yet", a_canary(), known(Phase.FAILED, weight=100, **JUST_NOW), TOKENS),
    (False, "a live claim", a_canary(), known(Phase.PROGRESSING, claim=a_claim(left=1)), PUSHED),
    (True, "one that has run out", a_canary(), known(Phase.SUCCEEDED, claim=a_claim()), TOKENS),
    (False, "while suspended", SUSPENDED, known(Phase.PROGRESSING, claim=a_claim()), TOKENS),
    (True, "but a rollback", SUSPENDED, known(Phase.PROGRESSING, claim=a_claim(Intent.ROLLBACK)), TOKENS),
]


@pytest.mark.parametrize(
    ("expected", "canary", "state", "tokens"), [pytest.param(e, c, s, t, id=f"{why}: {e}") for e, why, c, s, t in CASES]
)
def test_a_tick_looks_where_something_may_be_to_do(
    expected: bool, canary: Canary, state: State | None, tokens: dict[str, str]
) -> None:
    """An idle canary costs no request of its own."""
    assert wants_a_look(canary, state, tokens, NOW) is expected


@pytest.mark.parametrize(("tokens", "expected"), [(TOKENS, False), (CHANGED, True), (SCALED, False)])
def test_a_canary_has_changed_where_something_that_it_declares_has(tokens: dict[str, str], expected: bool) -> None:
    """A step of its own event reads these objects again; one that knows nothing yet reads all."""
    annotated = {"metadata": {"annotations": {STATE: dump(known(Phase.PROGRESSING))}}}
    assert changed(annotated, tokens) is expected
    assert not changed({"metadata": {}}, tokens)
