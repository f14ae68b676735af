"""The rules of what is written, and on what (docs/protocol.md), one by one; each test fails without its rule."""

from collections.abc import Callable

import pytest

from handlers.rollout.objects.revision import of_target
from handlers.rollout.state import Intent
from tests.lab import TICK, Lab, an_alert
from tests.protocol.harness import Handler, process, run, state_of
from tests.protocol.situations import SUCCESS
from tests.protocol.steps import (
    CANARY,
    PRIMARY,
    TARGET,
    VIRTUAL_SERVICE,
    claim_nonce,
    due,
    handler,
    image,
    reverted,
    stray_routes,
    writes,
)


def test_rule_8_what_is_copied_is_what_was_read_before_the_claim() -> None:
    """A push after the last look at the target is not what was analysed, and does not get to the primary."""
    lab = due("Progressing", 60)
    slow = handler(lab).to("query", "")
    slow.to("get", TARGET).go(1)
    analysed = of_target(lab.target)
    lab.push("app:v3")
    slow.go()
    assert (image(lab), state_of(lab).promoted) == ("app:v2", analysed)
    assert lab.primary["metadata"]["annotations"]["serinus.dev/promoted"] == analysed


@pytest.mark.parametrize(("weight", "end"), [(20, VIRTUAL_SERVICE), (60, PRIMARY)], ids=["raise", "promote"])
def test_rule_9_a_push_while_it_asks_drops_the_step(weight: int, end: str) -> None:
    """The answers were about other pods: no weight is raised on them, and nothing is copied."""
    lab = due("Progressing", weight)
    slow = Handler(lambda watcher: run(process(lab, watcher), lab), lambda _verb, _path: None)
    slow.go(6)
    assert slow.next[0] == "query"
    lab.push("app:v3")
    slow.go()
    assert (lab.phase, lab.weights, image(lab)) == ("Progressing", (100, 0), "app:v1"), end
    assert state_of(lab).revision == of_target(lab.target)


def test_rule_9_a_dropped_step_leaves_no_claim() -> None:
    """A process that dies right after it has dropped its step keeps nobody waiting."""
    lab = due("Progressing", 20)
    slow = handler(lab)
    slow.go(6)
    lab.push("app:v3")
    slow.to("patch", CANARY).go(1)
    assert claim_nonce(lab) == ""
    lab.step()
    assert state_of(lab).revision == of_target(lab.target)


def strayed() -> Lab:
    """All but over, and somebody has sent traffic to the canary again."""
    lab = due("Finalising")
    stray_routes(lab, 40, 60)
    return lab


@pytest.mark.parametrize("make", [strayed, reverted], ids=["finalise", "cancel"])
def test_rule_17_claim_routes_state_replicas(make: Callable[[], Lab]) -> None:
    """In this order: nobody is sent to pods that go, and what is done is written down after it is done."""
    lab = make()
    first = [name for name in writes(lab) if name != "canaries/app"]
    assert (first, lab.weights) == (["virtualservices/app"], (100, 0))
    lab.clock.tick(10)
    order = writes(lab)
    assert order[0] == order[-1] == "canaries/app"
    assert order.count("deployments/app") == 1
    assert lab.target["spec"]["replicas"] == 0


def test_rule_17_replicas_are_written_on_what_was_read() -> None:
    """A push right before the target goes to 0 is noticed by the same step."""
    lab = due("Finalising")
    slow = handler(lab).to("patch", TARGET)
    lab.push("app:v3")
    slow.go()
    assert (lab.phase, lab.target["spec"]["replicas"]) == ("Progressing", 1)


def test_rule_17_a_status_that_is_late_is_not_written() -> None:
    """Between a commit and its `.status` somebody else has made a step: theirs stays."""
    lab = due("Progressing", 20)
    slow = handler(lab).to("patch_status", "/status")
    lab.step(an_alert(lab.clock.moment))
    assert lab.phase == "Failed"
    slow.go()
    assert (lab.phase, lab.canary["status"]["canaryWeight"]) == ("Failed", 0)


def test_rule_17_a_commit_stands_on_its_own_claim() -> None:
    """A step whose claim was replaced after its last effect commits nothing over it."""
    lab = due("Progressing", 20)
    slow = handler(lab).to("patch", VIRTUAL_SERVICE)
    slow.go(1)
    other = handler(lab, an_alert(lab.clock.moment)).to("patch", CANARY)
    other.go(1)
    slow.go()
    claim = state_of(lab).claim
    assert claim
    assert claim.intent is Intent.ROLLBACK
    other.go()
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))


def test_rule_18_findings_are_thrown_away_with_their_claim() -> None:
    """After a conflict it is asked again, and the new answers count."""
    lab = due("Progressing", 20)
    lab.prometheus.values[SUCCESS] = [100, 10]
    slow = handler(lab).to("patch", VIRTUAL_SERVICE)
    lab.edit("flagger.app/v1beta1/canaries/app", {"metadata": {"labels": {"touched": "by-a-user"}}})
    slow.go()
    assert (lab.weights, state_of(lab).failed, state_of(lab).weight) == ((80, 20), 1, 20)


def test_busy_is_busy() -> None:
    """A tick that meets a live claim writes nothing at all, so that it does not disturb who holds it."""
    lab = due("Progressing", 20)
    slow = handler(lab).to("patch", VIRTUAL_SERVICE)
    slow.go(1)
    before = lab.api.store.revision
    assert lab.step() == "another step is under way"
    assert lab.api.store.revision == before
    slow.go()
    assert (lab.phase, state_of(lab).weight) == ("Progressing", 40)


def test_a_claim_of_its_own_is_not_one_of_another_process() -> None:
    """A second process does not take a live claim for its own, whatever conflict it has met."""
    lab = due("Progressing", 20)
    slow = handler(lab).to("patch", VIRTUAL_SERVICE)
    other = handler(lab, TICK)
    other.go(1)
    lab.edit("flagger.app/v1beta1/canaries/app", {"metadata": {"labels": {"touched": "by-a-user"}}})
    nonce = claim_nonce(lab)
    other.go()
    assert (other.result, claim_nonce(lab)) == ("another step is under way", nonce)
    slow.go()
