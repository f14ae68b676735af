"""The rules of claims, fences and guards (docs/protocol.md), one by one; each test fails without its rule."""

import pytest

from handlers.rollout.state import Intent
from tests.lab import TICK, an_alert, new_lab
from tests.protocol.harness import ROUTE, Handler, process, run, state_of, twin
from tests.protocol.scenarios import SCENARIOS, Scenario
from tests.protocol.situations import SUCCESS, after_a_failed_check
from tests.protocol.steps import (
    CANARY,
    FENCE,
    GONE,
    PRIMARY,
    VIRTUAL_SERVICE,
    calls,
    claim_nonce,
    dies_before,
    due,
    handler,
    image,
    no_pods,
    version,
    writes,
)


@pytest.mark.parametrize("read", [1, 2, 3, 4, 5])
def test_rule_1_the_canary_is_read_first(read: int) -> None:
    """A step that began to read before another one's copy must not pair the old primary with the new state."""
    lab = due("Progressing", 60)
    slow = handler(lab)
    slow.go(read)
    assert lab.step().startswith("promote")
    slow.go()
    assert (lab.phase, lab.weights, image(lab)) == ("Promoting", (40, 60), "app:v2")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_rule_2_the_claim_comes_before_all_questions_and_effects(scenario: Scenario) -> None:
    """Whatever a step is about to do, its first call that is no read is a swap of the Canary."""
    lab = scenario.lab()
    first = next(call for call in calls(lab, scenario.cause(lab)) if call[0] not in ("get", "list"))
    assert first[0] == "patch"
    assert first[1].endswith(CANARY)


def test_rule_2_an_expired_rollback_is_claimed_as_well() -> None:
    """Who rolls a dead process's rollback forward does so under a claim of its own."""
    lab = due("Progressing", 40)
    dies_before(lab, "patch", VIRTUAL_SERVICE, an_alert(lab.clock.moment))
    nonce = claim_nonce(lab)
    lab.clock.tick(GONE)
    second = handler(lab).to("patch", VIRTUAL_SERVICE)
    second.go(1)
    second.to("patch", VIRTUAL_SERVICE)
    assert claim_nonce(lab) not in ("", nonce)
    second.go()
    assert lab.phase == "Failed"


def test_rule_3_after_a_conflict_everything_is_read_again_under_a_new_claim() -> None:
    """A guard that was refused is never refreshed: Canary, all else, a new claim, and only then the write."""
    lab = due("Progressing", 20)
    trace: list[tuple[str, str]] = []
    slow = Handler(
        lambda watcher: run(process(lab, watcher), lab),
        lambda verb, path: trace.append((verb, path.rsplit("/", 1)[-1])),
    ).to("patch", VIRTUAL_SERVICE)
    nonce = claim_nonce(lab)
    lab.edit(ROUTE, {"metadata": {"labels": {"touched": "by-a-user"}}})
    before = len(trace)
    slow.go(2)
    assert trace[before:] == [("patch", "app"), ("get", "app")]
    slow.to("patch", VIRTUAL_SERVICE)
    assert claim_nonce(lab) not in ("", nonce)
    slow.go()
    assert lab.weights == (60, 40)


def test_rule_3_ones_own_claim_is_known_after_any_number_of_conflicts() -> None:
    """An alert disturbed after its intent, and again before the next, still ends its rollback, without a fence."""
    lab = due("Progressing", 40)
    alert = handler(lab, an_alert(lab.clock.moment)).to("patch", VIRTUAL_SERVICE)
    lab.edit(ROUTE, {"metadata": {"labels": {"touched": "once"}}})
    alert.go(1)
    alert.to("patch", CANARY)
    lab.edit("flagger.app/v1beta1/canaries/app", {"metadata": {"labels": {"touched": "twice"}}})
    alert.go()
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))
    assert FENCE not in lab.get(ROUTE)["metadata"]["annotations"]


@pytest.mark.parametrize("late", [False, True], ids=["alert-over-a-live-claim", "tick-over-an-expired-one"])
def test_rule_4_a_route_in_flight_is_stale_before_the_swap(late: bool) -> None:
    """When the new claim stands, the step whose claim it replaced has lost its next write."""
    lab = due("Progressing", 20)
    slow = handler(lab).to("patch", VIRTUAL_SERVICE)
    lab.clock.tick(GONE if late else 0)
    other = handler(lab, TICK if late else an_alert(lab.clock.moment))
    other.to("patch", CANARY).go(1)
    slow.go(1)
    assert lab.weights == (80, 20)
    other.go()
    slow.go()
    assert (lab.phase, lab.weights) == (("Progressing", (60, 40)) if late else ("Failed", (100, 0)))


