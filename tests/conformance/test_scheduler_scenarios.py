"""Flagger's scheduler tests (pkg/controller/scheduler_deployment_test.go), told through our events.

Each test has the name of the original, and asserts what the original means to assert.
"""

import pytest

from tests.lab import Lab, a_canary, at, new_lab

FIXTURE = {"stepWeight": 10, "maxWeight": 50, "threshold": 10}


def fixture(**analysis: object) -> Lab:
    """Flagger's fixture: steps of 10 up to 50, threshold 10, metrics that answer well."""
    return new_lab(a_canary(analysis={**FIXTURE, **analysis}))


def statuses(lab: Lab, ticks: int) -> list[tuple[str, int]]:
    """Phase and weight after each of some ticks, without repetitions."""
    seen: list[tuple[str, int]] = []
    for _ in range(ticks):
        lab.tick()
        now = (lab.phase, lab.canary["status"]["canaryWeight"])
        if not seen or seen[-1] != now:
            seen.append(now)
    return seen


def fails(lab: Lab, name: str) -> None:
    """A Deployment loses all its ready pods, for good."""
    lab.api.call(
        "PATCH",
        f"/apis/apps/v1/namespaces/shop/deployments/{name}/status",
        {"status": {"readyReplicas": 0, "availableReplicas": 0}},
    )


def test_init() -> None:
    """A new Canary gets its primary, owned by it, and is Initialized with the target at 0."""
    lab = fixture()
    lab.until("Initialized")
    assert lab.primary["metadata"]["ownerReferences"][0]["kind"] == "Canary"
    assert lab.primary["spec"]["selector"]["matchLabels"] == {"app": "app-primary"}
    assert lab.target["spec"]["replicas"] == 0
    assert lab.weights == (100, 0)


def test_new_revision() -> None:
    """A new template scales the target up."""
    lab = fixture()
    lab.until("Initialized")
    lab.push("app:v2")
    lab.tick()
    assert lab.target["spec"]["replicas"] == 1
    assert lab.phase == "Progressing"


def test_rollback() -> None:
    """Failed checks at the threshold with a failing metric end in Failed, with all traffic on the primary."""
    lab = at(fixture(threshold=2), "Progressing", 10)
    lab.prometheus.values["requests_total"] = [50]
    lab.tick(2)
    assert (lab.phase, lab.weights, lab.target["spec"]["replicas"]) == ("Failed", (100, 0), 0)


def test_promotion_primary_not_ready() -> None:
    """Promoting at 50/50 with a primary past its deadline: the canary is kept, routes 0/100, Failed, weight 100."""
    lab = at(fixture(), "Progressing", 50)
    lab.tick()
    assert lab.phase == "Promoting"
    lab.kubelet.run(only="app")
    lab.clock.tick(601)
    lab.step()
    lab.clock.tick(10)
    lab.step()
    assert (lab.phase, lab.weights, lab.canary["status"]["canaryWeight"]) == ("Failed", (0, 100), 100)
    assert lab.target["spec"]["replicas"] == 1


def test_promotion_failed_after_traffic_shift() -> None:
    """Finalising at 100/0 and the primary dies: traffic goes back to the canary, Failed, weight 100."""
    lab = at(fixture(), "Finalising")
    fails(lab, "app-primary")
    lab.clock.tick(10)
    lab.step()
    assert lab.phase == "Finalising"
    lab.clock.tick(601)
    lab.step()
    assert (lab.phase, lab.weights, lab.canary["status"]["canaryWeight"]) == ("Failed", (0, 100), 100)
    assert lab.target["spec"]["replicas"] == 1


def test_skip_analysis() -> None:
    """skipAnalysis goes to Succeeded without a single question, once the primary is ready."""
    lab = new_lab(a_canary(skipAnalysis=True))
    lab.until("Initialized")
    lab.push("app:v2")
    assert statuses(lab, 5) == [("Progressing", 0), ("Promoting", 0), ("Succeeded", 0)]
    assert not lab.prometheus.asked
    assert lab.primary["spec"]["template"]["spec"]["containers"][0]["image"] == "app:v2"


def test_analysis_phases() -> None:
    """Step 100 with a promotion step of 50 goes through each phase and weight in Flagger's order."""
    lab = fixture(stepWeight=100, maxWeight=100, stepWeightPromotion=50)
    lab.until("Initialized")
    lab.push("app:v2")
    assert statuses(lab, 8) == [
        ("Progressing", 0),
        ("Progressing", 100),
        ("Promoting", 100),
        ("Promoting", 50),
        ("Finalising", 0),
        ("Succeeded", 0),
    ]


def test_new_revision_reset() -> None:
    """A change at 90/10 puts the routes back to 100/0 and starts the analysis over."""
    lab = at(fixture(), "Progressing", 10)
    lab.push("app:v3")
    lab.tick()
    assert (lab.phase, lab.weights) == ("Progressing", (100, 0))
    lab.tick()
    assert lab.weights == (90, 10)


