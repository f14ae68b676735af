"""The last steps of a canary with cause, checks, values against limits and decision: why did it do that?

Annotation `serinus.dev/history`: a JSON list, oldest first. Together with the state it stays under 32 KiB.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from handlers.rollout.checks import Finding, HookCheck, MetricCheck
from handlers.rollout.decision import Decision
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.stage import Stage
from handlers.rollout.written import time_text

HISTORY = "serinus.dev/history"
LIMIT = 32 * 1024
_TEXT = 200
_ENTRIES = 60
_SAME = ("stage", "decision", "phase", "weight", "revision")


def entry(s: Snapshot, stage: Stage, decision: Decision) -> Mapping[str, Any]:
    """One step: when, why, in which situation, what was asked and found, what was decided, what it is now."""
    data: dict[str, Any] = {
        "at": time_text(s.now),
        "seq": decision.state.seq,
        "cause": s.cause.kind.value,
        "event": s.cause.id[:_TEXT],
        "stage": stage.value,
        "decision": decision.told[:_TEXT],
        "phase": decision.state.phase.value,
        "weight": decision.state.weight,
        "revision": decision.state.revision,
    }
    if decision.findings:
        data["checks"] = [check(finding) for finding in decision.findings]
    return {key: value for key, value in data.items() if value != ""}


def check(finding: Finding) -> Mapping[str, Any]:
    """One check as it is remembered: which, how it came out, the value against its limits."""
    data: dict[str, Any] = {"outcome": finding.outcome.value}
    match finding.check:
        case HookCheck(hook=hook):
            data |= {"webhook": hook.name, "type": hook.type.value}
        case MetricCheck(metric=metric):
            data |= {"metric": metric.name, "value": finding.value, "min": metric.low, "max": metric.high}
        case _:
            data["server"] = finding.check.metric.name
    data["text"] = finding.text[:_TEXT]
    return {key: value for key, value in data.items() if value not in (None, "")}


def append(annotations: Mapping[str, str], new: Mapping[str, Any], state: str) -> str:
    """The annotation with one entry more, and as many old ones as there is room for beside the state.

    The same decision again, as at a gate that stays closed, counts `times` instead of pushing older ones out. An entry
    that alone has no room is left out: the state is the truth, and its write must not fail.
    """
    entries = list(load(annotations))
    if entries and new.get("decision") and all(entries[-1].get(field) == new.get(field) for field in _SAME):
        before = entries.pop().get("times", 1)
        new = {**new, "times": before + 1 if isinstance(before, int) else 2}
    entries = [*entries, new][-_ENTRIES:]
    while entries and len(_dump(entries).encode()) + len(state.encode()) > LIMIT:
        entries.pop(0)
    return _dump(entries)


def load(annotations: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
    """The entries, oldest first. History decides nothing: what cannot be read is dropped."""
    try:
        entries = json.loads(annotations.get(HISTORY, "[]"))
    except ValueError:
        return []
    return [item for item in entries if isinstance(item, Mapping)] if isinstance(entries, list) else []


def _dump(entries: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(entries, separators=(",", ":"), ensure_ascii=False)
