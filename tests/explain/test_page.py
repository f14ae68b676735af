"""The text of `why`, `get` and `watch`."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from handlers.explain.page import WIDTH, changes, gone, page, table
from handlers.explain.view import View, view
from handlers.rollout.firing import Firing
from tests.fakes import EPOCH
from tests.lab import a_canary, at, new_lab

PLAIN = View(namespace="shop", name="app", target="Deployment app", phase="Progressing", marks={})
STEP = {"at": "2026-11-23T12:00:00.000Z", "seq": 1, "cause": "tick", "stage": "next step", "decision": "hold"}
STEP |= {"phase": "Progressing", "weight": 20}


def test_the_page_of_a_run() -> None:
    """Everything a person asks is on the page: where it is, what failed against which limit, what comes next."""
    lab = at(new_lab(), "Progressing", 20)
    lab.prometheus.values = {"istio_requests_total": [50]}
    lab.tick()
    text = page(view(lab.canary, lab.clock()), lab.clock() + timedelta(seconds=4))
    assert text.splitlines()[0] == "Canary shop/app (Deployment app)"
    assert "  phase     Progressing, 20 % to the canary, 80 % to the primary" in text
    assert "  failed    1 of 3 checks" in text
    assert "  last step 2026-11-23 12:00:50Z (4s ago)" in text
    assert "  next step due 2026-11-23 12:01:00Z (in 6s)" in text
    assert "tick: next step: hold: failed check 1 of 3 (Progressing 20 %)" in text
    assert "        request-success-rate 50% (min 99%): failed\n" in text
    assert "        request-duration 50ms (max 500ms): passed" in text


def test_a_page_tells_what_is_waited_for_and_set() -> None:
    """Waiting, deadline, iterations, mirroring, problems, untold messages and annotations each have a line."""
    found = replace(
        PLAIN,
        problems=("spec.x: is required",),
        waiting="canary",
        until=EPOCH + timedelta(minutes=2, seconds=5),
        mirrored=True,
        iterations=3,
        of_iterations=5,
        next="suspended",
        untold=2,
        unseen="serinus.dev/freeze of Namespace shop cannot be seen: no answer",
        marks={"serinus.dev/pause": "p" * 80},
    )
    lines = page(found, EPOCH).splitlines()
    assert "  problem   spec.x: is required" in lines
    assert "  waits for canary, until 2026-11-23 12:02:05Z (in 2m5s)" in lines
    assert (
        "  phase     Progressing, copies of all requests to the canary, the primary answers, iteration 3 of 5" in lines
    )
    assert "  untold    2 messages wait for a receiver to answer" in lines
    again = replace(found, tell_after=EPOCH + timedelta(minutes=5))
    assert "wait for a receiver to answer; next try 2026-11-23 12:05:00Z (in 5m0s)" in page(again, EPOCH)
    assert "  untold    1 message waits for a receiver" in page(replace(found, untold=1), EPOCH)
    assert "  unknown   serinus.dev/freeze of Namespace shop cannot be seen: no answer" in lines
    assert f"  set       serinus.dev/pause: {'p' * 57}..." in lines
    assert "  deadline  2026-11-23 12:02:05Z (in 2m5s)" in page(replace(found, waiting=""), EPOCH).splitlines()
    assert "  waits for approve" in page(replace(found, waiting="approve", until=None), EPOCH).splitlines()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"iterations": 2, "of_iterations": 5}, "0 % to the canary, 100 % to the primary, iteration 2 of 5"),
        pytest.param({"iterations": 2}, "100 % to the primary, iteration 2", id="a spec that cannot be read"),
        pytest.param(
            {"iterations": 6, "of_iterations": 5, "weight": 100},
            "100 % to the canary, 0 % to the primary, all 5 iterations passed",
            id="blue/green, before its promotion",
        ),
        ({"phase": "Promoting", "iterations": 5, "of_iterations": 5}, "to the primary, all 5 iterations passed"),
        ({"mirrored": True, "mirror_weight": 30}, "copies of 30 % of the requests to the canary, the primary answers"),
    ],
)
def test_how_far_a_run_is(changes: dict[str, Any], said: str) -> None:
    """Iterations are told with how many there are to be, copies with their share."""
    assert page(replace(PLAIN, **changes), EPOCH).splitlines()[2].endswith(said)


def test_a_percentage_is_not_torn_apart() -> None:
    """A number stays on the line of its sign."""
    lines = page(replace(PLAIN, steps=[STEP | {"decision": "x" * 49}]), EPOCH).splitlines()
    assert lines[-1].endswith("20 %)")


def test_an_ab_test_says_whose_requests_it_is_about() -> None:
    """A weight of 100 % is that of the requests that match, not of all."""
    text = page(replace(PLAIN, weight=100, matched=True, iterations=2), EPOCH)
    assert "Progressing, 100 % of what matches to the canary, the rest to the primary, iteration 2" in text


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ({"metric": "errors", "value": 1.5, "outcome": "failed", "max": 1}, "errors 1.5 (max 1): failed"),
        ({"metric": "errors", "outcome": "no data"}, "errors: no data"),
        ({"metric": "errors", "outcome": "error", "text": "HTTP 500"}, "errors: error, HTTP 500"),
        ({"metric": "errors", "value": "broken", "outcome": "failed"}, "errors broken: failed"),
        (
            {"webhook": "gate", "type": "confirm-rollout", "outcome": "refused", "text": "403"},
            "webhook gate (confirm-rollout): refused, 403",
        ),
        ({"server": "latency", "outcome": "passed"}, "metric server of latency: passed"),
        ({}, "metric server of -: -"),
    ],
)
def test_a_check_is_told_with_its_value_and_limits(check: dict[str, Any], said: str) -> None:
    """Each kind of check has its own words, and what is missing is a dash."""
    assert f"        {said}" in page(replace(PLAIN, steps=({**STEP, "checks": [check]},)), EPOCH).splitlines()


@pytest.mark.parametrize("step", [{}, {"at": "x", "checks": "y"}, {"checks": ["z"]}, {"checks": [{"metric": 1}]}])
def test_a_history_that_somebody_edited_is_shown_as_far_as_it_goes(step: dict[str, Any]) -> None:
    """History decides nothing, so nothing in it may stop a look."""
    assert "Steps, the newest last:" in page(replace(PLAIN, steps=(step,)), EPOCH)
    assert changes(PLAIN, replace(PLAIN, steps=(step,)), EPOCH)


def test_no_line_is_longer_than_the_page() -> None:
    """Long decisions, names and problems are wrapped or cut."""
    long = replace(
        PLAIN,
        name="a" * 60,
        problems=("spec: " + "word " * 80,),
        steps=(
            {**STEP, "decision": "because " * 40, "checks": [{"metric": "m", "outcome": "error", "text": "e " * 90}]},
        ),
    )
    assert max(map(len, page(long, EPOCH).splitlines())) <= WIDTH
    assert max(map(len, table([long], EPOCH, namespaces=True).splitlines())) == WIDTH


def test_the_table() -> None:
    """One line for each canary, with what is due and what is waited for; namespaces only when several are shown."""
    due = replace(PLAIN, weight=20, failed=1, threshold=3, due=EPOCH + timedelta(seconds=9))
    late = replace(PLAIN, name="late", due=EPOCH, waiting="webhook gate")
    broken = replace(PLAIN, name="broken", problems=("spec: no",))
    assert table([due, late, broken], EPOCH, namespaces=False).splitlines() == [
        "NAME    PHASE        WEIGHT  FAILED  NEXT STEP  WAITS FOR",
        "app     Progressing  20      1/3     in 9s      -",
        "late    Progressing  0       -       due        webhook gate",
        "broken  Progressing  0       -       -          spec: no",
    ]
    assert table([due], EPOCH, namespaces=True).splitlines()[1].startswith("shop       app   Progressing")


def test_changes_are_the_steps_that_came_since() -> None:
    """A first look says how it stands, a second one nothing, and then each new step with the metrics that failed."""
    lab = at(new_lab(), "Progressing", 20)
    first = view(lab.canary, lab.clock())
    assert changes(None, first, EPOCH) == ["2026-11-23 12:00:00Z  shop/app  Progressing 20 %"]
    assert changes(first, first, EPOCH) == []
    lab.prometheus.values = {"istio_requests_total": [50]}
    lab.tick(2)
    assert changes(first, view(lab.canary, lab.clock()), EPOCH) == [
        f"2026-11-23 12:0{time}Z  shop/app  tick: request-success-rate 50% (min 99%): failed; "
        f"next step: hold: failed check {count} of 3 (Progressing 20 %)"
        for count, time in ((1, "0:50"), (2, "1:00"))
    ]


def test_a_change_that_no_step_tells_is_seen_too() -> None:
    """A canary that becomes invalid, or waits for something else, is worth a line; so is a gate asked again."""
    broken = replace(PLAIN, problems=("spec: no",), waiting="gate")
    assert changes(PLAIN, broken, EPOCH) == [
        "2026-11-23 12:00:00Z  shop/app  Progressing 0 %, spec: no; waits for gate"
    ]
    again = changes(PLAIN, replace(PLAIN, steps=({**STEP, "times": 4},)), EPOCH)
    assert again == ["2026-11-23 12:00:00Z  shop/app  tick: next step: hold (Progressing 20 %, 4 times)"]
    assert gone("shop/app", EPOCH) == "2026-11-23 12:00:00Z  shop/app  is gone"


def test_a_canary_that_nobody_has_looked_at_has_a_page() -> None:
    """Before the first event there is something to say as well."""
    text = page(view(a_canary(), EPOCH), EPOCH)
    assert "  phase     none yet, nothing is routed\n" in text
    assert "next step waits for the first event" in text
    assert "Steps" not in text


@pytest.mark.parametrize(
    ("holds", "means"),
    [(True, "holds the weight, serinus.dev/promote goes past it"), (False, "about the primary, holds nothing")],
)
def test_an_alert_that_fires_has_a_line(holds: bool, means: str) -> None:
    """Since when, when it was last heard, and what follows from it."""
    fires = Firing(key="f/1", name="Slow", since=EPOCH - timedelta(hours=1), heard=EPOCH, holds=holds)
    lines = " ".join(page(replace(PLAIN, alerts=(fires,)), EPOCH).split())
    assert "alert Slow has been firing since 2026-11-23 11:00:00Z, last heard 2026-11-23 12:00:00Z (0s ago): " in lines
    assert means in lines


def test_a_hold_is_what_a_canary_at_rest_waits_for() -> None:
    """In the table, and as a line when it begins and when it ends."""
    held = replace(PLAIN, hold="frozen until tomorrow by serinus.dev/freeze of Namespace shop")
    row = table([held], EPOCH, namespaces=False).splitlines()[1]
    assert row.endswith("  frozen until tomorrow by serinus.dev/freeze of Name...")
    assert changes(PLAIN, held, EPOCH) == [f"2026-11-23 12:00:00Z  shop/app  Progressing 0 %, {held.hold}"]
    assert changes(held, held, EPOCH) == []
    assert changes(held, PLAIN, EPOCH) == ["2026-11-23 12:00:00Z  shop/app  Progressing 0 %"]
