"""The target and Service that a spec names by now: why traffic cannot move there from those that serve."""

from handlers.errors import BadCanary
from handlers.rollout.objects import SERVICE, Object
from handlers.rollout.spec.canary import Canary


def check_kinds(standing: Canary, moving: Canary) -> None:
    """Raise BadCanary where one is a workload and the other a Service."""
    if SERVICE in (moving.target_kind, standing.target_kind):
        raise BadCanary(
            f"spec.targetRef: {moving.target}, and this Canary is about {standing.target}: traffic cannot move "
            "between a workload and a Service without an outage; make another Canary, with another Service"
        )


def check_there(moving: Canary, target: Object | None) -> None:
    """Raise BadCanary where there is no such target."""
    if target is None:
        raise BadCanary(f"spec.targetRef: {moving.target} does not exist; make it, or name another")
