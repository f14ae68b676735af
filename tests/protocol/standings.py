"""Rollouts in the middle of which somebody edits something: what a user has made, and how far it has come since."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from handlers.rollout.objects import HPA, SERVICE, VIRTUAL_SERVICE
from tests.lab import Lab, a_canary, a_config, a_daemonset, a_deployment, at, new_lab
from tests.protocol.harness import finish, twin
from tests.protocol.situations import GATE, START, SUCCESS
from tests.scalers import an_hpa, scaled_by

PORTS = [{"name": "web", "containerPort": 8080}, {"name": "admin", "containerPort": 8081}]
APPROVE = {"name": "approve", "type": "confirm-promotion", "url": "http://hooks.test/approve"}
CLOSED = 403


@dataclass(frozen=True)
class Standing:
    """A lab as a user has made it (`seed`), and how far it has come (`comes`); `traits` say what is special in it.

    `gate`: the webhook that is closed there, and opened later.
    """

    name: str
    seed: Callable[[], Lab]
    comes: Callable[[Lab], object]
    traits: frozenset[str] = field(default_factory=frozenset)
    gate: str = ""

    def lab(self) -> Lab:
        """A lab that stands there."""
        return twin(_made(self))

    def fresh(self) -> Lab:
        """What the user has made, and nobody has looked at."""
        return twin(_seeded(self))

    def __hash__(self) -> int:
        return hash(self.name)


@cache
def _seeded(standing: Standing) -> Lab:
    return standing.seed()


@cache
def _made(standing: Standing) -> Lab:
    lab = twin(_seeded(standing))
    if standing.gate:
        lab.webhooks.answers[standing.gate] = [CLOSED]
    standing.comes(lab)
    lab.kubelet.run()
    return lab


def made(manifest: dict[str, Any] | None = None, **body: Any) -> dict[str, Any]:
    """A workload of the target's name, with the ports that it says by name."""
    new = deepcopy(manifest or a_deployment())
    new["spec"]["template"]["spec"]["containers"][0]["ports"] = PORTS
    new["spec"] |= body
    return new


def plain(analysis: dict[str, Any] | None = None, **body: Any) -> Callable[[], Lab]:
    """A Deployment with two replicas, and its Canary."""
    return lambda: new_lab(a_canary(analysis=analysis), made(replicas=2, **body))


def _scaled() -> Lab:
    lab = new_lab(a_canary(**scaled_by(HPA)), made(replicas=2))
    lab.create(HPA, an_hpa())
    return lab


def _daemons() -> Lab:
    target = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "app"}
    return new_lab(a_canary(targetRef=target), made(a_daemonset()))


