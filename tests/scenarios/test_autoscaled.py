"""A target that something scales, from bootstrap to rest: the primary gets a scaler of its own."""

from typing import Any

import pytest

from handlers.rollout.objects import HPA, SCALED_OBJECT, Kind
from handlers.rollout.objects.autoscalers import PAUSED
from handlers.step.sweep import sweep
from tests.lab import TICK, Lab, a_canary, a_deployment, an_alert, at, new_lab
from tests.protocol.harness import finish
from tests.scalers import a_scaled_object, an_hpa, scaled_by

HPAS = "autoscaling/v2/horizontalpodautoscalers"
OBJECTS = "keda.sh/v1alpha1/scaledobjects"
MADE = {HPA: an_hpa, SCALED_OBJECT: a_scaled_object}
PATHS = {HPA: HPAS, SCALED_OBJECT: OBJECTS}
BOTH = pytest.mark.parametrize("kind", [HPA, SCALED_OBJECT], ids=["HPA", "ScaledObject"])


def scaled(kind: Kind, *, missing: bool = False, **more: Any) -> Lab:
    """A lab whose target something of this kind scales."""
    reference = scaled_by(kind)
    reference["autoscalerRef"] |= more
    lab = new_lab(a_canary(**reference), a_deployment())
    if not missing:
        lab.create(kind, MADE[kind]())
    return lab


def primary_scaler(lab: Lab, kind: Kind) -> Any:
    """What scales the primary."""
    return lab.get(f"{PATHS[kind]}/app-primary")


def paused(lab: Lab, name: str = "app") -> Any:
    """At how many replicas KEDA is told to hold a workload."""
    return (lab.get(f"{OBJECTS}/{name}")["metadata"].get("annotations") or {}).get(PAUSED)


@BOTH
def test_a_rollout_with_a_scaler(kind: Kind) -> None:
    """The canary comes up with the least that its scaler allows, and the primary's replicas are left to its own.

    Flagger's kubernetes/test-hpa.
    """
    lab = scaled(kind)
    lab.until("Initialized")
    assert primary_scaler(lab, kind)["spec"]["scaleTargetRef"]["name"] == "app-primary"
    lab.edit("apps/v1/deployments/app-primary", {"spec": {"replicas": 4}})
    lab.push("app:v2")
    lab.tick()
    assert (lab.phase, lab.target["spec"]["replicas"]) == ("Progressing", 2)
    lab.until("Succeeded")
    assert (lab.primary["spec"]["replicas"], lab.target["spec"]["replicas"]) == (4, 0)


def test_the_scaler_of_keda_is_paused_at_rest() -> None:
    """KEDA is held while the target rests, let go while it is analysed, and held again; the primary's never is.

    Flagger's keda/test-scaledobject.
    """
    lab = scaled(SCALED_OBJECT)
    lab.until("Initialized")
    assert (paused(lab), paused(lab, "app-primary")) == ("0", None)
    lab.push("app:v2")
    lab.tick()
    assert (lab.phase, paused(lab)) == ("Progressing", None)
    lab.until("Succeeded")
    assert (paused(lab), paused(lab, "app-primary")) == ("0", None)


def test_a_rollback_pauses_before_it_scales_down() -> None:
    """Or KEDA would give the target its pods back."""
    lab = scaled(SCALED_OBJECT)
    at(lab, "Progressing", 20)
    lab.cluster.calls.clear()
    lab.step(an_alert(lab.clock()))
    lab.tick()
    patched = [path.split("/")[-2] for verb, path in lab.cluster.calls if verb == "patch"]
    assert patched.index("scaledobjects") < patched.index("deployments")
    assert (lab.phase, paused(lab), lab.weights) == ("Failed", "0", (100, 0))


@BOTH
def test_a_changed_scaler_is_copied_at_the_promotion(kind: Kind) -> None:
    """What changed during the analysis reaches the primary's before traffic goes back to it, and not before.

    Flagger's kubernetes/test-hpa.
    """
    lab = at(scaled(kind), "Progressing", 20)
    least = "minReplicas" if kind is HPA else "minReplicaCount"
    lab.edit(f"{PATHS[kind]}/app", {"spec": {least: 3}})
    lab.until("Promoting")
    assert primary_scaler(lab, kind)["spec"][least] == 2
    lab.until("Finalising")
    assert primary_scaler(lab, kind)["spec"][least] == 3


@BOTH
def test_a_change_at_rest_is_copied_by_the_next_tick(kind: Kind) -> None:
    """Want of Flagger's users: bounds that are changed between two rollouts reach the primary's scaler."""
    lab = scaled(kind)
    lab.until("Initialized")
    least = "minReplicas" if kind is HPA else "minReplicaCount"
    lab.edit(f"{PATHS[kind]}/app", {"spec": {least: 3}})
    sweep(lab.world, (), TICK)
    assert primary_scaler(lab, kind)["spec"][least] == 3
    assert lab.phase == "Initialized"


@BOTH
def test_a_deleted_copy_is_made_again(kind: Kind) -> None:
    """Drift of what we make is healed at rest."""
    lab = scaled(kind)
    lab.until("Initialized")
    lab.delete(kind, "app-primary")
    sweep(lab.world, (), TICK)
    assert primary_scaler(lab, kind) is not None


def test_a_paused_primary_is_let_go() -> None:
    """flagger#1934: a primary's ScaledObject that is held at 0 would leave nobody to serve."""
    lab = scaled(SCALED_OBJECT)
    lab.until("Initialized")
    lab.edit(f"{OBJECTS}/app-primary", {"metadata": {"annotations": {PAUSED: "0"}}})
    sweep(lab.world, (), TICK)
    assert paused(lab, "app-primary") is None


