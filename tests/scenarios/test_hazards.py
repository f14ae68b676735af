"""Where Flagger hurts, and Serinus must not: one test for each hazard that a whole step is needed to show.

The numbers are those of a reading of Flagger 1.44; the ones that a decision alone can show are in tests/rollout.
"""

import json
from typing import Any

import pytest

from handlers.errors import Unavailable
from handlers.step.ports import Response
from tests.fakes import HookPoint
from tests.lab import Lab, a_canary, at, new_lab

GATE = {"name": "gate", "type": "confirm-rollout", "url": "http://hooks.test/gate", "timeout": "2s"}
CHECK = {"name": "check", "type": "rollout", "url": "http://hooks.test/check", "timeout": "2s"}


def image(workload: Any) -> str:
    """What a workload runs."""
    return str(workload["spec"]["template"]["spec"]["containers"][0]["image"])


def lose_pods(lab: Lab, name: str) -> None:
    """A Deployment has no ready pod any more."""
    path = f"/apis/apps/v1/namespaces/shop/deployments/{name}/status"
    lab.api.call("PATCH", path, {"status": {"readyReplicas": 0, "availableReplicas": 0}})


def test_c1_a_revision_is_acknowledged_with_the_phase() -> None:
    """A push in Failed that meets an error is analysed by the next event: nothing was acknowledged before it."""
    lab = at(new_lab(a_canary(analysis={"threshold": 1})), "Progressing", 20)
    lab.prometheus.values["requests_total"] = [50]
    lab.until("Failed")
    lab.tick()
    lab.prometheus.values.clear()
    lab.push("app:v3")

    def down(verb: str, path: str) -> None:
        if verb == "patch" and "deployments" in path:
            raise Unavailable("the API server is down")

    lab.cluster.before = down
    with pytest.raises(Unavailable):
        lab.tick()
    lab.cluster.before = lambda _verb, _path: None
    lab.clock.tick(60)
    lab.until("Succeeded")
    assert image(lab.primary) == "app:v3"


def test_c2_a_push_while_webhooks_run_is_not_promoted() -> None:
    """A template that came while the step was asking is analysed like any other before it is promoted."""
    lab = at(new_lab(a_canary(analysis={"webhooks": [CHECK]})), "Progressing", 60)
    lab.webhooks.answers[CHECK["url"]] = [HookPoint(lambda: lab.push("app:v3"), Response(status=200)), 200]
    lab.tick()
    assert image(lab.primary) == "app:v1"
    assert (lab.phase, lab.weights) == ("Progressing", (100, 0))
    lab.until("Succeeded")
    assert image(lab.primary) == "app:v3"


@pytest.mark.parametrize("phase", ["Promoting", "Finalising"])
def test_c3_a_push_during_promotion_is_noticed(phase: str) -> None:
    """A push in Promoting or Finalising starts over with the new revision."""
    lab = at(new_lab(), phase, 60 if phase == "Promoting" else 0)
    lab.push("app:v3")
    lab.tick()
    assert (lab.phase, lab.weights) == ("Progressing", (100, 0))
    lab.until("Succeeded")
    assert image(lab.primary) == "app:v3"


def test_c4_a_push_after_a_failed_promotion_keeps_the_good_canary() -> None:
    """Failed with the canary serving: the next push does not send traffic to a primary without pods."""
    lab = at(new_lab(), "Promoting", 60)
    lose_pods(lab, "app-primary")
    lab.clock.tick(10)
    lab.step()
    lab.clock.tick(601)
    lab.step()
    assert (lab.phase, lab.weights) == ("Failed", (0, 100))
    lab.push("app:v3")
    lab.kubelet.run(only="app")
    lab.clock.tick(10)
    lab.step()
    assert lab.weights == (0, 100)
    assert lab.target["spec"]["replicas"] == 1
    lab.until("Succeeded")
    assert image(lab.primary) == "app:v3"


