"""A Canary that is being deleted and wants everything back as it was."""

from dataclasses import replace

import pytest

from handlers.rollout.actions import RestoreRoutes, RestoreService, ScaleToPrimary
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.state import Phase
from tests.rollout.decisions import decided
from tests.rollout.examples import a_snapshot, a_state, a_target
from tests.rollout.found import GOING


def going(waiting: str = "", **fields: object) -> Snapshot:
    """A Canary that goes, in the phase of that."""
    s = a_snapshot(state=a_state(Phase.TERMINATING, waiting=waiting), canary=replace(GOING, revert_on_deletion=True))
    return replace(s, **fields)  # type: ignore[arg-type]  # fields of the snapshot, by name


def test_what_is_restored_is_released_and_nothing_else() -> None:
    """A process has died between the last write and the finalizer."""
    decision = decided(going("release"))
    assert (decision.actions, decision.release) == ((), True)


@pytest.mark.parametrize(
    ("target", "actions", "release"),
    [
        pytest.param(a_target(), (RestoreService(), RestoreRoutes()), True, id="ready"),
        pytest.param(a_target(ready=False), (), False, id="not ready"),
        pytest.param(a_target(ready=False, replicas=0), (ScaleToPrimary(),), False, id="without pods"),
        pytest.param(None, (RestoreRoutes(),), True, id="gone"),
    ],
)
def test_traffic_goes_back_when_the_target_is_ready(target: object, actions: object, release: object) -> None:
    """Pods first; without a target only the routes can be given back."""
    decision = decided(going(target=target))
    assert (decision.actions, decision.release) == (actions, release)
