"""What scales the primary is a copy of what scales the target, told apart where it has to be."""

from typing import Any

import pytest

from handlers.rollout.objects import Object, merge_patch
from handlers.rollout.objects.autoscalers import PAUSED, least, pausable, paused, primary_scaler, with_pause
from handlers.rollout.spec.canary import Canary
from tests.rollout.examples import a_canary

METRICS = [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization"}}}]
QUERY = 'sum(rate(http_requests_total{app="podinfo-canary"}[2m]))'


def scaled(kind: str, **more: Any) -> Canary:
    """A Canary whose target something scales."""
    return a_canary(spec={"autoscalerRef": {"kind": kind, "name": "podinfo-scaler", **more}})


def hpa(**spec: Any) -> dict[str, Any]:
    """What scales podinfo by CPU."""
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"}
    return {
        "kind": "HorizontalPodAutoscaler",
        "metadata": {
            "labels": {"team": "a", "app.kubernetes.io/instance": "argo"},
            "annotations": {"note": "mine"},
        },
        "spec": {"scaleTargetRef": ref, "minReplicas": 2, "maxReplicas": 4, "metrics": METRICS, **spec},
        "status": {"currentReplicas": 2},
    }


def keda(*triggers: Object, annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """What scales podinfo by its requests."""
    asked = {"type": "prometheus", "name": "requests", "metadata": {"query": QUERY, "threshold": "100"}}
    return {
        "kind": "ScaledObject",
        "metadata": {"labels": {"scaledobject.keda.sh/name": "podinfo-scaler"}, "annotations": annotations or {}},
        "spec": {"scaleTargetRef": {"name": "podinfo"}, "triggers": list(triggers) or [asked], **spec},
    }


def query_of(scaler: Object, index: int = 0) -> Any:
    """The query of one of its triggers."""
    return scaler["spec"]["triggers"][index]["metadata"].get("query")


def test_hpa_reconciler_creates_a_copy() -> None:
    """hpa_reconciler: it scales the primary, with the bounds, metrics and behaviour of the target's, and is ours.

    Flagger's Test_reconcilePrimaryHpa.
    """
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 5}}
    made = primary_scaler(scaled("HorizontalPodAutoscaler"), hpa(behavior=behavior), None)
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo-primary"}
    wanted = {"scaleTargetRef": ref, "minReplicas": 2, "maxReplicas": 4, "metrics": METRICS, "behavior": behavior}
    assert made["spec"] == wanted
    assert (made["apiVersion"], made["kind"]) == ("autoscaling/v2", "HorizontalPodAutoscaler")
    assert made["metadata"]["name"] == "podinfo-scaler-primary"
    assert made["metadata"]["labels"] == {"team": "a"}
    assert "annotations" not in made["metadata"]
    assert made["metadata"]["ownerReferences"][0]["kind"] == "Canary"
    assert "status" not in made


@pytest.mark.parametrize(
    ("kind", "suffix"), [("HorizontalPodAutoscaler", "Replicas"), ("ScaledObject", "ReplicaCount")]
)
def test_hpa_reconciler_overrides_replicas(kind: str, suffix: str) -> None:
    """hpa_reconciler, scaled_object: primaryScalerReplicas go before the target's own bounds.

    Flagger's Test_reconcilePrimaryHpaV2, Test_reconcilePrimaryScaledObject.
    """
    original = hpa() if kind == "HorizontalPodAutoscaler" else keda(minReplicaCount=2, maxReplicaCount=4)
    both = primary_scaler(scaled(kind, primaryScalerReplicas={"minReplicas": 10, "maxReplicas": 20}), original, None)
    assert (both["spec"][f"min{suffix}"], both["spec"][f"max{suffix}"]) == (10, 20)
    one = primary_scaler(scaled(kind, primaryScalerReplicas={"maxReplicas": 20}), original, None)
    assert (one["spec"][f"min{suffix}"], one["spec"][f"max{suffix}"]) == (2, 20)


def test_hpa_reconciler_updates() -> None:
    """hpa_reconciler: what the target's has no more goes from the copy, and a stranger's marks on it stay.

    Flagger's Test_reconcilePrimaryHpaV2.
    """
    canary = scaled("HorizontalPodAutoscaler")
    made = primary_scaler(canary, hpa(behavior={"scaleUp": {}}), None)
    made["metadata"] |= {"resourceVersion": "3", "annotations": {"stranger": "1"}}
    new = primary_scaler(canary, hpa(minReplicas=3), {**made, "status": {"currentReplicas": 1}})
    assert merge_patch(made | {"status": {"currentReplicas": 1}}, new) == {"spec": {"minReplicas": 3, "behavior": None}}


def test_a_copy_that_is_right_is_not_written() -> None:
    """An equal copy makes an empty patch."""
    for kind, original in (("HorizontalPodAutoscaler", hpa()), ("ScaledObject", keda())):
        made = primary_scaler(scaled(kind), original, None)
        assert merge_patch(made, primary_scaler(scaled(kind), original, made)) == {}


