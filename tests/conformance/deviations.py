"""What Serinus does otherwise than Flagger, on purpose: each as a change of a recording, with its reason.

`docs/flagger-differences.md` shows the same rows; a test holds them equal.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

from tests.conformance import pushes
from tests.conformance.rows import Row, Scenario, named, rules


@dataclass(frozen=True, slots=True)
class Deviation:
    """A difference: what Serinus does, and why. `applied` turns Flagger's writes into ours, `told` what it tells.

    What is told are texts such as `Normal Advance app.NS canary weight 20`.
    """

    name: str
    does: str
    because: str
    applied: Callable[[Scenario, list[Row]], list[Row]]
    told: Callable[[Scenario, list[str]], list[str]] = lambda _, lines: lines


def _target_last(_: Scenario, writes: list[Row]) -> list[Row]:
    """Bootstrap: the target goes to 0 after the routes."""
    end = next((i for i, row in enumerate(writes) if row[:2] == ["status", "Initialized"]), None)
    if end is None:
        return writes
    scaled = [i for i, row in enumerate(writes[:end]) if row[0] == "target"][1:]
    start = next((i for i in scaled if writes[i][2] == 0), None)
    if start is None:
        return writes  # it had no replicas
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


def _rollback_hooks(scenario: Scenario) -> list[str]:
    """The rollback webhooks of a run that ends by failed checks."""
    phases = [row for row in scenario["writes"] if row[0] == "status"][-2:]
    analysis = scenario["given"]["analysis"]
    counted = phases[-1][1] == "Failed" and phases[0][3] >= max(1, analysis["threshold"])
    return [hook["name"] for hook in analysis.get("webhooks", []) if counted and hook.get("type") == "rollback"]


def _asked_less(scenario: Scenario, lines: list[str]) -> list[str]:
    rows = list(lines)
    for name in _rollback_hooks(scenario):
        said = f"Normal Rollback hook {name} not signaling a rollback"
        last = [index for index, line in enumerate(rows) if line == said][-1:]
        rows = [line for index, line in enumerate(rows) if index not in last]
    return rows


def _gated(scenario: Scenario, writes: list[Row]) -> list[Row]:
    """skipAnalysis: Succeeded only when the primary is ready on the new revision."""
    if not scenario["given"]["spec"].get("skipAnalysis"):
        return writes
    rows: list[Row] = []
    for before, row in zip(([""], *writes), writes, strict=False):
        copied = before[0] == "app-primary" or (_is_copy(before) and row[0] != "app-primary")
        if copied and ["status", "Initialized", 0, 0, 0] in rows:
            rows.append(["status", "Promoting", 0, 0, 0])
        rows.append(row)
    return rows


def _is_copy(row: Row) -> bool:
    """Whether it is of the primary's copy of a config; the primary's template may be the same as before."""
    about = str(row[0])
    return about.startswith(("cm ", "secret ")) and about.endswith("-primary")


def _capped(scenario: Scenario, writes: list[Row]) -> list[Row]:
    """No weight above maxWeight."""
    most = scenario["given"]["analysis"].get("maxWeight") or 100
    rows = copy.deepcopy(writes)
    for row in rows:
        if row[0] == "status":
            row[2] = min(row[2], most)
        if row[0] == "vs":
            to = rules(row)[-1]["to"]
            if to.get("app-canary", 0) > most:
                to["app-primary"], to["app-canary"] = 100 - most, most
    return rows


def _cap_told(scenario: Scenario, lines: list[str]) -> list[str]:
    most = scenario["given"]["analysis"].get("maxWeight") or 100
    rows: list[str] = []
    for line in lines:
        text, advance, weight = line.partition(" canary weight ")
        said = f"{text}{advance}{min(int(weight), most)}" if advance else line
        if not advance or said not in rows[-1:]:
            rows.append(said)
    return rows


def _whole(_: Scenario, writes: list[Row]) -> list[Row]:
    """A rule's only destination has weight 100; and cookies, which are drawn, have all the same value."""
    rows = copy.deepcopy(writes)
    for row in rows:
        if row[0] == "vs":
            row[1] = named(row[1])
            for rule in rules(row):
                if len(rule["to"]) == 1:
                    rule["to"] = dict.fromkeys(rule["to"], 100)
    return rows


