"""Whatever somebody has just edited in a run: an alert takes all traffic back, if the primary has a pod to serve it.

Without SWEEP=all every sixth edit is tried in each situation.
"""

from contextlib import suppress

import pytest

from handlers.errors import SerinusError
from handlers.rollout.stages import ADVANCING
from tests.lab import an_alert
from tests.protocol.catalogue import EDITS
from tests.protocol.clients import objects
from tests.protocol.edits import Edit
from tests.protocol.harness import state_of
from tests.protocol.invariants import reached
from tests.protocol.sampling import some
from tests.protocol.standings import STANDINGS, Standing

RUNS = tuple(standing for standing in STANDINGS if "run" in standing.traits)


@pytest.mark.parametrize("standing", RUNS, ids=lambda standing: standing.name)
def test_an_alert_goes_back_whatever_was_edited(standing: Standing) -> None:
    """It reads nothing that an edit could have made invalid."""
    if state_of(standing.lab()).phase not in ADVANCING:
        return  # there is nothing to go back from, or nothing to go back to
    fitting = tuple(edit for edit in EDITS if edit.fits(standing.traits))
    assert [edit.name for edit in some(fitting, 6, standing.name) if not _goes_back(standing, edit)] == []


def _goes_back(standing: Standing, edit: Edit) -> bool:
    lab = standing.lab()
    plural, carried = lab.plural, state_of(lab).weight
    edit.do(lab)
    lab.kubelet.run()
    primary = objects(lab, plural).get("app-primary", {}).get("status") or {}
    serves = bool(primary.get("readyReplicas") or primary.get("numberReady"))
    with suppress(SerinusError):  # what became of it is looked at
        lab.step(an_alert(lab.clock.moment))
    back = state_of(lab).phase.value == "Failed" and not reached(lab)
    return back if serves or not carried else not back