def test_scaled_object_is_copied() -> None:
    """scaled_object: all of its spec, about the primary; KEDA's own name of an HPA gets a suffix.

    Flagger's Test_reconcilePrimaryScaledObject.
    """
    config = {
        "horizontalPodAutoscalerConfig": {"name": "by-hand", "behavior": {}},
        "restoreToOriginalReplicaCount": True,
    }
    original = keda(advanced=config, pollingInterval=10, fallback={"replicas": 1})
    said = primary_scaler(scaled("ScaledObject"), original, None)["spec"]
    assert said["scaleTargetRef"] == {"name": "podinfo-primary"}
    assert said["advanced"]["horizontalPodAutoscalerConfig"] == {"name": "by-hand-primary", "behavior": {}}
    assert said["advanced"]["restoreToOriginalReplicaCount"] is True
    assert (said["pollingInterval"], said["fallback"]) == (10, {"replicas": 1})


@pytest.mark.parametrize(
    ("query", "rewritten"),
    [
        pytest.param('up{app="podinfo"}', 'up{app="podinfo-primary"}', id="query only has 'podinfo'"),
        pytest.param('up{app="podinfo-canary"}', 'up{app="podinfo-primary"}', id="query only has 'podinfo-canary'"),
        pytest.param(
            'up{app="podinfo-canary", svc="podinfo"}',
            'up{app="podinfo-primary", svc="podinfo-primary"}',
            id="query has both",
        ),
        pytest.param('up{app="podinfo-primary"}', 'up{app="podinfo-primary"}', id="it asks about the primary already"),
        pytest.param('up{pod=~"podinfo-[0-9a-z]+"}', 'up{pod=~"podinfo-primary-[0-9a-z]+"}', id="pods by their names"),
        pytest.param('up{app="podinfo2"}', 'up{app="podinfo2"}', id="another name that begins like it"),
    ],
)
def test_scaled_object_queries_are_rewritten(query: str, rewritten: str) -> None:
    """setPrimaryScaledObjectQueries: a query about the target becomes one about the primary."""
    original = keda({"type": "prometheus", "metadata": {"query": query}}, {"type": "cron", "metadata": {"start": "1"}})
    made = primary_scaler(scaled("ScaledObject"), original, None)
    assert query_of(made) == rewritten
    assert made["spec"]["triggers"][1] == original["spec"]["triggers"][1]


def test_scaled_object_custom_queries() -> None:
    """primaryScalerQueries: a trigger of that name gets the query, the others keep theirs as it is.

    Flagger's Test_setPrimaryScaledObjectQueries.
    """
    other = {"type": "prometheus", "name": "other", "metadata": {"query": "podinfo"}}
    named = {"type": "prometheus", "name": "mine"}
    made = primary_scaler(scaled("ScaledObject", primaryScalerQueries={"mine": "up"}), keda(other, named, {}), None)
    assert (query_of(made), query_of(made, 1), made["spec"]["triggers"][2]) == ("podinfo", "up", {})


def test_scaled_object_primary_is_never_paused() -> None:
    """A pause of the target's scaler is not copied, nor a name that KEDA gives; one at 0 goes from the primary's."""
    canary = scaled("ScaledObject")
    held = keda(annotations={PAUSED: "0", "autoscaling.keda.sh/paused": "true", "transfer": "1"})
    made = primary_scaler(canary, held, None)
    assert made["metadata"]["annotations"] == {"transfer": "1"}
    assert "labels" not in made["metadata"]
    stuck = {**made, "metadata": {**made["metadata"], "annotations": {PAUSED: "0", "transfer": "1"}}}
    assert primary_scaler(canary, held, stuck)["metadata"]["annotations"] == {"transfer": "1"}
    by_hand = {**made, "metadata": {**made["metadata"], "annotations": {PAUSED: "5", "transfer": "1"}}}
    assert primary_scaler(canary, held, by_hand)["metadata"]["annotations"][PAUSED] == "5"


def test_scaled_object_pause_and_resume() -> None:
    """PauseTargetScaler, ResumeTargetScaler: one annotation comes and goes, nothing else.

    Flagger's Test_pauseScaledObject, Test_resumeScaledObject.
    """
    original = keda(annotations={"note": "mine"})
    held = with_pause(original, pause=True)
    assert merge_patch(original, held) == {"metadata": {"annotations": {PAUSED: "0"}}}
    assert (paused(original), paused(held)) == (False, True)
    assert with_pause(held, pause=False) == original
    assert (pausable(original), pausable(hpa())) == (True, False)


@pytest.mark.parametrize(
    ("scaler", "replicas"),
    [
        (hpa(), 2),
        (hpa(minReplicas=0), 1),
        (keda(minReplicaCount=3), 3),
        (keda(), 1),
        (None, 1),
    ],
)
def test_a_target_is_scaled_up_to_the_least(scaler: dict[str, Any] | None, replicas: int) -> None:
    """ScaleFromZero: minReplicas, or minReplicaCount, and one where there is none or nothing scales it any more."""
    assert least(scaler) == replicas
