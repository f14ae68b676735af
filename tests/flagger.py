"""A cluster as Flagger leaves it when it is stopped at some point of a recording.

A recording has the order of the writes and the parts that matter; whole objects are made of them as Flagger 1.44's
source says: deployment_controller.go (createPrimaryDeployment, Promote), daemonset_controller.go, status.go,
config_tracker.go, istio.go.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from handlers.rollout.objects import (
    CONFIG_MAP,
    DAEMONSET,
    DEPLOYMENT,
    DESTINATION_RULE,
    HPA,
    SECRET,
    SERVICE,
    VIRTUAL_SERVICE,
    Kind,
    timestamp,
)
from handlers.rollout.objects.daemonsets import SCALE_TO_ZERO, without_scale
from tests.conformance.replay import HOST, lab_of
from tests.conformance.rows import replicas_of
from tests.fakes import api_path
from tests.lab import Lab

Row = list[Any]
FOLDER = Path(__file__).parent / "samples/flagger_traces"
TRACES = sorted(path.stem for path in FOLDER.glob("*.json"))
FLUX = {
    "helm.toolkit.fluxcd.io/driftDetection": "disabled",
    "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
}
STATUS = "/apis/flagger.app/v1beta1/namespaces/shop/canaries/app/status"
_SET = re.compile(r"(?P<pair>[^;]+); Max-Age=(?P<age>-?\d+)")
_PROMOTED = {"Initialized": "True", "Succeeded": "True", "Failed": "False"}
_HASHED = ("Initialized", "Failed")
_CONFIGS = {"app-config": ("configmap", CONFIG_MAP), "app-secret": ("secret", SECRET)}
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


@cache
def recording(name: str) -> Mapping[str, Any]:
    """A recording, by the name of its file."""
    found: Mapping[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def point(name: str, row: Row, nth: int = 1) -> int:
    """How many writes of a recording there are up to the nth that begins like this."""
    found = [index for index, one in enumerate(recording(name)["writes"], 1) if one[: len(row)] == row]
    return found[nth - 1]


def left(name: str, writes: int, more: Sequence[Row] = (), **analysis: Any) -> Lab:
    """The cluster after so many writes of a recording, and some that are not in it; nobody has looked at it since.

    All webhooks let it go on. `analysis`: what the Canary says besides.
    """
    given = recording(name)["given"]
    given = {**given, "analysis": {**given["analysis"], **analysis}}
    flagger = _beginning(given)
    flagger.play([*recording(name)["writes"][:writes], *more])
    return _going_on(flagger.lab, given)


def all_left(name: str, points: Sequence[int]) -> Iterator[tuple[int, Lab]]:
    """What `left` gives after each of these numbers of writes, in their order."""
    given, writes = recording(name)["given"], recording(name)["writes"]
    flagger = _beginning(given)
    for number, row in enumerate(writes[: max(points, default=0)], 1):
        flagger.play([row])
        if number in points:
            yield number, _going_on(flagger.lab.copy(), given)


def _beginning(given: Mapping[str, Any]) -> "Flagger":
    flagger = Flagger(lab_of(given))
    if any("never get ready" in move for move in given["moves"]):
        flagger.lab.kubelet.never.add("app:v2")
    return flagger


def _going_on(lab: Lab, given: Mapping[str, Any]) -> Lab:
    for hook in given["analysis"].get("webhooks", []):
        answer = 403 if hook.get("type") == "rollback" else 200
        lab.webhooks.answers[hook["url"].replace("@", HOST)] = [answer]
    return lab


@dataclass
class Flagger:
    """Makes the writes of a recording, by Flagger's name, each some time after the one before it."""

    lab: Lab
    ids: int = 0
    cookies: dict[str, str] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)
    promoted: str = ""

    def play(self, rows: Sequence[Row]) -> None:
        """Make these writes; pods are as ready as they can be after each."""
        for row in rows:
            self.lab.clock.tick(10)
            self._write(row)
            self.lab.kubelet.run()

    def _write(self, row: Row) -> None:
        what, _, name = row[0].partition(" ")
        match what:
            case "target":
                self._target(row[1], row[2])
            case "app-primary":
                self._primary(row[1], row[2])
            case "status":
                self._status(*row[1:])
            case "svc":
                self._service(name, row[1])
            case "dr":
                self._put(DESTINATION_RULE, name, {"spec": row[1]})
            case "vs":
                self._route(row[1])
            case "cm" | "secret":
                self._config(name, row[1])
            case "hpa":
                self._scaler(name)
            case _:
                raise ValueError(f"{row} is not a write that this knows")

    def _target(self, image: str, replicas: int) -> None:
        """A new image is the user's, the replicas are Flagger's."""
        if self._image() != image:
            self.lab.push(image)
        if self.status.get("phase") == "Progressing" and not replicas and self.lab.canary["spec"].get("skipAnalysis"):
            self._follow()  # Flagger goes from the copy to Succeeded
        if replicas_of(self.lab.target) != replicas:
            pod = {"template": {"spec": {"nodeSelector": {SCALE_TO_ZERO: None if replicas else "true"}}}}
            spec = pod if self._daemons() else {"replicas": replicas}
            self.lab.edit(f"apps/v1/{self.lab.plural}/app", {"spec": spec}, manager="flagger")

    def _daemons(self) -> bool:
        return bool(self.lab.target["kind"] == DAEMONSET.name)

    def _image(self) -> str:
        return str(self.lab.target["spec"]["template"]["spec"]["containers"][0]["image"])

    def _primary(self, image: str, replicas: int) -> None:
        """Made, promoted, or scaled by its autoscaler."""
        target = self.lab.target
        if image != self._image():
            self.lab.edit("apps/v1/deployments/app-primary", {"spec": {"replicas": replicas}}, manager="autoscaler")
            return
        body = {key: target["spec"][key] for key in ("strategy", "progressDeadlineSeconds") if key in target["spec"]}
        selector = {"selector": {"matchLabels": {"app": "app-primary"}}}
        body |= {"template": self._template(target), **selector}
        body |= {} if self._daemons() else {"replicas": replicas}
        kind = DAEMONSET if self._daemons() else DEPLOYMENT
        self._put(kind, "app-primary", {"spec": body}, labels={"app": "app-primary"})
        self.promoted = self._hash()

    def _follow(self) -> None:
        """The primary, after a copy of it: recordings show an image, not what else is copied with it."""
        if self.promoted != self._hash():
            self._primary(self._image(), replicas_of(self.lab.primary))

    def _template(self, target: Mapping[str, Any]) -> dict[str, Any]:
        """Labels, the copies of configs, and an id that is drawn (makeAnnotations, ApplyPrimaryConfigs)."""
        self.ids += 1
        template = without_scale(target["spec"]["template"])
        pod = json.loads(re.sub(r'"(app-config|app-secret)"', r'"\1-primary"', json.dumps(template["spec"])))
        notes = {**template["metadata"].get("annotations", {}), "flagger-id": f"6d1f0b1c-{self.ids:04}-4a6c"}
        labels = {**template["metadata"]["labels"], "app": "app-primary"}
        return {"metadata": {"labels": labels, "annotations": notes}, "spec": pod}

    def _service(self, name: str, said: Mapping[str, Any]) -> None:
        body = {"type": "ClusterIP", "selector": said["selector"], "ports": said["ports"]}
        self._put(SERVICE, name, {"spec": body}, labels=said["labels"], annotations=said["annotations"])

    def _route(self, said: Mapping[str, Any]) -> None:
        protocol = "tcp" if "tcp" in said else "http"
        rules = [_rule(rule) for rule in said[protocol]]
        for rule in rules:
            for part in (rule, *rule["route"]):
                self._remember(part)
        apex = self.lab.canary["spec"]["service"].get("name", "app")
        self._put(VIRTUAL_SERVICE, apex, {"spec": {**said, protocol: rules}}, annotations=FLUX)

    def _remember(self, part: Mapping[str, Any]) -> None:
        """The cookie of a run, or the one that is taken back; in `.status` with its next write."""
        text = ((part.get("headers") or {}).get("response") or {}).get("add", {}).get("Set-Cookie", "")
        if found := _SET.fullmatch(text):
            over = found["age"] == "-1"
            self.cookies["sessionAffinityCookie"] = "" if over else found["pair"]
            if over:
                self.cookies["previousSessionAffinityCookie"] = found["pair"]
            # drawn also where nobody has asked for one, and then without a name
            self.cookies["primarySessionAffinityCookie"] = "=VcTgRkWpQz"

    def _config(self, name: str, said: Mapping[str, Any]) -> None:
        _, kind = _CONFIGS[name.removesuffix("-primary")]
        if not said["owner"]:
            self.lab.edit(f"v1/{kind.plural}/{name}", {"data": said["data"]})
            return
        self._put(kind, name, {"data": said["data"]})

    def _scaler(self, name: str) -> None:
        if name != "app":  # that one is the user's
            spec = self.lab.get("autoscaling/v2/horizontalpodautoscalers/app")["spec"]
            self._put(HPA, name, {"spec": {**spec, "scaleTargetRef": {**spec["scaleTargetRef"], "name": name}}})

    def _status(self, phase: str, weight: int, failed: int, iterations: int) -> None:
        before = self.status
        if phase == "Promoting":
            self._follow()
        new = {"phase": phase, "canaryWeight": weight, "failedChecks": failed, "iterations": iterations}
        moment = timestamp(self.lab.clock())
        self.status = {**before, **new, **self.cookies, "lastTransitionTime": moment}
        started = phase == "Progressing" and not (weight or failed or iterations)
        if phase in _HASHED or started:
            self.status |= {"lastAppliedSpec": self._hash()}
            if configs := self._tracked():
                self.status["trackedConfigs"] = configs
        if phase in ("Initialized", "Succeeded"):
            self.status["lastPromotedSpec"] = self.status["lastAppliedSpec"]
        self._condition(phase, moment)
        reply = self.lab.api.call("PATCH", STATUS, {"status": self.status}, query={"fieldManager": "flagger"})
        assert reply.status == 200, reply.body

    def _condition(self, phase: str, moment: str) -> None:
        """As MakeStatusConditions: a new one when the phase changes; its transition is that of its status."""
        said = _PROMOTED.get(phase, "Unknown")
        old: dict[str, str] = next(iter(self.status.get("conditions", [])), {})
        if (old.get("status"), old.get("reason")) != (said, phase):
            since = old["lastTransitionTime"] if old.get("status") == said else moment
            new = {"type": "Promoted", "status": said, "reason": phase, "message": f"{phase}."}
            self.status["conditions"] = [{**new, "lastUpdateTime": moment, "lastTransitionTime": since}]

    def _hash(self) -> str:
        """Stands for Flagger's, which is over Go structs, and looks like it (spec.go, ComputeHash)."""
        template = json.dumps([without_scale(self.lab.target["spec"]["template"]), self._tracked()], sort_keys=True)
        number = int.from_bytes(hashlib.sha256(template.encode()).digest()[:4])
        return "".join(_LETTERS[ord(char) % len(_LETTERS)] for char in str(number))

    def _tracked(self) -> dict[str, str]:
        found = {}
        for name, (what, kind) in _CONFIGS.items():
            if config := self.lab.get(f"v1/{kind.plural}/{name}"):
                data = json.dumps(config["data"], sort_keys=True, separators=(",", ":"))
                found[f"{what}/{name}"] = hashlib.sha256(data.encode()).digest()[:8].hex()
        return found

    def _put(self, kind: Kind, name: str, body: Mapping[str, Any], **meta: Mapping[str, str]) -> None:
        """Create it, owned by the Canary, or update it."""
        path, query = api_path(kind, "shop"), {"fieldManager": "flagger"}
        if self.lab.api.call("GET", f"{path}/{name}").status == 200:
            reply = self.lab.api.call("PATCH", f"{path}/{name}", body, query=query)
        else:
            canary = self.lab.canary["metadata"]
            owner = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "app", "uid": canary["uid"]}
            metadata = {"name": name, "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}]}
            new = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata | meta, **body}
            reply = self.lab.api.call("POST", path, new, query=query)
        assert reply.status in (200, 201), reply.body


def _rule(said: Mapping[str, Any]) -> dict[str, Any]:
    """A rule with its destinations; a single recorded header is the canary's, of two the first is the primary's."""
    hosts = list(said["to"])
    headers = dict(zip(reversed(hosts), reversed(said.get("routeHeaders", [])), strict=False))
    route: list[dict[str, Any]] = []
    for host in hosts:
        own = {"headers": headers[host]} if host in headers else {}
        route.append({"destination": {"host": host}, "weight": said["to"][host], **own})
    return {key: value for key, value in said.items() if key not in ("to", "routeHeaders")} | {"route": route}