def test_a_scaler_let_go_at_rest_is_paused_again() -> None:
    """A GitOps tool that puts the ScaledObject back takes the pause away; the next tick brings it back."""
    lab = scaled(SCALED_OBJECT)
    lab.until("Initialized")
    lab.edit(f"{OBJECTS}/app", {"metadata": {"annotations": {PAUSED: None}}})
    sweep(lab.world, (), TICK)
    assert paused(lab) == "0"


@BOTH
def test_a_missing_scaler_is_told_and_nothing_begins(kind: Kind) -> None:
    """hpa_reconciler: missing HPA → error. It is told once, by its field, and the target goes on serving.

    Flagger's Test_reconcilePrimaryHpa.
    """
    lab = scaled(kind, missing=True)
    lab.tick(3)
    text = (
        f'Warning spec.autoscalerRef: {kind.name} app.shop get query error: {kind.plural}.{kind.group} "app" not found'
    )
    assert lab.events == [text]
    assert (lab.primary, lab.target["spec"]["replicas"]) == (None, 1)
    lab.create(kind, MADE[kind]())
    lab.until("Initialized")


@BOTH
def test_a_scaler_missing_at_rest_holds_the_next_rollout_up(kind: Kind) -> None:
    """Nothing is begun without it, each time is told, and its return is enough to go on."""
    lab = scaled(kind)
    lab.until("Initialized")
    lab.delete(kind, "app")
    sweep(lab.world, (), TICK)
    lab.push("app:v2")
    lab.tick(2)
    assert (lab.phase, lab.target["spec"]["replicas"], lab.weights) == ("Initialized", 0, (100, 0))
    assert sum("spec.autoscalerRef" in event for event in lab.events) == 1
    lab.create(kind, MADE[kind]())
    lab.until("Succeeded")


def test_a_scaler_that_comes_back_at_rest_ends_the_waiting() -> None:
    """After it a canary at rest is idle again."""
    lab = scaled(HPA)
    lab.until("Initialized")
    lab.delete(HPA, "app")
    sweep(lab.world, (), TICK)
    assert '"waiting":"autoscaler"' in lab.canary["metadata"]["annotations"]["serinus.dev/state"]
    lab.create(HPA, an_hpa())
    lab.tick(2)
    assert "waiting" not in lab.canary["metadata"]["annotations"]["serinus.dev/state"]


@BOTH
@pytest.mark.parametrize("ends", ["Failed", "Succeeded"])
def test_a_scaler_that_goes_in_the_middle_stops_nothing(kind: Kind, ends: str) -> None:
    """A rollback, or a promotion, goes on without it."""
    lab = at(scaled(kind), "Progressing", 20)
    lab.delete(kind, "app")
    if ends == "Failed":
        lab.step(an_alert(lab.clock()))
    lab.until(ends)
    finish(lab)
    assert (lab.weights, lab.target["spec"]["replicas"]) == ((100, 0), 0)


def test_a_bad_scaler_stops_no_rollback() -> None:
    """The spec is edited to what cannot be: an alert rolls back all the same."""
    lab = at(scaled(HPA), "Progressing", 20)
    lab.edit("flagger.app/v1beta1/canaries/app", {"spec": {"autoscalerRef": {"name": "Not A Name"}}})
    lab.step(an_alert(lab.clock()))
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))


def test_the_primary_has_bounds_of_its_own() -> None:
    """primaryScalerReplicas, as a user writes them."""
    lab = scaled(HPA, primaryScalerReplicas={"minReplicas": 3, "maxReplicas": 9})
    lab.until("Initialized")
    said = primary_scaler(lab, HPA)["spec"]
    assert (said["minReplicas"], said["maxReplicas"]) == (3, 9)


def test_a_scalers_status_is_no_change() -> None:
    """A HorizontalPodAutoscaler has no generation, and its status changes all day: an idle tick makes six requests."""
    lab = scaled(HPA)
    lab.until("Initialized")
    where = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/app/status"
    for replicas in (0, 1):
        assert (
            lab.api.call("PATCH", where, {"status": {"currentReplicas": replicas, "desiredReplicas": 0}}).status == 200
        )
        sweep(lab.world, (), TICK)
        lab.cluster.calls.clear()
    lab.api.call("PATCH", where, {"status": {"currentReplicas": 7}})
    sweep(lab.world, (), TICK)
    assert [verb for verb, _ in lab.cluster.calls] == ["list"] * 6


def test_a_kind_that_is_served_no_more_stops_no_other_canary() -> None:
    """KEDA was taken away: its canary is looked at and told, and the tick goes on."""
    lab = scaled(SCALED_OBJECT)
    lab.until("Initialized")
    lab.api.call("DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/scaledobjects.keda.sh")
    sweep(lab.world, (), TICK)
    assert lab.events[-1].startswith("Warning spec.autoscalerRef: ScaledObject app.shop")


def test_a_scaler_that_the_spec_names_no_more_is_forgotten() -> None:
    """Its later changes make no tick look."""
    lab = scaled(HPA)
    lab.until("Initialized")
    lab.edit("flagger.app/v1beta1/canaries/app", {"spec": {"autoscalerRef": None}})
    sweep(lab.world, (), TICK)
    lab.edit(f"{HPAS}/app", {"spec": {"minReplicas": 3}})
    lab.cluster.calls.clear()
    sweep(lab.world, (), TICK)
    assert [verb for verb, _ in lab.cluster.calls] == ["list"] * 5
