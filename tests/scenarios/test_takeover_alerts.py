"""An alert while a cluster is taken over from Flagger."""

from datetime import datetime, timedelta

import pytest

from tests.flagger import Row, left, point
from tests.lab import an_alert
from tests.protocol.steps import image
from tests.scenarios.takeovers import CONFIGURED, STATUS, WEIGHTED, Watch, share, taken_over


@pytest.mark.parametrize(
    ("name", "row", "ends", "says"),
    [
        pytest.param(WEIGHTED, [STATUS, "Progressing", 40], ("Failed", "app:v1"), "Rolling back", id="at once"),
        pytest.param(WEIGHTED, [STATUS, "Promoting"], ("Succeeded", "app:v2"), "is too late", id="too late"),
        pytest.param(CONFIGURED, [STATUS, "Progressing", 40], ("Failed", "app:v1"), "Rolling back", id="of a config"),
        pytest.param(CONFIGURED, [STATUS, "Promoting"], ("Succeeded", "app:v1"), "is too late", id="config copied"),
    ],
)
def test_an_alert_may_be_the_first_that_is_heard(name: str, row: Row, ends: tuple[str, str], says: str) -> None:
    """It does not wait for a tick to take over first; what was taken over is told all the same."""
    lab = left(name, point(name, row))
    lab.step(an_alert(lab.clock()))
    assert (lab.phase == "Failed") == (ends[0] == "Failed")
    assert len(taken_over(lab)) == 1
    assert any(says in event for event in lab.events)
    Watch(lab).to_the_end()
    assert (lab.phase, image(lab), share(lab), len(taken_over(lab))) == (*ends, 0, 1)


def test_an_alert_from_before_the_run_is_not_about_it() -> None:
    """The run began when Flagger began it: it is taken over as by a tick, and held."""
    lab = left(WEIGHTED, point(WEIGHTED, [STATUS, "Progressing", 40]))
    began = lab.canary["status"]["conditions"][0]["lastTransitionTime"]
    lab.step(an_alert(datetime.fromisoformat(began) - timedelta(seconds=6)))
    assert (share(lab), len(taken_over(lab))) == (40, 1)
    for _ in range(5):
        lab.kubelet.run()
        lab.clock.tick(10)
        lab.step()
    assert (share(lab), len(taken_over(lab))) == (40, 1)
