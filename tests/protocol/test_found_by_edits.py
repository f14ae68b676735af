"""What the edit sweep has found: each in the situation in which it went wrong."""

import pytest

from tests.protocol.catalogue import EDITS
from tests.protocol.edited import play
from tests.protocol.standings import STANDINGS

FOUND = (
    ("sticky-20/recreate", "a session stayed by its cookie on a primary that had no pods while it was replaced"),
    ("sticky-20/target-port-and-image", "the same, where the new pods listen on another port"),
    ("progressing-20/overlapping", "the canary's share went on going to another workload as well"),
    ("mirrored/overlapping", "copies of requests went to another workload"),
    ("promoting/overlapping-primary", "traffic was shifted to a primary whose Service led to another workload"),
    ("promoting/primary-deleted", "a primary that was deleted during a promotion was not made again"),
    ("finalising/primary-deleted", "nor one that was deleted after the shift"),
    ("waiting/primary-deleted", "one that was made again had fewer replicas than its owner had asked for"),
    ("bootstrap-waiting/replicas", "replicas that were asked for while the primary started were lost"),
    ("bootstrap-waiting/replicas-and-push", "also when a version came with them"),
    ("promoting/replicas", "replicas that were asked for after the copy were lost"),
    ("finalising/replicas", "also when traffic had been shifted"),
    ("bootstrap-waiting/primary-stopped", "a primary that was scaled to nothing before it was ready was waited for"),
    ("failing/primary-stopped", "the pods of a failed version stayed when their primary was away as they should go"),
    ("scaled/scaler-removed", "the scaler of the primary outlived the one that it was copied from"),
    ("configured/config-copy-edited", "what somebody wrote into a copy of a config stayed there"),
    ("bootstrap/target-kind-service", "a target that named a Service by mistake could not be named right again"),
    ("adopted/target-name", "what was left behind stayed, for a route that was given back counted as ours"),
)


@pytest.mark.parametrize("name", [name for name, _ in FOUND])
def test_what_the_edit_sweep_has_found_stays_mended(name: str) -> None:
    """Each of these has once left somebody without an answer, or something that was asked for undone."""
    where, what = name.split("/")
    standing = next(one for one in STANDINGS if one.name == where)
    story = play(standing, next(one for one in EDITS if one.name == what))
    assert not story.wrong, str(story)