def test_c6_drift_of_a_route_is_healed_to_the_weight_in_hand() -> None:
    """An edit of the VirtualService in the middle of a run neither resets the run nor stays."""
    lab = at(new_lab(a_canary(analysis={"threshold": 5})), "Progressing", 40)
    lab.edit("networking.istio.io/v1beta1/virtualservices/app", {"metadata": {"annotations": {"who": "me"}}})
    route = [{"destination": {"host": "app-primary"}, "weight": 100}]
    lab.edit("networking.istio.io/v1beta1/virtualservices/app", {"spec": {"http": [{"route": route}]}})
    lab.prometheus.values["requests_total"] = [50, 100]
    lab.tick()
    assert (lab.weights, lab.canary["status"]["canaryWeight"]) == ((60, 40), 40)
    annotations = lab.get("networking.istio.io/v1beta1/virtualservices/app")["metadata"]["annotations"]
    assert annotations["who"] == "me"
    lab.tick()
    assert lab.weights == (40, 60)


def test_c12_a_weight_that_was_routed_but_not_committed_is_written_again() -> None:
    """A process that dies between route and commit: the next event writes the same weight, not the next one."""
    lab = at(new_lab(), "Progressing", 20)
    wrote: list[str] = []

    def dies(verb: str, path: str) -> None:
        if verb == "patch" and "virtualservices" in path:
            wrote.append(path)
        elif wrote and verb == "patch" and "canaries" in path:
            raise Unavailable("died")

    lab.cluster.before = dies
    with pytest.raises(Unavailable):
        lab.tick()
    assert lab.weights == (60, 40)
    lab.cluster.before = lambda _verb, _path: None
    lab.clock.tick(60)
    lab.tick()
    assert (lab.weights, lab.canary["status"]["canaryWeight"]) == ((60, 40), 40)


def test_c13_ticks_within_an_interval_make_one_step() -> None:
    """However many ticks come, a canary makes one step in an interval."""
    lab = at(new_lab(a_canary(analysis={"interval": "60s"})), "Progressing", 20)
    lab.clock.tick(60)
    for _ in range(5):
        lab.step()
        lab.clock.tick(2)
    assert lab.weights == (60, 40)


@pytest.mark.parametrize(
    ("answer", "outcome", "words"),
    [
        (None, "no data", "no values found"),
        (Unavailable("request failed: connection refused"), "error", "connection refused"),
        ([{"metric": {}, "value": [0, "+Inf"]}], "error", "+Inf"),
        (50, "failed", "50.00% < 99%"),
    ],
    ids=["no data", "server down", "infinite", "bad value"],
)
def test_c14_kinds_of_trouble_are_told_apart(answer: Any, outcome: str, words: str) -> None:
    """Missing data, a query that cannot be made and a bad value are three things, in history and in words (C15 too)."""
    lab = at(new_lab(), "Progressing", 20)
    lab.prometheus.values["requests_total"] = [answer]
    lab.tick()
    last = json.loads(lab.canary["metadata"]["annotations"]["serinus.dev/history"])[-1]
    checks = {check["metric"]: check for check in last["checks"]}
    assert checks["request-success-rate"]["outcome"] == outcome
    assert words in checks["request-success-rate"]["text"]
    assert checks["request-duration"]["outcome"] == "passed"
    assert (lab.canary["status"]["failedChecks"], lab.weights) == (1, (80, 20))


def test_c14_a_passed_check_resets_the_count() -> None:
    """The threshold counts consecutive failures: single ones far apart do not add up to a rollback."""
    lab = at(new_lab(a_canary(analysis={"threshold": 2, "stepWeight": 10})), "Progressing", 10)
    lab.prometheus.values["requests_total"] = [50, 100, 50, 100, 50, 100]
    lab.until("Succeeded")