@pytest.mark.parametrize("late", [False, True], ids=["alert-over-a-live-claim", "tick-over-an-expired-one"])
def test_rule_4_a_copy_in_flight_is_stale_before_the_swap(late: bool) -> None:
    """The claim of a promotion may write the primary, so that is fenced too."""
    lab = due("Progressing", 60)
    slow = handler(lab).to("patch", PRIMARY)
    lab.clock.tick(GONE if late else 0)
    other = handler(lab, TICK if late else an_alert(lab.clock.moment))
    other.to("patch", CANARY).go(1)
    slow.go(1)
    assert image(lab) == "app:v1"
    other.go()
    slow.go()
    assert lab.phase == ("Promoting" if late else "Failed")


def test_rule_4_without_a_claim_nothing_is_fenced() -> None:
    """An alert that meets nobody writes intent, routes, replicas and state, and no more."""
    lab = due("Progressing", 20)
    lab.step(an_alert(lab.clock.moment))
    assert FENCE not in lab.get(ROUTE)["metadata"]["annotations"]


def test_rule_5_a_fence_is_a_real_write_and_keeps_the_weights() -> None:
    """Until its own claim stands, nobody changes a weight."""
    lab = due("Progressing", 40)
    handler(lab).to("patch", VIRTUAL_SERVICE)
    before = version(lab, ROUTE)
    handler(lab, an_alert(lab.clock.moment)).to("patch", VIRTUAL_SERVICE).go(1)
    assert lab.weights == (60, 40)
    assert version(lab, ROUTE) != before
    assert state_of(lab).claim is not None


def test_rule_5_each_fence_is_a_write_of_its_own() -> None:
    """Also where there has been a fence before: the second who takes over stops the first one who did."""
    lab = due("Progressing", 20)
    handler(lab).to("patch", VIRTUAL_SERVICE)
    lab.clock.tick(GONE)
    second = handler(lab).to("patch", VIRTUAL_SERVICE)
    second.go(1)
    second.to("patch", VIRTUAL_SERVICE)
    lab.clock.tick(GONE)
    third = handler(lab, an_alert(lab.clock.moment)).to("patch", CANARY)
    third.go(1)
    second.go(1)
    assert lab.weights == (80, 20)
    third.go()
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))


def test_rule_5_a_fence_is_put_on_the_route_that_was_read() -> None:
    """The first weight comes between reading and fencing: who rolls back must not think that there is none."""
    lab = due("Progressing")
    slow = handler(lab).to("patch", VIRTUAL_SERVICE)
    no_pods(lab, "app-primary")
    alert = handler(lab, an_alert(lab.clock.moment)).to("patch", VIRTUAL_SERVICE)
    slow.go(1)
    alert.go()
    assert lab.weights == (80, 20)
    assert str(alert.result).startswith("503")


def test_rule_6_a_rollback_goes_intent_routes_state_replicas() -> None:
    """The intent stands before anything is lowered, and the target loses its pods with the next event, when every mesh
    has heard that it has no traffic any more.
    """
    lab = due("Progressing", 40)
    expected = ["canaries/app", "virtualservices/app", "canaries/app", "canaries/app"]
    other = twin(lab)
    assert writes(other, an_alert(lab.clock.moment)) == expected
    other.clock.tick(10)
    assert "deployments/app" in writes(other)
    assert other.target["spec"]["replicas"] == 0
    handler(lab, an_alert(lab.clock.moment)).to("patch", VIRTUAL_SERVICE)
    claim = state_of(lab).claim
    assert claim
    assert (claim.intent, lab.weights) == (Intent.ROLLBACK, (60, 40))


def test_rule_6_the_intent_of_failed_checks_stands_before_the_routes() -> None:
    """A step that has asked under another intent swaps in the rollback's before it lowers anything."""
    lab = after_a_failed_check(new_lab(), 40, 2)
    lab.prometheus.values[SUCCESS] = [10]
    lab.clock.tick(10)
    handler(lab).to("patch", VIRTUAL_SERVICE)
    claim = state_of(lab).claim
    assert claim
    assert (claim.intent, lab.weights) == (Intent.ROLLBACK, (60, 40))


def test_rule_7_an_expired_promotion_that_was_not_copied_is_asked_anew() -> None:
    """A claim to promote is no proof that anything passed."""
    lab = due("Progressing", 60)
    dies_before(lab, "patch", PRIMARY)
    lab.clock.tick(GONE)
    lab.prometheus.values[SUCCESS] = [10]
    lab.prometheus.asked.clear()
    lab.step()
    assert lab.prometheus.asked
    assert (lab.phase, state_of(lab).failed, image(lab)) == ("Progressing", 1, "app:v1")


def test_rule_7_an_expired_promotion_that_was_copied_goes_on() -> None:
    """What the primary carries is promoted, whoever wrote it; it is not asked again, and not copied again."""
    lab = due("Progressing", 60)
    slow = handler(lab).to("patch", PRIMARY)
    slow.go(1)
    lab.clock.tick(GONE)
    lab.prometheus.asked.clear()
    lab.step()
    assert (lab.phase, lab.prometheus.asked) == ("Promoting", [])
