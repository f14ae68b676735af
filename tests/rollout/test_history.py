"""The history answers why, and never outgrows what an annotation may hold."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.rollout.checks import Finding, Outcome, ServerCheck
from handlers.rollout.decision import Decision
from handlers.rollout.history import HISTORY, LIMIT, append, entry, load
from handlers.rollout.snapshot import Cause, CauseKind
from handlers.rollout.spec.analysis import Hook, Metric
from handlers.rollout.stage import Stage
from handlers.rollout.state import Phase
from tests.rollout.examples import NEW, a_snapshot, a_state, an_alert, answered, measured

RATE = Metric(name="request-success-rate", window="1m", low=99.0)
ERRORS = Metric(name="errors", window="1m", high=0.0, template=("test", "errors"))


def test_an_entry_says_when_why_where_and_what() -> None:
    """All that a reader wants to know about one step."""
    s = a_snapshot(Phase.PROGRESSING, weight=10, cause=Cause(kind=CauseKind.TICK, id="ping-1"))
    findings = (
        answered(Hook.ROLLOUT, Outcome.PASSED, name="load"),
        measured(RATE, Outcome.FAILED, 50.0, "50.00% < 99%"),
        measured(ERRORS, Outcome.PASSED, 0.0, "0.00"),
        measured(ERRORS, Outcome.NO_DATA, None, "no values found"),
    )
    decision = Decision(told="hold: failed check 1 of 2", state=a_state(weight=10, failed=1), findings=findings)
    assert entry(s, Stage.NEXT_STEP, decision) == {
        "at": "2026-03-04T12:00:00.000Z",
        "seq": 5,
        "cause": "tick",
        "event": "ping-1",
        "stage": "next step",
        "decision": "hold: failed check 1 of 2",
        "phase": "Progressing",
        "weight": 10,
        "revision": NEW,
        "checks": [
            {"outcome": "passed", "webhook": "load", "type": "rollout"},
            {
                "outcome": "failed",
                "metric": "request-success-rate",
                "value": 50.0,
                "min": 99.0,
                "text": "50.00% < 99%",
            },
            {"outcome": "passed", "metric": "errors", "value": 0.0, "max": 0.0, "text": "0.00"},
            {"outcome": "no data", "metric": "errors", "max": 0.0, "text": "no values found"},
        ],
    }


def test_an_entry_leaves_out_what_it_does_not_know() -> None:
    """No event id, no checks, no revision: no key."""
    s = a_snapshot(Phase.PROGRESSING, cause=an_alert())
    made = entry(s, Stage.ALERTED, Decision(told="roll back", state=a_state(Phase.FAILED, revision="")))
    assert set(made) == {"at", "seq", "cause", "stage", "decision", "phase", "weight"}
    assert made["cause"] == "alert"


def test_a_server_that_does_not_answer_is_in_the_entry() -> None:
    """By the metric that wanted it."""
    finding = Finding(check=ServerCheck(RATE), outcome=Outcome.ERROR, text="refused")
    made = entry(a_snapshot(), Stage.BOOTSTRAP, Decision(told="t", state=a_state(), findings=(finding,)))
    assert made["checks"] == [{"outcome": "error", "server": "request-success-rate", "text": "refused"}]


def test_long_texts_are_cut() -> None:
    """An answer of a webhook may be as long as it likes."""
    finding = answered(Hook.ROLLOUT, Outcome.REFUSED, "x" * 5000)
    s = a_snapshot(Phase.PROGRESSING, cause=Cause(kind=CauseKind.TICK, id="i" * 5000))
    made = entry(s, Stage.NEXT_STEP, Decision(told="y" * 5000, state=a_state(), findings=(finding,)))
    assert (len(made["event"]), len(made["decision"]), len(made["checks"][0]["text"])) == (200, 200, 200)


def test_entries_are_kept_in_order() -> None:
    """The oldest first."""
    text = append({}, {"seq": 1}, "")
    text = append({HISTORY: text}, {"seq": 2}, "")
    assert text == '[{"seq":1},{"seq":2}]'
    assert load({HISTORY: text}) == [{"seq": 1}, {"seq": 2}]


def test_sixty_entries_are_kept() -> None:
    """A rollout has some twenty; those before it are of little use."""
    annotations: dict[str, str] = {}
    for seq in range(100):
        annotations[HISTORY] = append(annotations, {"seq": seq}, "")
    assert [item["seq"] for item in load(annotations)] == list(range(40, 100))


@given(
    sizes=st.lists(st.integers(0, 12_000), min_size=1, max_size=12),
    state=st.integers(0, LIMIT - 10),
    letter=st.sampled_from("aü\N{BIRD}"),
)
def test_state_and_history_stay_within_the_limit(sizes: list[int], state: int, letter: str) -> None:
    """The oldest entries go, counted in bytes; if not even the newest has room, none is kept."""
    annotations: dict[str, str] = {}
    for seq, size in enumerate(sizes):
        annotations[HISTORY] = append(annotations, {"seq": seq, "text": letter * size}, "s" * state)
        assert len(annotations[HISTORY].encode()) + state <= LIMIT
    kept = [item["seq"] for item in load(annotations)]
    assert kept == list(range(len(sizes)))[len(sizes) - len(kept) :]


def test_as_many_entries_are_kept_as_there_is_room_for() -> None:
    """One more would not fit."""
    annotations: dict[str, str] = {}
    for seq in range(10):
        annotations[HISTORY] = append(annotations, {"seq": seq, "text": "x" * 5000}, "s" * 1000)
    kept = load(annotations)
    assert len(kept) == 6
    assert LIMIT - 1000 - 5100 < len(annotations[HISTORY]) <= LIMIT - 1000


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("", [], id="empty"),
        pytest.param("{", [], id="not JSON"),
        pytest.param("{}", [], id="not a list"),
        pytest.param("null", [], id="null"),
        pytest.param('[{"seq": 1}, 2, null, "a", {"seq": 3}]', [{"seq": 1}, {"seq": 3}], id="entries that are none"),
    ],
)
def test_what_cannot_be_read_is_dropped(text: str, kept: list[Any]) -> None:
    """History decides nothing, so an edit of it stops nothing."""
    assert load({HISTORY: text}) == kept
    assert json.loads(append({HISTORY: text}, {"seq": 9}, "")) == [*kept, {"seq": 9}]


def test_no_annotation_is_no_history() -> None:
    """A new canary has done nothing yet."""
    assert load({}) == []


def test_the_same_decision_again_is_counted() -> None:
    """A gate that stays closed for a day fills the history with one entry, not with a day of them."""
    entry = {"stage": "waiting for approval", "decision": "wait", "phase": "Waiting", "weight": 0, "seq": 1}
    annotations: dict[str, str] = {}
    for seq in range(1, 4):
        annotations = {HISTORY: append(annotations, {**entry, "seq": seq}, "")}
    annotations = {HISTORY: append(annotations, {**entry, "decision": "start"}, "")}
    assert [(item["decision"], item.get("times"), item["seq"]) for item in load(annotations)] == [
        ("wait", 3, 3),
        ("start", None, 1),
    ]


def test_a_count_edited_to_nonsense_begins_anew() -> None:
    """What somebody wrote into the history decides nothing and breaks nothing."""
    entry = {"stage": "s", "decision": "d", "phase": "Waiting", "weight": 0, "times": "many"}
    annotations = {HISTORY: append({}, entry, "")}
    assert load({HISTORY: append(annotations, entry, "")})[-1]["times"] == 2
