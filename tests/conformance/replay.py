"""Replays a scenario that Flagger was recorded in, by ticks, and writes down what Serinus does in the same form.

A recording has `given` (the Canary and what metrics and webhooks answer), `writes` (each change of an object, in
order), `events` (Kubernetes Events, of which Flagger's client drops the later ones) and `hooks` (webhook calls).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from handlers.errors import Unavailable
from handlers.rollout.objects import CONFIG_MAP, HPA, SECRET
from tests.conformance.moves import Move, drains
from tests.conformance.rows import Ledger, Row, hook_row, watched
from tests.conformance.workload import CHANGED, workload
from tests.lab import Lab, a_canary, new_lab

HOST = "http://hooks.test/"
QUIET = 8
_KINDS = {kind.name: kind for kind in (CONFIG_MAP, SECRET, HPA)}


def lab_of(given: Mapping[str, Any]) -> Lab:
    """A lab with what the recording begins with: target, Canary, and what they read or are scaled by."""
    analysis = dict(given["analysis"])
    analysis["webhooks"] = [{**hook, "url": hook["url"].replace("@", HOST)} for hook in analysis.get("webhooks", [])]
    canary = a_canary(**given["spec"])
    canary["spec"]["analysis"] = analysis
    canary["spec"]["service"] = given["service"]
    target, *others = workload(given)
    lab = new_lab(canary, target, total=True)
    for thing in others:
        lab.create(_KINDS[thing["kind"]], thing)
    return lab


@dataclass
class Recording:
    """What one run did."""

    writes: list[Row] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    hooks: list[Row] = field(default_factory=list)


class Run:
    """One scenario, run."""

    def __init__(self, scenario: Mapping[str, Any]) -> None:
        self.given = scenario["given"]
        self.scaled = _scaled(scenario["writes"]) if self.given["objects"] == "hpa" else []
        self.lab = lab_of(self.given)
        self._script()
        self.apex = self.given["service"].get("name", "app")
        self.ledger = Ledger()
        self._look()
        self.lab.cluster.after = lambda verb, _path: self._look() if verb not in ("get", "list") else None

    def _script(self) -> None:
        """What metrics and webhooks answer."""
        given, lab = self.given, self.lab
        if isinstance(given["metrics"], Mapping):
            for part, values in (("requests_total", "success"), ("duration", "duration")):
                if values in given["metrics"]:
                    lab.prometheus.values[part] = [_answer(value) for value in given["metrics"][values]]
        if isinstance(given["webhook answers"], Mapping):
            lab.webhooks.answers = {HOST + name: list(codes) for name, codes in given["webhook answers"].items()}

    def run(self) -> Recording:
        """Tick and make the moves until nothing has changed for a while."""
        moves, quiet = [Move.read(move) for move in (*self.given["moves"], *self.scaled)], 0
        writes = self.ledger.writes
        while quiet < QUIET:
            before = len(writes)
            if (
                moves
                and moves[0].is_due((self.lab.canary or {}).get("status") or {})
                and not drains(self.lab.canary or {})
            ):
                self._make(moves.pop(0))
            self.lab.tick()
            quiet = 0 if len(writes) > before or moves else quiet + 1
            assert len(writes) < 200, writes[-5:]
        return Recording(writes, self.lab.events, [_hook(request) for request in self.lab.webhooks.asked])

    def _make(self, move: Move) -> None:
        if move.delete:
            path = "/apis/flagger.app/v1beta1/namespaces/shop/canaries/app"
            assert self.lab.api.call("DELETE", path).status == 200
        elif move.patch:
            self.lab.edit("flagger.app/v1beta1/canaries/app", move.patch)
        elif move.replicas:
            self.lab.edit("apps/v1/deployments/app-primary", {"spec": {"replicas": move.replicas}})
            self.lab.kubelet.run()
        elif move.config:
            self.lab.edit(f"v1/{move.config}", {"data": CHANGED[move.config.partition("/")[0]]})
        else:
            image = f"app:{move.version}"
            if move.never_ready:
                self.lab.kubelet.never.add(image)
            self.lab.push(image)
        self._look()

    def _look(self) -> None:
        """Write down what has changed since the last look."""
        rows = dict(rows_of(self.lab, self.apex))
        self.ledger.drop([key for key in self.ledger.seen if key not in rows])
        for key, row in rows.items():
            self.ledger.put(key, row)


def rows_of(lab: Lab, apex: str) -> Sequence[tuple[str, Row]]:
    """All that a recording looks at, as it is now. `apex`: the name of the Service that clients call."""
    found = [(item, lab.get(f"{item.kind.api_version}/{item.kind.plural}/{item.name}")) for item in watched(apex)]
    return [(item.key, row) for item, obj in found if obj is not None and (row := item.row(obj))]


def _scaled(writes: Sequence[Row]) -> list[str]:
    """What a real autoscaler did to the primary, as moves: rows in which only its replicas change."""
    moves: list[str] = []
    shown: dict[str, Row] = {}
    for row in writes:
        before = shown.get(row[0])
        if row[0] == "app-primary" and before and before[1] == row[1]:
            phase, weight = shown["status"][1:3]
            moves.append(f"at {phase} {weight}: app-primary is scaled to {row[2]}")
        shown[row[0]] = row
    return moves


def _answer(value: Any) -> Any:
    if value == "500":
        body = '{"status": "error", "errorType": "internal", "error": "boom"}'
        return Unavailable(f"error response: Status 500 Internal Server Error: {body}")
    return value


def _hook(request: Any) -> Row:
    return hook_row(request.url.removeprefix(HOST), json.loads(request.body))
