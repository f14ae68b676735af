"""From what watches have seen to rows: all writes about one Canary, in their order. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from handlers.rollout.objects import CANARY, EVENT, Kind
from handlers.sandbox.kube import Object
from tests.conformance.rows import Ledger, Row, watched

COMBINED = "(combined from similar events): "
"""What Kubernetes' client puts before the message of an Event that is much like ten others."""


@dataclass(frozen=True, slots=True)
class Change:
    """One write: its place among all writes of the cluster, the kind, and the object after it (None: it is gone)."""

    version: int
    kind: Kind
    namespace: str
    name: str
    obj: Object | None


def writes_of(changes: Iterable[Change], apex: str) -> list[Row]:
    """The rows; `apex` is the Service that clients call. What was deleted in one go has no order of its own."""
    by_name = {(item.kind, item.name): item for item in watched(apex)}
    ledger = Ledger()
    gone: list[str] = []
    for change in _ordered(changes):
        item = by_name.get((change.kind, change.name))
        if item is None:
            continue
        if change.obj is None:
            gone.append(item.key)
            continue
        ledger.drop(gone)
        gone = []
        if row := item.row(change.obj):
            ledger.put(item.key, row)
    ledger.drop(gone)
    return ledger.writes


def events_of(changes: Iterable[Change]) -> list[str]:
    """The Kubernetes Events about the Canary, as `TYPE MESSAGE`; one that is only counted up comes again."""
    return [
        f"{change.obj['type']} {change.obj['message'].removeprefix(COMBINED)}"
        for change in _ordered(changes)
        if change.kind == EVENT and change.obj and change.obj["involvedObject"]["kind"] == CANARY.name
    ]


def _ordered(changes: Iterable[Change]) -> list[Change]:
    return sorted(changes, key=lambda change: change.version)