def test_promotion() -> None:
    """From the last weight: template to the primary, Promoting, Finalising at 100/0, Succeeded."""
    lab = at(fixture(), "Progressing", 50)
    assert statuses(lab, 4) == [("Promoting", 50), ("Finalising", 0), ("Succeeded", 0)]
    assert lab.primary["spec"]["template"]["spec"]["containers"][0]["image"] == "app:v2"
    assert lab.weights == (100, 0)


@pytest.mark.parametrize(
    ("analysis", "primary"),
    [
        ({"stepWeight": 20, "maxWeight": 60}, [100, 80, 60, 40]),
        ({"stepWeight": 50, "maxWeight": 100}, [100, 50, 0]),
        ({"stepWeight": None, "maxWeight": None, "stepWeights": [1, 2, 10, 80]}, [100, 99, 98, 90, 20]),
        ({"stepWeight": None, "maxWeight": None, "stepWeights": [1, 2, 10, 120]}, [100, 99, 98, 90, 0]),
    ],
    ids=["single step", "step of half", "step weights", "step weights over range"],
)
def test_weights(analysis: dict[str, object], primary: list[int]) -> None:
    """The primary's weight goes down as scheduler_svc_test.go says, and the last one is promoted."""
    lab = fixture(**analysis)
    lab.until("Initialized")
    lab.push("app:v2")
    seen = []
    for _ in range(len(primary)):
        lab.tick()
        assert lab.weights
        seen.append(lab.weights[0])
    assert seen == primary
    lab.until("Succeeded")


@pytest.mark.parametrize("target", [80, "web"], ids=["TargetPortNumber", "TargetPortName"])
def test_target_port(target: object) -> None:
    """Numeric and named target ports reach the apex Service as they are written."""
    lab = new_lab(a_canary(service={"targetPort": target}))
    lab.until("Initialized")
    assert lab.get("v1/services/app")["spec"]["ports"][0]["targetPort"] == target


def test_lifecycle() -> None:
    """5xx fails a run; reverting starts none; pushing it again fails again; a new annotation retries and succeeds.

    Flagger's nginx/test-lifecycle, on Istio.
    """
    lab = at(fixture(threshold=1), "Progressing", 10)
    lab.prometheus.values["requests_total"] = [50]
    lab.until("Failed")
    promoted = lab.primary["metadata"]["generation"]
    lab.push("app:v1")
    lab.tick(3)
    assert (lab.phase, lab.primary["metadata"]["generation"]) == ("Failed", promoted)
    lab.push("app:v2")
    lab.tick()
    assert lab.phase == "Progressing"
    lab.until("Failed")
    lab.prometheus.values.clear()
    lab.edit("apps/v1/deployments/app", {"spec": {"template": {"metadata": {"annotations": {"retry": "1"}}}}})
    lab.until("Succeeded")
    assert lab.primary["spec"]["template"]["spec"]["containers"][0]["image"] == "app:v2"


def iterating(**analysis: object) -> Lab:
    """Flagger's fixture with iterations instead of weights, a new revision pushed."""
    lab = fixture(**{"stepWeight": None, "maxWeight": None, **analysis})
    lab.until("Initialized")
    lab.push("app:v2")
    return lab


def test_blue_green_analysis_phases() -> None:
    """One iteration: Progressing three times, Promoting, Finalising, Succeeded, and no weight is shown."""
    lab = iterating(iterations=1)
    lab.tick()
    phases = []
    for _ in range(6):
        phases.append((lab.phase, lab.canary["status"]["canaryWeight"]))
        lab.tick()
    assert phases == [
        ("Progressing", 0),
        ("Progressing", 0),
        ("Progressing", 0),
        ("Promoting", 0),
        ("Finalising", 0),
        ("Succeeded", 0),
    ]


def test_mirroring() -> None:
    """The first step is 100/0 with a mirror, the next 90/10 without."""
    lab = at(fixture(mirror=True), "Progressing")
    seen = []
    for _ in range(2):
        lab.tick()
        rule = lab.get("networking.istio.io/v1beta1/virtualservices/app")["spec"]["http"][0]
        seen.append((lab.weights, rule.get("mirror")))
    assert seen == [((100, 0), {"host": "app-canary"}), ((90, 10), None)]


def test_ab_testing() -> None:
    """The matched requests get 0/100; after the last iteration it is promoted, Finalising, Succeeded."""
    lab = iterating(iterations=1, match=[{"headers": {"x-user-type": {"exact": "test"}}}])
    lab.tick(2)
    assert (lab.phase, lab.weights) == ("Progressing", (0, 100))
    lab.until("Finalising")
    assert lab.weights == (100, 0)
    lab.until("Succeeded")
    assert lab.primary["spec"]["template"]["spec"]["containers"][0]["image"] == "app:v2"
