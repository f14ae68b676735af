"""What scales the primary: a copy of what scales the target; and how KEDA is kept from scaling a target at rest.

Rules from Flagger's canary/hpa_reconciler.go and canary/scaled_object_reconciler.go. A HorizontalPodAutoscaler needs no
pause: it does nothing while its workload has no replicas.
"""

import re
from typing import Any

from handlers.rollout.objects import SCALED_OBJECT, Object, annotations, labels, spec
from handlers.rollout.objects.ownership import copied_annotations, copied_labels, declare, generated, with_metadata
from handlers.rollout.spec.canary import Canary
from handlers.rollout.spec.target import Autoscaler

PAUSED = "autoscaling.keda.sh/paused-replicas"
"""Annotation of a ScaledObject: KEDA holds the workload at this many replicas."""
_PAUSES = "autoscaling.keda.sh/paused"
_KEDAS_OWN = "scaledobject.keda.sh/name"
_COPIED = ("minReplicas", "maxReplicas", "metrics", "behavior")


def primary_scaler(canary: Canary, scaler: Object, existing: Object | None, floor: int = 0) -> dict[str, Any]:
    """The copy of `scaler` that scales the primary. Strangers' labels and annotations stay, but for a pause at 0.

    `floor`: it gives the primary at least so many replicas, whatever else it is to do.
    """
    own, ref = canary.autoscaler, canary.primary_scaler
    assert own is not None  # noqa: S101  asked for only where the spec names one
    assert ref is not None  # noqa: S101  the same
    keda = own.kind is SCALED_OBJECT
    new = generated(ref, canary, existing)
    kept = {key: value for key, value in copied_labels(labels(scaler), ("*",)).items() if key != _KEDAS_OWN}
    told = copied_annotations(annotations(scaler)) if keda else {}
    wanted = {key: value for key, value in told.items() if not key.startswith(_PAUSES)}
    declared = declare(new, "annotations", wanted)
    if declared.get(PAUSED) == "0":
        del declared[PAUSED]  # a primary held at 0 serves nobody, whoever wrote it
    new = with_metadata(new, labels=declare(new, "labels", kept), annotations=declared)
    body = _scaled_object(spec(scaler), own, canary.target_name) if keda else _hpa(spec(scaler), own)
    if floor:
        body |= {"minReplicaCount" if keda else "minReplicas": floor}
    return {**new, "spec": body | {"scaleTargetRef": _primary_ref(spec(scaler), canary)}}


def least(scaler: Object | None) -> int:
    """How many replicas a target is scaled up to: the least that its scaler allows, and one (ScaleFromZero)."""
    said = spec(scaler or {})
    return max(1, int(said.get("minReplicas") or said.get("minReplicaCount") or 0))


def pausable(scaler: Object) -> bool:
    """Whether it would scale a target that has no replicas."""
    return scaler.get("kind") == SCALED_OBJECT.name


def paused(scaler: Object) -> bool:
    """Whether KEDA is told to hold its workload."""
    return PAUSED in annotations(scaler)


def with_pause(scaler: Object, *, pause: bool) -> dict[str, Any]:
    """The target's scaler, held at no replicas, or let go (PauseTargetScaler, ResumeTargetScaler)."""
    kept = {key: value for key, value in annotations(scaler).items() if key != PAUSED}
    held = {PAUSED: "0"} if pause else {}
    return with_metadata(scaler, labels=labels(scaler), annotations=kept | held)


def _primary_ref(said: Object, canary: Canary) -> Object:
    return {**(said.get("scaleTargetRef") or {}), "name": canary.primary.name}


def _hpa(said: Object, own: Autoscaler) -> dict[str, Any]:
    body = {key: said[key] for key in _COPIED if key in said}
    return body | _replicas(own, "minReplicas", "maxReplicas")


def _scaled_object(said: Object, own: Autoscaler, target: str) -> dict[str, Any]:
    body = {**said, "triggers": [_trigger(trigger, own, target) for trigger in said.get("triggers") or ()]}
    advanced = said.get("advanced") or {}
    config = advanced.get("horizontalPodAutoscalerConfig") or {}
    if name := config.get("name"):
        named = {**config, "name": f"{name}-primary"}
        body["advanced"] = {**advanced, "horizontalPodAutoscalerConfig": named}
    return body | _replicas(own, "minReplicaCount", "maxReplicaCount")


def _replicas(own: Autoscaler, least_field: str, most_field: str) -> dict[str, int]:
    wanted = {least_field: own.least, most_field: own.most}
    return {key: value for key, value in wanted.items() if value is not None}


def _trigger(trigger: Object, own: Autoscaler, target: str) -> Object:
    """Its query asks about the primary: the spec's query for a trigger of that name, else with the names replaced."""
    query = (trigger.get("metadata") or {}).get("query")
    if own.queries:
        query = own.queries.get(trigger.get("name", ""), query)
    elif query:
        query = _about_primary(query, target)
    return {**trigger, "metadata": {**(trigger.get("metadata") or {}), "query": query}} if query else trigger


def _about_primary(query: str, target: str) -> str:
    name = re.escape(target)
    return re.sub(rf"(?<![A-Za-z0-9]){name}(-canary|-primary)?(?![A-Za-z0-9])", f"{target}-primary", query)
