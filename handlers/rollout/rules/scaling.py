"""What every rule that brings the primary up to date says about its scaler."""

from handlers.rollout.actions import PrimaryScaler
from handlers.rollout.snapshot import Snapshot


def scaler(s: Snapshot) -> tuple[PrimaryScaler, ...]:
    """The primary's scaler is brought up to date outside an analysis, and before traffic goes to what it scales."""
    return (PrimaryScaler(),) if s.canary.autoscaler else ()
