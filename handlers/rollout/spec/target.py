"""`spec.targetRef` and `spec.autoscalerRef`: the workload that is rolled out, and what scales it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from handlers.rollout.objects import DAEMONSET, DEPLOYMENT, HPA, SCALED_OBJECT, SERVICE, Kind
from handlers.rollout.spec.fields import Field

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
LONGEST = 63 - len("-primary")
SCALER_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")
_SCALER_LONGEST = 253 - len("-primary")
_TARGETS = {kind.name: kind for kind in (DEPLOYMENT, DAEMONSET, SERVICE)}
_SCALERS = {kind.name: kind for kind in (HPA, SCALED_OBJECT)}
_MOST = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoscaler:
    """What scales the target: kind and name, and what its copy for the primary has of its own.

    `least` and `most` are replicas (None: as the target's); `queries` are KEDA queries by the name of their trigger.
    """

    kind: Kind
    name: str
    least: int | None = None
    most: int | None = None
    queries: Mapping[str, str] = field(default_factory=dict)


def target(spec: Field) -> tuple[Kind, str]:
    """Kind and name of the workload. Raises BadCanary."""
    kind = _TARGETS.get(spec["kind"].text(DEPLOYMENT.name))
    if kind is None:
        raise spec["kind"].bad(f"one of {', '.join(_TARGETS)}")
    name = spec["name"].required()
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise spec["name"].bad(f"a DNS label of at most {LONGEST} characters")
    return kind, name


def autoscaler(spec: Field, scaled: Kind) -> Autoscaler | None:
    """What scales a workload of this kind; None when nothing does. Raises BadCanary."""
    if not spec.given:
        return None
    if scaled is not DEPLOYMENT:
        raise spec.bad(f"possible with a {scaled.name}, which has no replicas")
    kind = _SCALERS.get(spec["kind"].required())
    if kind is None:
        raise spec["kind"].bad(f"one of {', '.join(_SCALERS)}")
    name = spec["name"].required()
    if not SCALER_NAME.fullmatch(name) or len(name) > _SCALER_LONGEST:
        raise spec["name"].bad(f"a DNS name of at most {_SCALER_LONGEST} characters")
    own = spec["primaryScalerReplicas"]
    return Autoscaler(
        kind=kind,
        name=name,
        least=_replicas(own["minReplicas"]),
        most=_replicas(own["maxReplicas"]),
        queries=spec["primaryScalerQueries"].texts(),
    )


def _replicas(spec: Field) -> int | None:
    return None if spec.value is None else spec.whole(0, 0, _MOST)
