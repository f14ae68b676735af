"""Do pods of a primary go on serving while Kubernetes replaces them by those of a new version?"""

import math
from typing import Any

from handlers.rollout.objects import DAEMONSET, Object, spec, status
from handlers.rollout.objects.ports import moves
from handlers.rollout.spec.canary import Canary

_QUARTER = "25%"
"""What a Deployment says of itself where its manifest says nothing (apps/v1 defaults)."""


def leaves_a_gap(canary: Canary, target: Object, primary: Object) -> bool:
    """Whether, while a primary gets the version of the target, there may be no pod that its Service leads to.

    Kubernetes may take all old pods away before it starts new ones (strategy Recreate, or a maxUnavailable of all), or
    the new ones listen on another port, so that no Service can lead to both.
    """
    return _all_may_go(target, primary) or moves(canary.service, target, primary)


def _all_may_go(target: Object, primary: Object) -> bool:
    """A primary takes over the strategy of its target together with the template."""
    if target.get("kind") == DAEMONSET.name:
        rolling = (spec(target).get("updateStrategy") or {}).get("rollingUpdate") or {}
        pods = int(status(primary).get("desiredNumberScheduled") or 0)
        return pods > 1 and _count(rolling.get("maxUnavailable", 1), pods, up=True) >= pods
    strategy = spec(target).get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return True
    rolling, pods = strategy.get("rollingUpdate") or {}, int(spec(primary).get("replicas", 1))
    surge = _count(rolling.get("maxSurge", _QUARTER), pods, up=True)
    gone = _count(rolling.get("maxUnavailable", _QUARTER), pods, up=False)
    # with both at 0 Kubernetes takes one away all the same (deployment/util, ResolveFenceposts)
    return max(gone, 0 if surge else 1) >= pods > 0


def _count(value: Any, pods: int, *, up: bool) -> int:
    """A number of pods, or a share of them (intstr.GetScaledValueFromIntOrPercent)."""
    if isinstance(value, str) and value.endswith("%"):
        share = int(value[:-1]) * pods / 100
        return math.ceil(share) if up else math.floor(share)
    return int(value)
