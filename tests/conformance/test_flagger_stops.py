"""Flagger is stopped after any of its writes, and Serinus brings its rollout to a good end.

Without SWEEP=all it is stopped after each sixth of them.
"""

import pytest

from tests.conformance.rows import replicas_of
from tests.flagger import TRACES, all_left, recording
from tests.protocol.sampling import some
from tests.protocol.steps import image
from tests.scenarios.takeovers import STATUS, TARGET, WEIGHTED, Watch, made, nothing_is_lost, share


def points(name: str) -> range:
    """After each write of a recording, until the Canary is deleted; what all begin with only in one of them."""
    rows = recording(name)["writes"]
    begun = rows.index([STATUS, "Initialized", 0, 0, 0]) if name != WEIGHTED else 0
    deleted = ([STATUS, "Terminating"], ["canary app", "deleted"])
    end = next((index for index, row in enumerate(rows) if row[:2] in deleted), len(rows))
    return range(begun + 1, end + 1)


@pytest.mark.parametrize("name", TRACES)
def test_flagger_may_stop_after_any_write(name: str) -> None:
    """Between any two of its writes: whoever has traffic has pods, no raise is unchecked, the end is a right one."""
    for stop, lab in all_left(name, some(points(name), 6, name)):
        before, was, status = made(lab), image(lab) if lab.primary else "", lab.canary.get("status") or {}
        Watch(lab).to_the_end()
        wanted = lab.target["spec"]["template"]["spec"]["containers"][0]["image"]
        never = wanted in lab.kubelet.never
        rows, failed = recording(name)["writes"][:stop], [STATUS, "Failed", 0, 0, 0]
        begun, since = (rows[: rows.index(failed)], rows[rows.index(failed) :]) if failed in rows else (rows, [])
        changed = any(row[0] in ("cm app-config", "secret app-secret") for row in since)
        pushed = since and (changed or wanted not in [row[1] for row in begun if row[0] == TARGET])
        threshold = max(1, recording(name)["given"]["analysis"]["threshold"])
        gone_back = status.get("phase") == "Failed" or status.get("failedChecks", 0) >= threshold
        bad = never or (gone_back and not pushed)
        assert (image(lab), lab.phase == "Failed") == (was if bad else wanted, bad), (stop, lab.events)
        assert (replicas_of(lab.target), share(lab)) == (0, 0), (stop, lab.events)
        nothing_is_lost(before, made(lab))
