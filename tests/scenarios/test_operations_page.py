"""The table "When a canary stands still" of docs/operations.md: in each situation a user reads what it quotes."""

import re
from collections.abc import Callable, Mapping

import pytest

from tests.manifests.files import ROOT
from tests.scenarios import standstill

PAGE = (ROOT / "docs" / "operations.md").read_text()
Seen = Callable[[pytest.LogCaptureFixture], str]

SITUATIONS: Mapping[str, Seen] = {
    "no ticks come": standstill.no_ticks,
    "the process that made it has died": standstill.dying,
    "the annotation on the Canary, or a freeze": standstill.held,
    "the spec of the Canary": standstill.suspended,
    "a gate says no": standstill.gated,
    "as `kubectl describe` of its pods says": standstill.canary_not_ready,
    "a promotion waits, or an analysis": standstill.primary_not_ready,
    "the primary has no ready pod": standstill.rollback_waits,
    "the Canary is not valid": standstill.invalid,
    "a misspelt name": standstill.misspelt_port,
    "another Canary has the target": standstill.rival,
    "another workload's pods": standstill.neighbour,
    "the spec names another target": standstill.nowhere_to_move,
    "a rollback, or the end of a run": standstill.drained,
    "the primary's autoscaler has shrunk it": standstill.crowded,
    "the Deployment or DaemonSet": standstill.target_missing,
    "it is not there": standstill.autoscaler_missing,
    "Prometheus is down": standstill.metrics_fail,
    "it began before the rollout": standstill.late_alert,
    "it was firing before the rollout began": standstill.held_by_alert,
    "it has not both labels": standstill.alert_of_nobody,
    "a messenger, an event webhook": standstill.messenger_down,
    "the AlertProvider is wrong": standstill.provider_missing,
    "`replicas` in Git": standstill.scaled_by_argo_cd,
    "it is being reverted": standstill.deleted,
}
"""By how the second cell of its row begins."""


def rows() -> list[tuple[str, str, str]]:
    """The rows of the table."""
    table = PAGE.partition("## When a canary stands still")[2]
    cells = [[cell.strip() for cell in line.split(" | ")] for line in table.splitlines() if line.startswith("| ")]
    return [(first.removeprefix("| "), what, do.removesuffix(" |")) for first, what, do in cells[1:]]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[1][:40])
def test_what_is_seen(row: tuple[str, str, str], caplog: pytest.LogCaptureFixture) -> None:
    """Each phrase that a row quotes is in what the situation shows; … stands for anything in a line."""
    caplog.set_level("INFO")
    (situation,) = (seen for begin, seen in SITUATIONS.items() if row[1].startswith(begin))
    shown = situation(caplog)
    for phrase in re.findall(r'"([^"]+)"', " ".join(row[:2])):
        pattern = ".+".join(map(re.escape, phrase.split("…")))
        assert re.search(pattern, shown), f"{phrase!r} is not in\n{shown}"


def test_each_situation_has_a_row() -> None:
    """And each row one."""
    assert len(rows()) == len(SITUATIONS)
