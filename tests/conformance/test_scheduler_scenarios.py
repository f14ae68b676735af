"""Flagger's scheduler tests (pkg/controller/scheduler_*_test.go), told through our events.

Each test has the name of the original, and asserts what the original means to assert.
"""

from handlers.rollout.objects import DEPLOYMENT, Kind
from tests.conformance.podinfo import KINDS, image, rests
from tests.conformance.podinfo import fixture as podinfo
from tests.lab import Lab, at


def fixture(kind: Kind = DEPLOYMENT, **analysis: object) -> Lab:
    """Flagger's fixture, with these changes to its analysis."""
    return podinfo(kind, analysis=analysis)


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


@KINDS
def test_init(kind: Kind) -> None:
    """A new Canary gets its primary, owned by it, and is Initialized with the target at 0.

    Flagger's TestScheduler_DeploymentInit, TestScheduler_DaemonSetInit.
    """
    lab = fixture(kind)
    lab.until("Initialized")
    assert lab.primary["metadata"]["ownerReferences"][0]["kind"] == "Canary"
    assert lab.primary["spec"]["selector"]["matchLabels"] == {"app": "app-primary"}
    assert (lab.weights, rests(lab)) == ((100, 0), True)


@KINDS
def test_new_revision(kind: Kind) -> None:
    """A new template scales the target up.

    Flagger's TestScheduler_DeploymentNewRevision, TestScheduler_DaemonSetNewRevision.
    """
    lab = fixture(kind)
    lab.until("Initialized")
    lab.push("app:v2")
    lab.tick()
    assert (lab.phase, rests(lab)) == ("Progressing", False)


@KINDS
def test_rollback(kind: Kind) -> None:
    """Failed checks at the threshold with a failing metric end in Failed, with all traffic on the primary.

    Flagger's TestScheduler_DeploymentRollback, TestScheduler_DaemonSetRollback.
    """
    lab = at(fixture(kind, threshold=2), "Progressing", 10)
    lab.prometheus.values["requests_total"] = [50]
    lab.tick(2)
    assert (lab.phase, lab.weights, rests(lab)) == ("Failed", (100, 0), False)
    lab.tick()
    assert rests(lab)


def test_promotion_primary_not_ready() -> None:
    """Promoting at 50/50 with a primary past its deadline: the canary is kept, routes 0/100, Failed, weight 100.

    Flagger's TestScheduler_DeploymentPromotionPrimaryNotReady.
    """
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
    """Finalising at 100/0 and the primary dies: traffic goes back to the canary, Failed, weight 100.

    Flagger's TestScheduler_DeploymentPromotionFailedAfterTrafficShift.
    """
    lab = at(fixture(), "Finalising")
    fails(lab, "app-primary")
    lab.clock.tick(10)
    lab.step()
    assert lab.phase == "Finalising"
    lab.clock.tick(601)
    lab.step()
    assert (lab.phase, lab.weights, lab.canary["status"]["canaryWeight"]) == ("Failed", (0, 100), 100)
    assert lab.target["spec"]["replicas"] == 1


@KINDS
def test_skip_analysis(kind: Kind) -> None:
    """skipAnalysis goes to Succeeded without a single question, once the primary is ready.

    Flagger's TestScheduler_DeploymentSkipAnalysis, TestScheduler_DaemonSetSkipAnalysis.
    """
    lab = podinfo(kind, skipAnalysis=True)
    lab.until("Initialized")
    lab.push("app:v2")
    assert statuses(lab, 5) == [("Progressing", 0), ("Promoting", 0), ("Succeeded", 0)]
    assert not lab.prometheus.asked
    assert lab.primary["spec"]["template"]["spec"]["containers"][0]["image"] == "app:v2"


def test_analysis_phases() -> None:
    """Step 100 with a promotion step of 50 goes through each phase and weight in Flagger's order.

    Flagger's TestScheduler_DeploymentAnalysisPhases.
    """
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


@KINDS
def test_new_revision_reset(kind: Kind) -> None:
    """A change at 90/10 puts the routes back to 100/0 and starts the analysis over.

    Flagger's TestScheduler_DeploymentNewRevisionReset, TestScheduler_DaemonSetNewRevisionReset.
    """
    lab = at(fixture(kind), "Progressing", 10)
    lab.push("app:v3")
    lab.tick()
    assert (lab.phase, lab.weights) == ("Progressing", (100, 0))
    lab.tick()
    assert lab.weights == (90, 10)


@KINDS
def test_promotion(kind: Kind) -> None:
    """A template and then configs that change are one revision; image, ConfigMap and Secret of it reach the primary.

    Flagger's TestScheduler_DeploymentPromotion, TestScheduler_DaemonSetPromotion.
    """
    lab = fixture(kind)
    lab.until("Initialized")
    image(lab, "app:v2")
    lab.tick(2)
    assert (lab.phase, lab.weights) == ("Progressing", (90, 10))
    lab.edit("v1/configmaps/env", {"data": {"color": "blue"}})
    lab.edit("v1/secrets/keys", {"data": {"key": "dHdv"}})
    lab.tick()
    assert (lab.phase, lab.weights) == ("Progressing", (100, 0))
    assert statuses(lab, 9)[-4:] == [("Progressing", 50), ("Promoting", 50), ("Finalising", 0), ("Succeeded", 0)]
    assert lab.primary["spec"]["template"]["spec"]["containers"][0]["image"] == "app:v2"
    assert lab.get("v1/configmaps/env-primary")["data"] == {"color": "blue"}
    assert lab.get("v1/secrets/keys-primary")["data"] == {"key": "dHdv"}
    assert lab.weights == (100, 0)


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


def iterating(kind: Kind = DEPLOYMENT, **analysis: object) -> Lab:
    """Flagger's fixture with iterations instead of weights, a new revision pushed."""
    lab = fixture(kind, **{"stepWeight": None, "maxWeight": None, **analysis})
    lab.until("Initialized")
    lab.push("app:v2")
    return lab


def test_blue_green_analysis_phases() -> None:
    """One iteration: Progressing three times, Promoting, Finalising, Succeeded, and no weight is shown.

    Flagger's TestScheduler_DeploymentBlueGreenAnalysisPhases.
    """
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


@KINDS
def test_mirroring(kind: Kind) -> None:
    """The first step is 100/0 with a mirror, the next 90/10 without.

    Flagger's TestScheduler_DeploymentMirroring, TestScheduler_DaemonSetMirroring.
    """
    lab = at(fixture(kind, mirror=True), "Progressing")
    seen = []
    for _ in range(2):
        lab.tick()
        rule = lab.get("networking.istio.io/v1beta1/virtualservices/app")["spec"]["http"][0]
        seen.append((lab.weights, rule.get("mirror")))
    assert seen == [((100, 0), {"host": "app-canary"}), ((90, 10), None)]


@KINDS
def test_ab_testing(kind: Kind) -> None:
    """The matched requests get 0/100; after the last iteration it is promoted, Finalising, Succeeded.

    Flagger's TestScheduler_DeploymentABTesting, TestScheduler_DaemonSetABTesting.
    """
    lab = iterating(kind, iterations=1, match=[{"headers": {"x-user-type": {"exact": "test"}}}])
    lab.tick(2)
    assert (lab.phase, lab.weights) == ("Progressing", (0, 100))
    lab.until("Finalising")
    assert lab.weights == (100, 0)
    lab.until("Succeeded")
    assert lab.primary["spec"]["template"]["spec"]["containers"][0]["image"] == "app:v2"
