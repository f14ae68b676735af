"""What differs from the spec is put right by whatever step comes."""

from dataclasses import replace

from handlers.rollout.actions import ApexService, Route, RouteTargets, WorkloadServices
from handlers.rollout.snapshot import Snapshot
from tests.rollout.decisions import decided
from tests.rollout.examples import a_primary, a_snapshot, a_state, lost
from tests.rollout.found import JUST_NOW, PROGRESSING


def not_due(**fields: object) -> Snapshot:
    """A canary with a fifth of the traffic, whose next step is not due."""
    s = a_snapshot(state=a_state(PROGRESSING, weight=20, stepped=JUST_NOW))
    return replace(s, rerouted=True, **fields)  # type: ignore[arg-type]  # fields of the snapshot, by name


def test_a_route_that_somebody_edits_in_a_run_gets_the_weight_of_the_state() -> None:
    """Though the next step is not due yet."""
    assert decided(not_due()).actions == (Route(20),)


def test_a_route_is_left_as_it_is_while_the_primary_has_no_pods() -> None:
    """The weight of the state would lead to nobody; Services lead to nobody else."""
    found = decided(not_due(primary=a_primary(**lost()), drift=True))
    assert found.actions == (WorkloadServices(), ApexService(), RouteTargets())
