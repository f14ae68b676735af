"""The form in which writes are compared: each change of an object as a row that holds what matters of it.

A row begins with what it is about (`target`, `status`, `vs`, `svc app`, ...). Recordings of Flagger have the same form.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from handlers.rollout.objects import (
    CANARY,
    CONFIG_MAP,
    DAEMONSET,
    DEPLOYMENT,
    DESTINATION_RULE,
    HPA,
    SECRET,
    SERVICE,
    VIRTUAL_SERVICE,
    Kind,
)
from handlers.rollout.objects.daemonsets import scaled_to_zero

Row = list[Any]
Scenario = Mapping[str, Any]
"""A recording: `given`, and what Flagger wrote, told and called."""

_COOKIE = re.compile(r'("Set-Cookie": "[-\w]+=|"\.\*[-\w]+\.\*)[a-zA-Z]{10}\b')
_SERVED = ("selector", "ports")
_ROUTE = ("match", "rewrite", "timeout", "retries", "headers", "corsPolicy", "mirror", "mirrorPercentage")
_GONE = {"status": "canary app", "vs": "vs app", "app-primary": "deploy app-primary"}


@dataclass(frozen=True, slots=True)
class Watched:
    """An object whose changes are written down: what rows call it, where it is, and its row (None: nothing to say)."""

    key: str
    kind: Kind
    name: str
    row: Callable[[Any], Row | None]


@dataclass
class Ledger:
    """Rows in the order of the changes; a row is written only when it differs from the object's last one."""

    writes: list[Row] = field(default_factory=list)
    seen: dict[str, Row] = field(default_factory=dict)

    def put(self, key: str, row: Row) -> None:
        """An object has changed."""
        if self.seen.get(key) != row:
            self.seen[key] = row
            self.writes.append(row)

    def drop(self, keys: Iterable[str]) -> None:
        """These objects are gone. Garbage collection has no order, so they are sorted."""
        gone = {_GONE.get(key, key): key for key in keys if key in self.seen}
        for name in sorted(gone):
            del self.seen[gone[name]]
            self.writes.append([name, "deleted"])


def watched(apex: str) -> tuple[Watched, ...]:
    """All that the Canary `app`, with this apex Service, is about."""
    names = (f"{apex}-canary", f"{apex}-primary", apex)
    return (
        Watched("cm app-config", CONFIG_MAP, "app-config", partial(_config, "cm app-config")),
        Watched("secret app-secret", SECRET, "app-secret", partial(_config, "secret app-secret")),
        Watched("target", DEPLOYMENT, "app", partial(_workload, "target")),
        Watched("target", DAEMONSET, "app", partial(_workload, "target")),
        *(Watched(f"hpa {name}", HPA, name, partial(_scaler, name)) for name in ("app", "app-primary")),
        Watched("status", CANARY, "app", _status),
        *(Watched(f"svc {name}", SERVICE, name, partial(_service, name)) for name in names),
        Watched("cm app-config-primary", CONFIG_MAP, "app-config-primary", partial(_config, "cm app-config-primary")),
        Watched(
            "secret app-secret-primary", SECRET, "app-secret-primary", partial(_config, "secret app-secret-primary")
        ),
        Watched("app-primary", DEPLOYMENT, "app-primary", partial(_workload, "app-primary")),
        Watched("app-primary", DAEMONSET, "app-primary", partial(_workload, "app-primary")),
        *(Watched(f"dr {name}", DESTINATION_RULE, name, partial(_rule, name)) for name in names),
        Watched("vs", VIRTUAL_SERVICE, apex, _route),
    )


def named(http: Any) -> Any:
    """Rules with one and the same value for all cookies: Flagger draws them, and draws others each time."""
    return json.loads(_COOKIE.sub(r"\1COOKIE", json.dumps(http)))


def hook_row(name: str, body: Mapping[str, Any]) -> Row:
    """A webhook call: who was called, the phase, the payload's keys and its metadata."""
    metadata = dict(body["metadata"]) if "metadata" in body else None
    if metadata:
        metadata.pop("timestamp", None)
    return [name, body["phase"], sorted(body), metadata]


def _scaler(name: str, scaler: Any) -> Row:
    said = scaler["spec"]
    shown = {"target": said["scaleTargetRef"]["name"], "min": said["minReplicas"], "max": said["maxReplicas"]}
    return [f"hpa {name}", shown]


def _config(name: str, config: Any) -> Row:
    owners = [owner["kind"] for owner in config["metadata"].get("ownerReferences", [])]
    return [name, {"data": config["data"], "owner": owners}]


def _rule(name: str, rule: Any) -> Row:
    return [f"dr {name}", rule["spec"]]


def replicas_of(workload: Any) -> int:
    """How many it wants. A DaemonSet has pods on all nodes or, by a node selector, on none: 1 or 0."""
    return int(workload["spec"].get("replicas", not scaled_to_zero(workload)))


def _workload(name: str, obj: Any) -> Row:
    return [name, obj["spec"]["template"]["spec"]["containers"][0]["image"], replicas_of(obj)]


def _status(canary: Any) -> Row | None:
    status = canary.get("status")
    if not status:
        return None
    return ["status", status["phase"], status["canaryWeight"], status["failedChecks"], status["iterations"]]


def _service(name: str, obj: Any) -> Row:
    said = {key: obj["spec"][key] for key in _SERVED}
    metadata = {key: obj["metadata"].get(key) or {} for key in ("labels", "annotations")}
    return [f"svc {name}", said | metadata]


def _route(obj: Any) -> Row:
    protocol = "tcp" if "tcp" in obj["spec"] else "http"
    rules = []
    for rule in obj["spec"][protocol]:
        to = {part["destination"]["host"]: part.get("weight", 0) for part in rule["route"]}
        headers = [part["headers"] for part in rule["route"] if "headers" in part]
        own = {"routeHeaders": headers} if headers else {}
        rules.append({"to": to} | {key: rule[key] for key in _ROUTE if key in rule} | own)
    said = {key: obj["spec"][key] for key in ("hosts", "gateways") if key in obj["spec"]}
    return ["vs", named(said | {protocol: rules})]


def rules(route: Row) -> list[dict[str, Any]]:
    """The rules of a VirtualService."""
    found: list[dict[str, Any]] = route[1].get("http") or route[1]["tcp"]
    return found
