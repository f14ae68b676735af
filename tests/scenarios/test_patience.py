"""Webhooks and gates that take their time are asked again, and told about once."""

import contextlib

from handlers.errors import Unavailable
from handlers.step.ports import Response
from tests.lab import a_canary, at, new_lab
from tests.scenarios.test_hazards import CHECK, GATE, lose_pods


def test_a_webhook_may_take_its_time() -> None:
    """202 with Preference-Applied is neither yes nor no; the same question has the same Idempotency-Key."""
    lab = at(new_lab(a_canary(analysis={"webhooks": [CHECK]})), "Progressing", 20)
    later = Response(status=202, headers={"preference-applied": "respond-async"})
    lab.webhooks.asked.clear()
    lab.webhooks.answers[CHECK["url"]] = [later, later, Response(status=200)]
    lab.tick(2)
    assert (lab.canary["status"]["failedChecks"], lab.weights) == (0, (80, 20))
    lab.tick()
    assert lab.weights == (60, 40)
    assert len({request.headers["Idempotency-Key"] for request in lab.webhooks.asked}) == 1
    assert all(request.headers["Prefer"] == "respond-async" for request in lab.webhooks.asked)


def test_a_gate_is_asked_again_and_told_once() -> None:
    """A closed gate is one Event, however often it is asked; a rollback webhook is heard while it waits (C11)."""
    back = {"name": "back", "type": "rollback", "url": "http://hooks.test/back", "timeout": "2s"}
    lab = new_lab(a_canary(analysis={"webhooks": [GATE, back]}))
    lab.webhooks.answers = {GATE["url"]: [403], back["url"]: [403, 403, 200]}
    lab.until("Initialized")
    lab.push("app:v2")
    lab.tick(3)
    assert lab.phase == "Waiting"
    assert sum("waiting for approval gate" in event for event in lab.events) == 1
    lab.tick()
    assert lab.phase == "Failed"


def test_a_gate_is_another_question_each_time() -> None:
    """A receiver that keeps its answers by Idempotency-Key must not repeat its no for ever."""
    lab = new_lab(a_canary(analysis={"webhooks": [GATE]}))
    lab.webhooks.answers[GATE["url"]] = [403, 403, 200]
    lab.until("Initialized")
    lab.push("app:v2")
    lab.tick(3)
    assert lab.phase == "Progressing"
    assert len({request.headers["Idempotency-Key"] for request in lab.webhooks.asked}) == 3


def test_a_rollback_webhook_that_has_to_wait_is_told_once() -> None:
    """While the primary has no pod a rollback webhook's yes is one Event, however often it is asked."""
    back = {"name": "back", "type": "rollback", "url": "http://hooks.test/back", "timeout": "2s"}
    lab = new_lab(a_canary(analysis={"webhooks": [back], "primaryReadyThreshold": 0}))
    lab.webhooks.answers[back["url"]] = [403]
    at(lab, "Progressing", 20)
    lab.webhooks.answers[back["url"]] = [200]
    lose_pods(lab, "app-primary")
    for _ in range(3):
        lab.clock.tick(10)
        with contextlib.suppress(Unavailable):
            lab.step()
    assert lab.weights == (80, 20)
    assert sum("manual webhook invoked" in event for event in lab.events) <= 1