def _adopted() -> Lab:
    """A Service with a second port, and a VirtualService with a foreign rule, from before the Canary."""
    lab = new_lab(None, made(replicas=2))
    ports = [{"name": "http", "port": 80, "targetPort": 8080}, {"name": "admin", "port": 81, "targetPort": 8081}]
    meta = {"name": "app", "namespace": "shop"}
    body = {"selector": {"app": "app"}, "ports": ports}
    lab.create(SERVICE, {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": body})
    lab.create(
        VIRTUAL_SERVICE, {**_api(), "metadata": meta, "spec": {"hosts": ["app", "shop.example.com"], "http": RULES}}
    )
    return lab


RULES = [
    {"name": "old", "match": [{"uri": {"prefix": "/old"}}], "redirect": {"uri": "/new"}},
    {"route": [{"destination": {"host": "app"}}], "timeout": "7s"},
]


def _api() -> dict[str, str]:
    return {"apiVersion": VIRTUAL_SERVICE.api_version, "kind": VIRTUAL_SERVICE.name}


def _configured() -> Lab:
    deployment = made(replicas=2)
    deployment["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "app-config"}}]
    lab = new_lab(a_canary(), deployment)
    a_config(lab, "app-config", {"k": "a"})
    return lab


def _rest(lab: Lab) -> None:
    lab.until("Initialized")
    finish(lab)


def _to(phase: str, weight: int = 0) -> Callable[[Lab], object]:
    return lambda lab: at(lab, phase, weight)


def _succeeded(lab: Lab) -> None:
    at(lab, "Succeeded")
    finish(lab)


def _failing(lab: Lab) -> None:
    """Rolled back just now: the canary still has its pods."""
    at(lab, "Progressing", 40)
    lab.prometheus.values[SUCCESS] = [10]
    lab.until("Failed")
    lab.prometheus.values.clear()
    assert lab.target["spec"]["replicas"]


def _failed(lab: Lab) -> None:
    _failing(lab)
    finish(lab)


def _iterated(count: int) -> Callable[[Lab], object]:
    def comes(lab: Lab) -> None:
        at(lab, "Progressing")
        lab.tick(count)

    return comes


_GREEN: dict[str, Any] = {"stepWeight": None, "maxWeight": None, "iterations": 2}
_TEST = {**_GREEN, "iterations": 3, "match": [{"headers": {"x-canary": {"exact": "insider"}}}]}
_STICKY = {"sessionAffinity": {"cookieName": "seen", "primaryCookieName": "spared"}}
_RUN, _REST = "run", "rest"


def _standing(
    name: str, seed: Callable[[], Lab], comes: Callable[[Lab], object], *traits: str, gate: str = ""
) -> Standing:
    return Standing(name, seed, comes, frozenset(traits), gate)


STANDINGS = (
    _standing("bootstrap", plain(), lambda _lab: None, "boot"),
    _standing("bootstrap-waiting", plain(), lambda lab: lab.step(), "boot"),
    _standing("initialized", plain(), _rest, _REST),
    _standing("waiting", plain({"webhooks": [START]}), _to("Waiting"), _RUN, gate=START["url"]),
    _standing("progressing-0", plain(), _to("Progressing"), _RUN),
    _standing("progressing-20", plain(), _to("Progressing", 20), _RUN),
    _standing("held", plain({"webhooks": [GATE]}), _iterated(1), _RUN, gate=GATE["url"]),
    _standing("progressing-60", plain(), _to("Progressing", 60), _RUN),
    _standing(
        "waiting-promotion", plain({"webhooks": [APPROVE]}), _to("WaitingPromotion", 60), _RUN, gate=APPROVE["url"]
    ),
    _standing("promoting", plain(), _to("Promoting", 60), _RUN),
    _standing("promoting-by-steps", plain({"stepWeightPromotion": 20}), _to("Promoting", 40), _RUN),
    _standing("finalising", plain(), _to("Finalising"), _RUN),
    _standing("succeeded", plain(), _succeeded, _REST),
    _standing("failing", plain(), _failing, _REST, "failed"),
    _standing("failed", plain(), _failed, _REST, "failed"),
    _standing("scaled", _scaled, _rest, _REST, "scaled"),
    _standing("scaled-20", _scaled, _to("Progressing", 20), _RUN, "scaled"),
    _standing("daemons", _daemons, _rest, _REST, "daemons"),
    _standing("daemons-20", _daemons, _to("Progressing", 20), _RUN, "daemons"),
    _standing("ab-1", plain(_TEST), _iterated(1), _RUN, "ab"),
    _standing("blue-green-all", plain(_GREEN), _iterated(3), _RUN, "iterated"),
    _standing("mirrored", plain({"mirror": True}), _iterated(1), _RUN),
    _standing("sticky-20", plain(_STICKY), _to("Progressing", 20), _RUN),
    _standing("recreated-60", plain(strategy={"type": "Recreate"}), _to("Progressing", 60), _RUN, "recreated"),
    _standing("adopted", _adopted, _rest, _REST, "adopted"),
    _standing("adopted-20", _adopted, _to("Progressing", 20), _RUN, "adopted"),
    _standing("configured", _configured, _rest, _REST, "configured"),
    _standing("configured-20", _configured, _to("Progressing", 20), _RUN, "configured"),
)
