"""The judgement: silent about a story that went as told, and in words about each way in which it can go wrong."""

from dataclasses import replace
from typing import Any

import pytest

from handlers.sandbox.demo.model import Counters, Seen, Split
from handlers.sandbox.demo.story import ACTS, STEPS
from handlers.sandbox.demo.verdict import fair, faults
from handlers.sandbox.traffic import Answer
from tests.demo.scenes import answer, client, routed, seen, steps


def story(**spoiled: Seen) -> list[Seen]:
    """All acts, some of them replaced: act0 to act3."""
    return [spoiled.get(f"act{number}", seen(number)) for number in range(len(ACTS))]


def test_a_story_that_goes_as_told_has_no_faults() -> None:
    """Promoted once, rolled back twice for the right reasons, nothing lost."""
    assert faults(story(), client()) == []


def ended(number: int, **changes: Any) -> list[dict[str, Any]]:
    """The history of an act with another last step."""
    found = steps(ACTS[number])
    found[-1] |= changes
    return found


@pytest.mark.parametrize(
    ("number", "changes", "words"),
    [
        pytest.param(0, {"steps": []}, "1.0.0: expected the phases Initializing Initialized, seen none", id="no-start"),
        pytest.param(
            1,
            {"steps": ended(1, phase="Failed")},
            "1.0.1: expected the phases Progressing Promoting Finalising Succeeded, "
            "seen Progressing Promoting Finalising Failed",
            id="good-one-failed",
        ),
        pytest.param(
            1,
            {"routed": routed(*STEPS[:3], *STEPS[4:])},
            "1.0.1: expected the weights 5 10 15 20 25 30 35 40 45 50, seen 5 10 15 25 30 35 40 45 50",
            id="weight-left-out",
        ),
        pytest.param(1, {"primary": "1.0.0"}, "1.0.1: expected a primary of 1.0.1 at its end, seen 1.0.0", id="copy"),
        pytest.param(2, {"primary": "1.0.2-errors2"}, "expected a primary of 1.0.1", id="bad-one-promoted"),
        pytest.param(2, {"routed": routed(*STEPS)}, "1.0.2: expected the weights", id="bad-one-went-all-the-way"),
        pytest.param(2, {"routed": routed()}, "1.0.2: expected the weights", id="bad-one-never-had-traffic"),
        pytest.param(
            2,
            {"steps": ended(2, cause="alert", decision="roll back: alert CanaryErrorRate is firing")},
            "1.0.2: expected its history to end with 'tick: roll back: failed checks threshold', "
            "seen 'alert: roll back: alert CanaryErrorRate is firing'",
            id="alert-before-the-metrics",
        ),
        pytest.param(
            3,
            {"steps": ended(3, cause="tick", decision="roll back: failed checks threshold reached 3")},
            "1.0.3: expected its history to end with 'alert: roll back: alert CanaryLatency'",
            id="metrics-before-the-alert",
        ),
        pytest.param(
            3,
            {"steps": ended(3, decision="roll back: alert CanaryErrorRate is firing")},
            "1.0.3: expected its history to end with",
            id="another-alert",
        ),
    ],
)
def test_an_act_that_went_otherwise_is_told(number: int, changes: dict[str, Any], words: str) -> None:
    """Each fault names the version, what was expected and what was seen."""
    found = faults(story(**{f"act{number}": seen(number, **changes)}), client())
    assert any(words in fault for fault in found), found


def test_a_split_that_is_not_the_weight_is_told() -> None:
    """Weights that stand in the VirtualService but not at Envoy are no success."""
    *stages, last = routed(5)
    stages.append(replace(last, counters=Counters(2700, 300)))
    found = faults(story(act2=seen(2, routed=stages)), client())
    assert found == ["1.0.2: expected 5 % at Envoy, seen 30.0 % of 1000 requests"]


def test_a_story_that_ended_early_is_told() -> None:
    """What was never played did not go well."""
    assert faults(story()[:3], client()) == ["expected all of the story, but it ended before 1.0.3"]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([Answer(at=1, seconds=5, error="no answer within 5 s")], "seen 1: 1 x no answer within 5 s"),
        ([Answer(at=1, seconds=0, status=503, error="no healthy upstream")], "seen 1: 1 x 503 no healthy upstream"),
        ([answer("1.0.1", status=500)], "client: expected no error from 1.0.1, seen 1"),
        ([answer("1.0.3-slow1100", status=503)], "client: expected no error from 1.0.3, seen 1"),
    ],
    ids=["timeout", "proxy", "good-version", "slow-version"],
)
def test_a_request_that_failed_is_told(answers: list[Answer], words: str) -> None:
    """Whatever fails, but for the answers of the version that is told to fail, with its reason."""
    tally = client()
    tally.add(answers)
    (fault,) = faults(story(), tally)
    assert words in fault


def test_a_version_that_never_answered_is_told() -> None:
    """A version without an answer was not tried on anybody."""
    tally = client()
    del tally.versions["1.0.3-slow1100"]
    assert faults(story(), tally) == ["client: expected answers from 1.0.3, seen none"]


@pytest.mark.parametrize(
    ("split", "good"),
    [
        (Split(5, Counters(950, 50)), True),
        (Split(5, Counters(900, 100)), False),
        (Split(50, Counters(540, 460)), True),
        (Split(50, Counters(700, 300)), False),
        (Split(50, Counters(90, 10)), True),
        (Split(5, Counters()), True),
    ],
    ids=["exact", "twice-as-much", "by-chance", "no-chance", "too-few-to-say", "none"],
)
def test_a_split_may_be_off_by_chance_only(split: Split, good: bool) -> None:
    """Requests are split by chance, so a measured share is near the weight and rarely equal."""
    assert fair(split) is good
