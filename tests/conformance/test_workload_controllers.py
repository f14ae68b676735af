"""Flagger's deployment_controller, deployment_status and their daemonset twins (pkg/canary), told through our events.

Each test has the name of the original, and asserts what the original means to assert. The smaller pieces have tables of
their own: tests/rollout/test_workload*.py, test_daemonsets.py, test_readiness.py.
"""

import pytest

from handlers.rollout.objects import CANARY, Kind
from tests.conformance.podinfo import KINDS, LABEL, NOTE, about, cpu, fixture, image, initialized, rests


@KINDS
@pytest.mark.parametrize("label", ["app", "another-name"], ids=["ConsistentNaming", "InconsistentNaming"])
def test_sync(kind: Kind, label: str) -> None:
    """The primary has the target's image, a selector of its own after the label's value, and no marks of Flux.

    Flagger's TestDeploymentController_Sync_ConsistentNaming, TestDeploymentController_Sync_InconsistentNaming,
    TestDaemonSetController_Sync_ConsistentNaming, TestDaemonSetController_Sync_InconsistentNaming.
    """
    primary = initialized(kind, label=label).primary
    assert primary["spec"]["template"]["spec"]["containers"][0]["image"] == "app:v1"
    assert primary["spec"]["selector"]["matchLabels"] == {"app": f"{label}-primary"}
    assert "kustomize.toolkit.fluxcd.io/checksum" not in primary["metadata"]["annotations"]


@KINDS
def test_promote(kind: Kind) -> None:
    """Image, labels and annotations by prefix, contents of configs, and terms about one's own pods reach the primary.

    Flagger's TestDeploymentController_Promote, TestDaemonSetController_Promote.

    Flagger's kubernetes/test-deployment.
    """
    lab = initialized(kind)
    image(lab, "app:v2", labels={LABEL: "two"}, annotations={NOTE: "two"})
    lab.edit("v1/configmaps/env", {"data": {"color": "blue"}})
    lab.until("Succeeded")
    primary = lab.primary
    assert primary["spec"]["template"]["spec"]["containers"][0]["image"] == "app:v2"
    assert primary["metadata"]["labels"] == {LABEL: "two", "app": "app-primary"}
    assert primary["metadata"]["annotations"][NOTE] == "two"
    assert lab.get("v1/configmaps/env-primary")["data"] == {"color": "blue"}
    anti = primary["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"]
    assert anti["requiredDuringSchedulingIgnoredDuringExecution"][0] == about("app-primary")


@KINDS
def test_scale(kind: Kind) -> None:
    """The target rests without pods, has them during an analysis, and rests again.

    Flagger's TestDeploymentController_ScaleToZero, TestDaemonSetController_Scale (ScaleToZero, ScaleFromZeo).
    """
    lab = initialized(kind)
    assert rests(lab)
    image(lab, "app:v2")
    lab.tick()
    assert (lab.phase, rests(lab)) == ("Progressing", False)
    lab.until("Succeeded")
    assert rests(lab)


@KINDS
def test_no_config_tracking(kind: Kind) -> None:
    """Without tracking no copy is made, and the primary reads what the target reads.

    Flagger's TestDeploymentController_NoConfigTracking, TestDaemonSetController_NoConfigTracking.
    """
    lab = initialized(kind, tracking=False)
    assert lab.get("v1/configmaps/env-primary") is None
    assert lab.primary["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"] == "vol"


@KINDS
def test_has_target_changed(kind: Kind) -> None:
    """A change is a new revision; one back to what is promoted is none; yet another one is one again.

    Flagger's TestDeploymentController_HasTargetChanged, TestDaemonSetController_HasTargetChanged. There the change back
    comes in the middle of a run and is passed over; here it ends the run.
    """
    lab = initialized(kind)
    cpu(lab, "100m")
    lab.tick()
    assert lab.phase == "Progressing"
    cpu(lab, None)
    lab.tick(2)
    assert (lab.phase, rests(lab)) == ("Initialized", True)
    cpu(lab, "600m")
    lab.tick()
    assert lab.phase == "Progressing"


@KINDS
@pytest.mark.parametrize("bootstrapped", [False, True], ids=["without a primary", "with a primary"])
def test_finalize(kind: Kind, bootstrapped: bool) -> None:
    """A deleted Canary leaves the target with its pods, whether it ever had a primary or not.

    Flagger's TestDeploymentController_Finalize, TestDaemonSetController_Finalize.
    """
    lab = fixture(kind, revertOnDeletion=True)
    lab.step()
    if bootstrapped:
        lab.until("Initialized")
    lab.delete(CANARY, "app")
    for _ in range(5):
        lab.tick()
    assert (lab.canary, rests(lab)) == (None, False)
    assert lab.target["spec"].get("replicas", 1) == 1


@KINDS
def test_anti_affinity_and_topology_spread_constraints(kind: Kind) -> None:
    """Terms about the target's pods are about the primary's in the primary; terms about others stay.

    Flagger's TestDeploymentController_AntiAffinityAndTopologySpreadConstraints.
    """
    pod = initialized(kind).primary["spec"]["template"]["spec"]
    anti = pod["affinity"]["podAntiAffinity"]
    preferred = [term["podAffinityTerm"] for term in anti["preferredDuringSchedulingIgnoredDuringExecution"]]
    assert preferred == [about("app-primary"), about("another")]
    assert anti["requiredDuringSchedulingIgnoredDuringExecution"] == [about("app-primary"), about("another")]
    terms = [term["labelSelector"] for term in pod["topologySpreadConstraints"]]
    assert terms == [about("app-primary")["labelSelector"], about("another")["labelSelector"]]


@KINDS
def test_is_ready(kind: Kind) -> None:
    """A primary that was just made is waited for; the target is what serves until then.

    Flagger's TestDeploymentController_IsReady, TestDaemonSetController_IsReady.
    """
    lab = fixture(kind)
    lab.step()
    lab.step()
    assert (lab.phase, rests(lab)) == ("Initializing", False)
    assert any("app-primary.shop not ready: waiting for rollout to finish" in event for event in lab.events)
    lab.kubelet.run()
    lab.step()
    assert lab.phase == "Initialized"


@KINDS
def test_status(kind: Kind) -> None:
    """`.status` shows the phase, the failed checks and the configs that are tracked.

    Flagger's TestDeploymentController_SyncStatus, TestDeploymentController_SetFailedChecks,
    TestDeploymentController_SetState, TestDaemonSetController_SyncStatus, TestDaemonSetController_SetFailedChecks,
    TestDaemonSetController_SetState.

    Flagger's TestConfigTracker_ConfigMaps, TestConfigTracker_Secrets.
    """
    lab = initialized(kind)
    image(lab, "app:v2")
    lab.tick(2)
    lab.prometheus.values["requests_total"] = [50]
    lab.tick(2)
    status = lab.canary["status"]
    assert (status["phase"], status["failedChecks"]) == ("Progressing", 2)
    assert status["trackedConfigs"].keys() == {"configmap/env", "configmap/vol", "secret/keys"}
