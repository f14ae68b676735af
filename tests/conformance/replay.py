"""Replays a scenario that Flagger was recorded in, by ticks, and writes down what Serinus does in the same form.

A recording has `given` (the Canary and what metrics and webhooks answer), `writes` (each change of an object, in
order), `events` (Kubernetes Events, of which Flagger's client drops the later ones) and `hooks` (webhook calls).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from handlers.errors import Unavailable
from handlers.rollout.objects import HPA
from tests.lab import Lab, a_canary, a_config, a_deployment, an_hpa, new_lab

Row = list[Any]
HOST = "http://hooks.test/"
_MOVE = re.compile(
    r"at (?P<phase>\w+)(?: (?P<weight>\d+))?: "
    r"(?:(?P<delete>delete the Canary)|push (?P<version>v\d+)(?P<never>, whose pods never get ready)?)"
)
_SCALED = re.compile(r"at (?P<phase>\w+)(?: (?P<weight>\d+))?: app-primary is scaled to (?P<replicas>\d+)")
_CHANGE = re.compile(r"at (?P<phase>\w+)(?P<weight>(?!))?: change ConfigMap (?P<config>[-\w]+)")
_COOKIE = re.compile(r"(flagger-cookie(?:=|\.\*))[a-zA-Z]{10}\b")
_SERVED = ("selector", "ports")
_ROUTE = ("match", "rewrite", "timeout", "retries", "headers", "corsPolicy", "mirror", "mirrorPercentage")
QUIET = 8
_GONE = {"status": "canary app", "vs": "vs app", "app-primary": "deploy app-primary"}


def lab_of(given: Mapping[str, Any]) -> Lab:
    """A lab with what the recording begins with: target, Canary, and what they read or are scaled by."""
    if given["objects"] not in (None, "config", "hpa"):
        raise ValueError(f"objects {given['objects']!r} are not part of this replay")
    analysis = dict(given["analysis"])
    analysis["webhooks"] = [{**hook, "url": hook["url"].replace("@", HOST)} for hook in analysis.get("webhooks", [])]
    canary = a_canary(**given["spec"])
    canary["spec"]["analysis"] = analysis
    canary["spec"]["service"] = given["service"]
    deployment = a_deployment(replicas=given["replicas"])
    if given["objects"] == "config":
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        container["envFrom"] = [{"configMapRef": {"name": "app-config"}}]
    lab = new_lab(canary, deployment, total=True)
    if given["objects"] == "config":
        a_config(lab, "app-config", {"k": "a"})
    if given["objects"] == "hpa":
        lab.create(HPA, an_hpa())
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
        self.seen: dict[str, Row] = {}
        self.writes: list[Row] = []
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
        moves, quiet = [*self.given["moves"], *self.scaled], 0
        while quiet < QUIET:
            before = len(self.writes)
            if moves and self._arrived(moves[0]):
                self._move(moves.pop(0))
            self.lab.tick()
            quiet = 0 if len(self.writes) > before or moves else quiet + 1
            assert len(self.writes) < 200, self.writes[-5:]
        return Recording(self.writes, self.lab.events, [_hook(request) for request in self.lab.webhooks.asked])

    def _arrived(self, move: str) -> bool:
        found = _MOVE.fullmatch(move) or _SCALED.fullmatch(move) or _CHANGE.fullmatch(move)
        if not found:
            raise ValueError(f"{move!r} is not a move that this replay knows")
        status = (self.lab.canary or {}).get("status") or {}
        return status.get("phase") == found["phase"] and found["weight"] in (None, str(status["canaryWeight"]))

    def _move(self, move: str) -> None:
        if scaled := _SCALED.fullmatch(move):
            self.lab.edit("apps/v1/deployments/app-primary", {"spec": {"replicas": int(scaled["replicas"])}})
            self.lab.kubelet.run()
            self._look()
            return
        if changed := _CHANGE.fullmatch(move):
            self.lab.edit(f"v1/configmaps/{changed['config']}", {"data": {"k": "b"}})
            self._look()
            return
        found = _MOVE.fullmatch(move)
        assert found
        if found["delete"]:
            path = "/apis/flagger.app/v1beta1/namespaces/shop/canaries/app"
            assert self.lab.api.call("DELETE", path).status == 200
            return
        image = f"app:{found['version']}"
        if found["never"]:
            self.lab.kubelet.never.add(image)
        self.lab.push(image)
        self._look()

    def _look(self) -> None:
        """Write down what has changed since the last look."""
        rows = dict(rows_of(self.lab, self.given["service"].get("name", "app")))
        gone = sorted(_GONE.get(name, name) for name in self.seen if name not in rows)
        self.writes += [[name, "deleted"] for name in gone]  # garbage collection has no order
        self.seen = {name: row for name, row in self.seen.items() if name in rows}
        for name, row in rows.items():
            if self.seen.get(name) != row:
                self.seen[name] = row
                self.writes.append(row)


def rows_of(lab: Lab, apex: str) -> Sequence[tuple[str, Row]]:
    """All that a recording looks at, as it is now. `apex`: the name of the Service that clients call."""
    rows: list[tuple[str, Row | None]] = [
        ("cm app-config", _config(lab, "app-config")),
        ("target", _workload("target", lab.target)),
        *((f"hpa {name}", _scaler(lab, name)) for name in ("app", "app-primary")),
        ("status", _status((lab.canary or {}).get("status"))),
        *((f"svc {name}", _service(name, lab.get(f"v1/services/{name}"))) for name in _names(apex)),
        ("cm app-config-primary", _config(lab, "app-config-primary")),
        ("app-primary", _workload("app-primary", lab.primary)),
        *((f"dr {name}", _rule(lab, name)) for name in _names(apex)),
        ("vs", _route(lab.get(f"networking.istio.io/v1beta1/virtualservices/{apex}"))),
    ]
    return [(name, row) for name, row in rows if row is not None]


def _scaler(lab: Lab, name: str) -> Row | None:
    scaler = lab.get(f"autoscaling/v2/horizontalpodautoscalers/{name}")
    if scaler is None:
        return None
    said = scaler["spec"]
    shown = {"target": said["scaleTargetRef"]["name"], "min": said["minReplicas"], "max": said["maxReplicas"]}
    return [f"hpa {name}", shown]


def _config(lab: Lab, name: str) -> Row | None:
    config = lab.get(f"v1/configmaps/{name}")
    if config is None:
        return None
    owners = [owner["kind"] for owner in config["metadata"].get("ownerReferences", [])]
    return [f"cm {name}", {"data": config["data"], "owner": owners}]


def _rule(lab: Lab, name: str) -> Row | None:
    rule = lab.get(f"networking.istio.io/v1beta1/destinationrules/{name}")
    return [f"dr {name}", rule["spec"]] if rule else None


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


def _names(apex: str) -> tuple[str, str, str]:
    return f"{apex}-canary", f"{apex}-primary", apex


def _answer(value: Any) -> Any:
    if value == "500":
        body = '{"status": "error", "errorType": "internal", "error": "boom"}'
        return Unavailable(f"error response: Status 500 Internal Server Error: {body}")
    return value


def _workload(name: str, obj: Any) -> Row | None:
    if obj is None:
        return None
    return [name, obj["spec"]["template"]["spec"]["containers"][0]["image"], obj["spec"]["replicas"]]


def _status(status: Any) -> Row | None:
    if not status:
        return None
    return ["status", status["phase"], status["canaryWeight"], status["failedChecks"], status["iterations"]]


def _service(name: str, obj: Any) -> Row | None:
    if obj is None:
        return None
    said = {key: obj["spec"][key] for key in _SERVED}
    metadata = {key: obj["metadata"].get(key) or {} for key in ("labels", "annotations")}
    return [f"svc {name}", said | metadata]


def _route(obj: Any) -> Row | None:
    if obj is None:
        return None
    rules = []
    for rule in obj["spec"]["http"]:
        to = {part["destination"]["host"]: part.get("weight", 0) for part in rule["route"]}
        headers = [part["headers"] for part in rule["route"] if "headers" in part]
        own = {"routeHeaders": headers} if headers else {}
        rules.append({"to": to} | {key: rule[key] for key in _ROUTE if key in rule} | own)
    said = {key: obj["spec"][key] for key in ("hosts", "gateways") if key in obj["spec"]}
    return ["vs", named(said | {"http": rules})]


def named(http: Any) -> Any:
    """Rules with one and the same value for all cookies: Flagger draws them, and draws others each time."""
    return json.loads(_COOKIE.sub(r"\1COOKIE", json.dumps(http)))


def _hook(request: Any) -> Row:
    body = json.loads(request.body)
    metadata = dict(body["metadata"]) if "metadata" in body else None
    if metadata:
        metadata.pop("timestamp", None)
    return [request.url.removeprefix(HOST), body["phase"], sorted(body), metadata]
