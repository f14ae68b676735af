"""What the rules say about pods: of the primary's scaler, and when pods may go."""

from handlers.rollout.actions import PrimaryScaler, ScaleToZero
from handlers.rollout.snapshot import Snapshot


def scaler(s: Snapshot) -> tuple[PrimaryScaler, ...]:
    """The primary's scaler is brought up to date outside an analysis, and before traffic goes to what it scales."""
    return (PrimaryScaler(),) if s.canary.autoscaler else ()


def pods_go(s: Snapshot) -> tuple[ScaleToZero, ...]:
    """The target's pods go in the step that finds no request for them; those that had requests until this very step
    go with the next event, after every mesh has heard of the route.
    """
    return () if s.reached else (ScaleToZero(),)