def test_c15_the_last_of_several_series_counts_and_it_is_said() -> None:
    """Several series are taken as Flagger takes them, but not in silence."""
    lab = at(new_lab(), "Progressing", 20)
    series = [{"metric": {}, "value": [0, "10"]}, {"metric": {}, "value": [0, "100"]}]
    lab.prometheus.values["requests_total"] = [series]
    lab.tick()
    assert lab.weights == (60, 40)
    assert "the last of 2 series" in lab.canary["metadata"]["annotations"]["serinus.dev/history"]


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_c16_any_2xx_is_a_yes(status: int) -> None:
    """A gate that answers 204 is open."""
    lab = new_lab(a_canary(analysis={"webhooks": [GATE]}))
    lab.webhooks.answers[GATE["url"]] = [status]
    lab.until("Initialized")
    lab.push("app:v2")
    lab.tick()
    assert lab.phase == "Progressing"


def test_c16_all_post_rollout_webhooks_are_called() -> None:
    """A post-rollout webhook that fails does not keep the next one from being called."""
    hooks = [{"name": name, "type": "post-rollout", "url": f"http://hooks.test/{name}"} for name in ("first", "second")]
    lab = new_lab(a_canary(analysis={"webhooks": hooks}))
    lab.webhooks.answers["http://hooks.test/first"] = [500]
    at(lab, "Succeeded")
    assert [request.url for request in lab.webhooks.asked] == ["http://hooks.test/first", "http://hooks.test/second"]
    assert any("Post-rollout hook first failed 500" in event for event in lab.events)
    assert "Normal Post-rollout check second passed" in lab.events


def test_c20_status_moves_only_when_something_changes() -> None:
    """A failed canary at rest, and a suspended one, are written no more."""
    lab = at(new_lab(a_canary(analysis={"threshold": 1})), "Progressing", 20)
    lab.prometheus.values["requests_total"] = [50]
    lab.until("Failed")
    lab.tick()
    version, events = lab.canary["metadata"]["resourceVersion"], len(lab.events)
    lab.tick(3)
    assert (lab.canary["metadata"]["resourceVersion"], len(lab.events)) == (version, events)
    lab.edit("flagger.app/v1beta1/canaries/app", {"spec": {"suspend": True}})
    version = lab.canary["metadata"]["resourceVersion"]
    lab.push("app:v3")
    lab.tick(3)
    assert (lab.canary["metadata"]["resourceVersion"], len(lab.events)) == (version, events)


def test_c23_all_metrics_are_asked_and_told() -> None:
    """Two metrics that fail in one step are both in the Events and in the history."""
    lab = at(new_lab(), "Progressing", 20)
    lab.prometheus.values = {"requests_total": [50], "duration": [900]}
    lab.tick()
    assert "Warning Halt app.shop advancement success rate 50.00% < 99%" in lab.events
    assert "Warning Halt app.shop advancement request duration 900ms > 500ms" in lab.events


def test_c24_the_deadline_is_the_canarys_own() -> None:
    """Past progressDeadlineSeconds a canary that never gets ready is rolled back, whatever the Deployment says."""
    lab = new_lab(a_canary(progressDeadlineSeconds=30))
    lab.until("Initialized")
    lab.kubelet.never.add("app:v2")
    lab.push("app:v2")
    lab.tick(2)
    assert lab.phase == "Progressing"
    lab.tick(3)
    assert lab.phase == "Failed"
    assert any("progress deadline exceeded" in event for event in lab.events)


def test_c25_a_push_back_cancels_the_run() -> None:
    """Going back to the promoted version ends the run and promotes nothing."""
    lab = at(new_lab(), "Progressing", 40)
    lab.push("app:v1")
    lab.tick()
    assert (lab.phase, lab.weights, lab.target["spec"]["replicas"]) == ("Initialized", (100, 0), 1)
    lab.tick(2)
    assert lab.target["spec"]["replicas"] == 0
    version = lab.canary["metadata"]["resourceVersion"]
    lab.tick(3)
    assert lab.canary["metadata"]["resourceVersion"] == version
