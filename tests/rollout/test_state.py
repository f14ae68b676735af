"""The state survives the annotation, and nothing that is not the state is taken for one."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.errors import BadCanary
from handlers.rollout.state import SCHEMA, STATE, Claim, Intent, Phase, State, dump, load
from handlers.rollout.written import time_text
from tests.rollout.examples import NOW, seconds
from tests.rollout.strategies import states

LEAST = {"schema": SCHEMA, "seq": 7, "phase": "Progressing", "rest": "Initialized"}


def loaded(**changes: Any) -> State | None:
    """What an annotation with the least that must be there and these changes says."""
    return load({STATE: json.dumps(LEAST | changes)})


@given(states())
def test_a_state_survives_the_annotation(state: State) -> None:
    """Whatever a step leaves behind, the next one finds."""
    text = dump(state)
    assert load({STATE: text}) == state
    assert "\n" not in text


def test_a_canary_without_the_annotation_has_no_state() -> None:
    """Nobody has looked at it yet."""
    assert load({}) is None
    assert load({"serinus.dev/retry": "1"}) is None


def test_the_form_of_the_annotation_is_fixed() -> None:
    """Compact, in a fixed order, without what is at its default: two versions write the same bytes."""
    state = State(
        seq=7,
        phase=Phase.PROGRESSING,
        weight=10,
        revision="1-b",
        promoted="1-a",
        stepped=NOW,
        claim=Claim(nonce="n", intent=Intent.RAISE, revision="1-b", until=NOW + seconds(30)),
        observed={"b": "2", "a": "1"},
    )
    assert dump(state) == (
        '{"schema":1,"seq":7,"phase":"Progressing","weight":10,"revision":"1-b","promoted":"1-a","rest":"Initialized",'
        '"stepped":"2026-03-04T12:00:00.000Z",'
        '"claim":{"nonce":"n","intent":"raise","revision":"1-b","until":"2026-03-04T12:00:30.000Z"},'
        '"observed":{"a":"1","b":"2"}}'
    )


def test_the_least_annotation_is_read() -> None:
    """What is left out is at its default."""
    assert loaded() == State(seq=7, phase=Phase.PROGRESSING)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOW, "2026-03-04T12:00:00.000Z"),
        (NOW + timedelta(microseconds=1999), "2026-03-04T12:00:00.001Z"),
        (NOW.astimezone(timezone(timedelta(hours=2))), "2026-03-04T12:00:00.000Z"),
    ],
)
def test_times_are_written_in_utc_with_milliseconds(moment: datetime, text: str) -> None:
    """Cut, not rounded, so that nothing lies in the future."""
    assert time_text(moment) == text


@pytest.mark.parametrize("schema", [0, 2, "1", None])
def test_an_unknown_schema_is_refused(schema: Any) -> None:
    """A newer version wrote it: this one neither reads nor overwrites it."""
    with pytest.raises(BadCanary) as caught:
        loaded(schema=schema)
    expected = f"metadata.annotations[serinus.dev/state]: schema {schema!r} is not 1, the one of this version"
    assert str(caught.value) == expected


CLAIM = {"nonce": "n", "intent": "raise", "revision": "1-b", "until": "2026-03-04T12:00:00Z"}
MESSAGE = {"kind": "Normal", "text": "t", "phase": "Failed", "id": "1.n.0", "revision": "1-b"}
EDITED = [
    pytest.param({"seq": -1}, "ValueError -1 is not a count", id="a count below zero"),
    pytest.param({"seq": "7"}, "ValueError '7' is not a count", id="a count as text"),
    pytest.param({"failed": True}, "ValueError True is not a count", id="a count that is true"),
    pytest.param({"phase": "Happy"}, "ValueError 'Happy' is not a valid Phase", id="an unknown phase"),
    pytest.param({"rest": None}, "ValueError None is not a valid Phase", id="no phase"),
    pytest.param({"weight": 101}, "ValueError 101 is not a weight", id="more than all traffic"),
    pytest.param({"revision": 7}, "TypeError 7 is not a string", id="a number for a revision"),
    pytest.param({"started": "today"}, "ValueError Invalid isoformat string: 'today'", id="no time"),
    pytest.param({"stepped": "2026-03-04T12:00:00"}, "'2026-03-04T12:00:00' has no time zone", id="no time zone"),
    pytest.param({"deadline": 5}, "TypeError fromisoformat: argument must be str", id="a number for a time"),
    pytest.param({"claim": {}}, "KeyError 'nonce'", id="half a claim"),
    pytest.param({"claim": []}, "TypeError", id="a list for a claim"),
    pytest.param({"claim": CLAIM | {"intent": "win"}}, "ValueError 'win' is not a valid Intent", id="a new intent"),
    pytest.param({"claim": CLAIM | {"until": "2026-03-04"}}, "'2026-03-04' has no time zone", id="a day for a claim"),
    pytest.param({"claim": CLAIM | {"until": None}}, "TypeError", id="a claim for ever"),
    pytest.param({"alerts": [1]}, "TypeError 1 is not a string", id="a number for an alert"),
    pytest.param({"alerts": 1}, "TypeError", id="a number for alerts"),
    pytest.param({"outbox": [MESSAGE | {"kind": "Loud"}]}, "ValueError 'Loud' is not a valid Kind", id="a new kind"),
    pytest.param(
        {"outbox": [MESSAGE | {"kind": "post-rollout"}]},
        "ValueError 't' is not a valid Phase",
        id="no phase to call with",
    ),
    pytest.param({"outbox": [{}]}, "KeyError 'kind'", id="an empty message"),
    pytest.param({"outbox": ["a"]}, "TypeError", id="text for a message"),
    pytest.param({"observed": {"a": 1}}, "TypeError 1 is not a string", id="a number for a version"),
    pytest.param({"observed": []}, "AttributeError", id="a list for versions"),
]


@pytest.mark.parametrize(("changes", "why"), EDITED)
def test_an_edited_state_is_refused(changes: dict[str, Any], why: str) -> None:
    """Whoever edited it is told what is wrong and what helps; nothing is guessed and nothing overwritten."""
    with pytest.raises(BadCanary) as caught:
        loaded(**changes)
    message = str(caught.value)
    assert message.startswith("metadata.annotations[serinus.dev/state]: cannot be read: ")
    assert why in message
    assert message.endswith("; put back what was there, or remove the annotation to start anew from what runs")


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "null", '"state"', "{}", '{"seq": 1}'])
def test_what_is_no_state_at_all_is_refused(text: str) -> None:
    """Not JSON, not an object, or one without a schema."""
    with pytest.raises(BadCanary, match="it is not the JSON object that was written"):
        load({STATE: text})


@pytest.mark.parametrize("missing", ["seq", "phase", "rest"])
def test_what_is_always_written_must_be_there(missing: str) -> None:
    """A state without it was not written by this program."""
    with pytest.raises(BadCanary, match=f"KeyError '{missing}'"):
        load({STATE: json.dumps({key: value for key, value in LEAST.items() if key != missing})})


@given(state=states(), place=st.integers(0, 400), with_what=st.sampled_from(['"', "{", "}", "0", "x", "", ","]))
def test_any_edit_is_a_state_or_is_refused(state: State, place: int, with_what: str) -> None:
    """One changed character never raises anything else, and never leaves a time without a zone."""
    text = dump(state)
    try:
        found = load({STATE: text[:place] + with_what + text[place + 1 :]})
    except BadCanary:
        return
    assert found is not None
    assert load({STATE: dump(found)}) == replace(found)
