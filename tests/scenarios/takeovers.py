"""Clusters that Flagger has run, and a look at how their rollouts go on."""

from typing import Any

from handlers.rollout.spec import canary as canaries
from handlers.rollout.weights import Weights
from handlers.routers import istio
from tests.lab import Lab
from tests.protocol.harness import state_of

CANARY = "flagger.app/v1beta1/canaries/app"
AT_REST = ("Initialized", "Succeeded", "Failed")
WEIGHTED, GATED, CONFIGURED = "weighted-promotes", "gate-promotion", "configmap-tracked"
PRIMARY, STATUS, TARGET = "app-primary", "status", "target"


def routed(lab: Lab) -> Weights | None:
    """What the VirtualService does, whatever its rules; None while there is none."""
    canary = canaries.parse(lab.canary)
    route = lab.get(f"networking.istio.io/v1beta1/virtualservices/{canary.service.apex}")
    return istio.weights(canary, route) if route else None


def share(lab: Lab) -> int:
    """The canary's share of the traffic, or of the matched requests."""
    now = routed(lab)
    return now.canary if now else 0


def pods(obj: Any) -> int:
    """How many pods of a workload can take traffic."""
    status = (obj or {}).get("status") or {}
    return int(status.get("readyReplicas", 0) or status.get("numberReady", 0))


class Watch:
    """Looks on while a rollout that was taken over goes on."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.began = lab, lab.clock()
        self.weight, self.asked, self._seen = share(lab), 0, -1
        lab.cluster.after = self._after

    def to_the_end(self, limit: int = 60) -> None:
        """Tick until it is at rest and nothing moves any more."""
        quiet = 0
        for _ in range(limit):
            before = self.lab.api.store.revision
            self.lab.kubelet.run()
            self.traffic_has_pods()
            self.lab.clock.tick(10)
            self.lab.step()
            self.traffic_has_pods()
            quiet = quiet + 1 if self.lab.phase in AT_REST and self.lab.api.store.revision == before else 0
            if quiet > 1:
                return
        raise AssertionError(f"it never ends: {state_of(self.lab)} {self.lab.events}")

    def traffic_has_pods(self) -> None:
        """Each side that has traffic has pods (invariant 1)."""
        revision = self.lab.api.store.revision
        if revision == self._seen:
            return
        self._seen = revision
        now = routed(self.lab)
        if now is None:
            return
        primary = now.primary or now.matched
        for traffic, obj in ((primary, self.lab.primary), (now.canary, self.lab.target)):
            assert not traffic or pods(obj), (now, self.lab.events[-3:])

    def _after(self, verb: str, path: str) -> None:
        if verb != "patch" or "virtualservices" not in path:
            return
        weight, asked = share(self.lab), len(self.lab.prometheus.asked)
        if weight > self.weight:
            waited = (self.lab.clock() - self.began).total_seconds()
            assert waited >= canaries.parse(self.lab.canary).analysis.interval.total_seconds()
            assert not self.weight or asked > self.asked or not self.lab.canary["spec"]["analysis"].get("metrics")
        self.weight, self.asked = weight, asked


def made(lab: Lab) -> dict[str, Any]:
    """Owners, labels and annotations of all that is there, by kind, name and uid."""
    tables = lab.api.store.tables.items()
    return {
        f"{key[1]}/{name[1]}/{obj['metadata']['uid']}": {
            part: obj["metadata"].get(part) for part in ("ownerReferences", "labels", "annotations")
        }
        for key, table in tables
        for name, obj in table.objects.items()
        if name[0] == "shop" and key[1] != "events"
    }


def nothing_is_lost(before: dict[str, Any], after: dict[str, Any]) -> None:
    """All objects are still there, with what was on them."""
    for name, meta in before.items():
        assert name in after
        assert after[name]["ownerReferences"] == meta["ownerReferences"]
        for part in ("labels", "annotations"):
            assert (meta[part] or {}).items() <= (after[name][part] or {}).items(), (name, part)


def taken_over(lab: Lab) -> list[str]:
    """The Events that say so."""
    return [event for event in lab.events if "Taking over" in event]