def _reverted(scenario: Scenario, writes: list[Row]) -> list[Row]:
    """What is deleted leads to the target before, goes in no special order, and nothing is made again."""
    if not scenario["given"]["spec"].get("revertOnDeletion") or ["canary app", "deleted"] not in writes:
        return writes
    end = writes.index(["canary app", "deleted"])
    service, route = (copy.deepcopy(next(row for row in writes if row[0] == name)) for name in ("svc app", "vs"))
    service[1]["selector"] = {"app": "app"}
    rules(route)[0]["to"] = {"app": 100}
    gone = sorted({row[0] for row in writes[end:] if row[1] == "deleted"})
    return [*writes[:end], service, route, *([name, "deleted"] for name in gone)]


def _pods_later(_: Scenario, writes: list[Row]) -> list[Row]:
    """The pods of a canary that had requests go in the event after the one that moves the route."""
    rows = copy.deepcopy(writes)
    for end in [i for i, row in enumerate(rows) if row[0] == "status"]:
        begin = max((i for i, row in enumerate(rows[:end]) if row[0] in ("vs", "status")), default=-1)
        if rows[begin][0] == "vs" and rows[begin - 1][0] in ("status", "target") and _taken_away(rows[begin + 1 : end]):
            rows[begin + 1 : end + 1] = [rows[end], *rows[begin + 1 : end]]
    return rows


def _taken_away(rows: list[Row]) -> bool:
    return any(row[0] == "target" and row[2] == 0 for row in rows)


DEVIATIONS = (
    Deviation(
        "bootstrap-order",
        "At bootstrap the target goes to 0 after the DestinationRules and the VirtualService, not before.",
        "Invariant 1: a route that is there already, from an earlier run or another tool, may lead to the target.",
        _target_last,
    ),
    Deviation(
        "true-weight",
        "In WaitingPromotion, and in Promoting after it, `.status` shows the real weight, and never -1 iterations.",
        "Invariant 1: the state's weight is what is routed. Flagger shows 0 and -1 (canary/status.go).",
        _true_weight,
    ),
    Deviation(
        "revert-cancels",
        "A push back to the promoted revision in the middle of a run ends the run: routes 100/0, target to 0, at rest.",
        "Invariant 7. Flagger goes on, promotes, and then analyses the same version once more.",
        pushes.cancelled,
        pushes.cancel_told,
    ),
    Deviation(
        "push-starts-over",
        "A push in Promoting or Finalising starts over with the new revision at once.",
        "Invariant 5. Flagger notices it after Succeeded, when the target has rolled in place under traffic.",
        pushes.started_over,
        pushes.start_told,
    ),
    Deviation(
        "threshold-rolls-back",
        "The rollback comes in the step that reaches the threshold.",
        "Once it is known, waiting only costs users. Flagger waits an interval, and asks rollback webhooks again.",
        lambda _, writes: writes,
        _asked_less,
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
        _cap_told,
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
    Deviation(
        "pods-after-routes",
        "A rollback, or a cancelled run, takes the canary's pods away with the event after the one that moves routes.",
        "Invariant 1: a mesh takes up to seconds to hear of a route, and until then requests go to these pods.",
        _pods_later,
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


def expected_told(scenario: Scenario, lines: list[str]) -> list[str]:
    """What Flagger told, with all deviations."""
    for deviation in DEVIATIONS:
        lines = deviation.told(scenario, lines)
    return lines


def expected_hooks(scenario: Scenario, hooks: list[Row], ours: int) -> list[Row]:
    """Flagger's calls of webhooks, with all deviations; of a run that Serinus cancels the first `ours`."""
    rows = list(hooks)
    for name in _rollback_hooks(scenario):
        del rows[max(i for i, row in enumerate(rows) if row[0] == name)]
    return rows[:ours] if pushes.cancelling(scenario["writes"]) else rows


def expected_heard(scenario: Scenario, told: list[str], ours: list[str]) -> bool:
    """Whether an event webhook heard from Serinus what it should; phases are compared where nothing deviates.

    What it heard are texts such as `Normal Advance app.NS canary weight 20 Progressing checksum,name`.
    """
    if not told:
        return not ours
    texts, our_texts = ([line.rsplit(" ", 2)[0] for line in lines] for lines in (told, ours))
    wanted = expected_told(scenario, texts)
    return ours == told if wanted == texts else our_texts == wanted
