"""What Serinus does otherwise than Flagger, on purpose: each as a change of a recording, with its reason.

`docs/flagger-differences.md` shows the same rows; a test holds them equal.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.conformance.rows import Row, named

Scenario = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Deviation:
    """A difference: what Serinus does, and why. `applied` turns Flagger's writes into ours."""

    name: str
    does: str
    because: str
    applied: Callable[[Scenario, list[Row]], list[Row]]


def _target_last(_: Scenario, writes: list[Row]) -> list[Row]:
    """Bootstrap: the target goes to 0 after the routes."""
    end = next((i for i, row in enumerate(writes) if row[:2] == ["status", "Initialized"]), None)
    if end is None:
        return writes
    start = next(i for i, row in enumerate(writes[:end]) if row[0] == "target" and row[2] == 0)
    moved = writes[start]
    return [*writes[:start], *writes[start + 1 : end], moved, *writes[end:]]


def _true_weight(_: Scenario, writes: list[Row]) -> list[Row]:
    """WaitingPromotion shows the weight that the canary has."""
    weight, waited, rows = 0, False, []
    for row in copy.deepcopy(writes):
        if row[0] == "status":
            if row[1] == "Progressing":
                weight, waited = row[2], False
            waited = waited or row[1] == "WaitingPromotion"
            if waited and row[1] in ("WaitingPromotion", "Promoting"):
                row[2], row[4] = row[2] or weight, max(row[4], 0)
        rows.append(row)
    return rows


def _cancelled(scenario: Scenario, writes: list[Row]) -> list[Row]:
    """A push back to the promoted revision ends the run."""
    back = [m for m in scenario["given"]["moves"] if not m.startswith("at Initialized") and m.endswith("push v1")]
    if not back:
        return writes
    pushed = [i for i, row in enumerate(writes) if row[0] == "target" and row[1] == "app:v1"]
    start = next(i for i in pushed if any(row[1] == "app:v2" for row in writes[:i] if row[0] == "target"))
    replicas = writes[start][2]
    first = next(row for row in writes if row[0] == "vs")
    end = [first, ["target", "app:v1", 0], ["status", "Initialized", 0, 0, 0]]
    return [*writes[:start], ["target", "app:v1", replicas], *end]


def _gated(scenario: Scenario, writes: list[Row]) -> list[Row]:
    """skipAnalysis: Succeeded only when the primary is ready on the new revision."""
    if not scenario["given"]["spec"].get("skipAnalysis"):
        return writes
    copied = next(i for i, row in enumerate(writes) if row[:2] == ["app-primary", "app:v2"])
    return [*writes[: copied + 1], ["status", "Promoting", 0, 0, 0], *writes[copied + 1 :]]


def _capped(scenario: Scenario, writes: list[Row]) -> list[Row]:
    """No weight above maxWeight."""
    most = scenario["given"]["analysis"].get("maxWeight") or 100
    rows = copy.deepcopy(writes)
    for row in rows:
        if row[0] == "status":
            row[2] = min(row[2], most)
        if row[0] == "vs":
            to = row[1]["http"][-1]["to"]
            if to.get("app-canary", 0) > most:
                to["app-primary"], to["app-canary"] = 100 - most, most
    return rows


def _whole(_: Scenario, writes: list[Row]) -> list[Row]:
    """A rule's only destination has weight 100; and cookies, which are drawn, have all the same value."""
    rows = copy.deepcopy(writes)
    for row in rows:
        if row[0] == "vs":
            row[1] = named(row[1])
            for rule in row[1]["http"]:
                if len(rule["to"]) == 1:
                    rule["to"] = dict.fromkeys(rule["to"], 100)
    return rows


def _reverted(_: Scenario, writes: list[Row]) -> list[Row]:
    """What is deleted leads to the target before, goes in no special order, and nothing is made again."""
    if ["canary app", "deleted"] not in writes:
        return writes
    end = writes.index(["canary app", "deleted"])
    service, route = (copy.deepcopy(next(row for row in writes if row[0] == name)) for name in ("svc app", "vs"))
    service[1]["selector"] = {"app": "app"}
    route[1]["http"][0]["to"] = {"app": 100}
    gone = sorted({row[0] for row in writes[end:] if row[1] == "deleted"})
    return [*writes[:end], service, route, *([name, "deleted"] for name in gone)]


DEVIATIONS = (
    Deviation(
        "bootstrap-order",
        "At bootstrap the target goes to 0 after the DestinationRules and the VirtualService, not before.",
        "Invariant 1: a route that is there already, from an earlier run or another tool, may lead to the target.",
        _target_last,
    ),
    Deviation(
        "true-weight",
        "In WaitingPromotion, and in Promoting after it, `.status` shows the canary's real weight and 0 iterations.",
        "Invariant 1: the state's weight is what is routed. Flagger shows 0 and -1 (canary/status.go).",
        _true_weight,
    ),
    Deviation(
        "revert-cancels",
        "A push back to the promoted revision in the middle of a run ends the run: routes 100/0, target to 0, at rest.",
        "Invariant 7. Flagger goes on, promotes, and then analyses the same version once more.",
        _cancelled,
    ),
    Deviation(
        "skip-is-gated",
        "With skipAnalysis the phase is Promoting until the primary is ready on the new revision.",
        "Invariant 6. Flagger says Succeeded in the same step, whatever becomes of the primary.",
        _gated,
    ),
    Deviation(
        "max-weight-holds",
        "The last step ends at maxWeight, also with stepWeights; Flagger steps over it.",
        "Invariant 1: maxWeight is never overshot.",
        _capped,
    ),
    Deviation(
        "revert-leads-home",
        "With revertOnDeletion our own Service and VirtualService lead to the target before they go, and stay gone.",
        "Invariant 1: whichever is deleted first, traffic has where to go. Flagger makes some of them again.",
        _reverted,
    ),
    Deviation(
        "one-side-has-all",
        "In A/B testing the rule for the requests that do not match says 100 of the primary; Flagger says 0 of it.",
        "Invariant 1: weights sum to 100. Istio sends all to an only destination either way.",
        _whole,
    ),
)


def expected(scenario: Scenario) -> list[Row]:
    """Flagger's writes with all deviations, and no row twice in a row for one object."""
    writes = list(scenario["writes"])
    for deviation in DEVIATIONS:
        writes = deviation.applied(scenario, writes)
    last: dict[str, Row] = {}
    rows = []
    for row in writes:
        if last.get(row[0]) != row:
            rows.append(row)
        last[row[0]] = row
    return rows
