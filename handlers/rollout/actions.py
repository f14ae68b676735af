"""What a step can do to the objects of a canary, in words; `step/act.py` knows how."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Route:
    """Send this much of the traffic to the canary, the rest to the primary.

    `matched`: of the requests of `analysis.match` only; all others go to the primary.
    """

    weight: int
    mirrored: bool = False
    matched: bool = False


@dataclass(frozen=True, slots=True)
class ScaleUp:
    """Give the target the replicas it had, or the primary's."""


@dataclass(frozen=True, slots=True)
class ScaleToZero:
    """Take the target's pods away."""


@dataclass(frozen=True, slots=True)
class ScaleToPrimary:
    """Give the target as many pods as the primary has, for it is going to stand alone."""


@dataclass(frozen=True, slots=True)
class RestoreService:
    """Lead the apex Service to the target's pods again."""


@dataclass(frozen=True, slots=True)
class RestoreRoutes:
    """Give adopted routes their first spec back; the others lead to the apex Service until they are gone."""


@dataclass(frozen=True, slots=True)
class CreatePrimary:
    """Clone the primary from the target, or mark an existing one as running this revision."""

    revision: str


@dataclass(frozen=True, slots=True)
class CopyToPrimary:
    """Give the primary the target's template, as it was read, and mark it with the revision."""

    revision: str


@dataclass(frozen=True, slots=True)
class CopyConfigs:
    """Bring the primary's copies of ConfigMaps and Secrets to what the target reads."""


@dataclass(frozen=True, slots=True)
class WorkloadServices:
    """Bring the Services of canary and primary to what the spec says."""


@dataclass(frozen=True, slots=True)
class ApexService:
    """Bring the apex Service to what the spec says: its pods are the primary's, or the target's while that stands in
    for it.
    """

    at_target: bool = False


@dataclass(frozen=True, slots=True)
class RouteTargets:
    """Bring what the routes rest on (DestinationRules) to what the spec says."""


@dataclass(frozen=True, slots=True)
class PrimaryScaler:
    """Bring what scales the primary to what scales the target, and what the spec says besides."""


@dataclass(frozen=True, slots=True)
class ScalePrimary:
    """Give the primary this many replicas."""

    replicas: int


@dataclass(frozen=True, slots=True)
class RemoveRoutes:
    """Take away the routes of before a move; one that was adopted gets its first spec back."""


@dataclass(frozen=True, slots=True)
class RemoveFormer:
    """Take away all else that was made before a move, and that no client calls."""


@dataclass(frozen=True, slots=True)
class PauseScaler:
    """Keep the target's scaler from giving it pods."""


Action = (
    Route
    | ScaleUp
    | ScaleToZero
    | CreatePrimary
    | CopyToPrimary
    | CopyConfigs
    | WorkloadServices
    | ApexService
    | RouteTargets
    | PrimaryScaler
    | PauseScaler
    | ScaleToPrimary
    | RestoreService
    | RestoreRoutes
    | ScalePrimary
    | RemoveRoutes
    | RemoveFormer
)
