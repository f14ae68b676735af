"""The scenarios in which Flagger was recorded, as they are played on a real cluster: each in a namespace of its own."""

import copy
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from handlers.rollout.objects import DAEMONSET, DEPLOYMENT, Kind
from handlers.sandbox.kube import Object
from tests.conformance.moves import Move
from tests.conformance.workload import workload
from tests.lab import a_canary, a_deployment

RECORDINGS = Path(__file__).parents[1] / "samples" / "flagger_traces"
INTERVAL = 10
"""Seconds; Flagger takes no shorter interval. The first recordings were made with 2."""
STRETCH = 5
SMALL = (
    "weighted-promotes",
    "weighted-metrics-fail",
    "ab-header",
    "all-hooks",
    "never-ready",
    "revert-on-deletion",
    "service-full",
    "skip-analysis",
)
"""Those that are over soon, and have between them each strategy, each webhook, each end and most deviations."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story: what there is, what metrics and webhooks answer, and what the user does (`given` of a recording)."""

    name: str
    given: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a recording, with Flagger's shortest interval."""
        given = json.loads(path.read_text(encoding="utf-8"))["given"]
        if given["analysis"]["interval"] == "2s":
            given["analysis"]["interval"] = f"{INTERVAL}s"
            if deadline := given["spec"].get("progressDeadlineSeconds"):
                given["spec"]["progressDeadlineSeconds"] = deadline * STRETCH
        return cls(path.stem, given)

    @property
    def apex(self) -> str:
        """Name of the Service that clients call."""
        return str(self.given["service"].get("name", "app"))

    @property
    def moves(self) -> list[Move]:
        """What the user does, in order."""
        return [Move.read(text) for text in self.given["moves"]]

    def workload(self, namespace: str) -> Iterator[Object]:
        """The target and what it needs, before there is a Canary."""
        target, *others = workload(self.given)
        for thing in (*others, target):
            thing["metadata"]["namespace"] = namespace
            yield thing

    @property
    def target(self) -> Kind:
        """What the target is."""
        kind = (self.given["spec"].get("targetRef") or {}).get("kind")
        return DAEMONSET if kind == DAEMONSET.name else DEPLOYMENT

    def canary(self, namespace: str, hooks: str) -> Object:
        """The Canary; its webhooks are below this URL."""
        analysis = copy.deepcopy(self.given["analysis"])
        for hook in analysis.get("webhooks", []):
            hook["url"] = hook["url"].replace("@", f"{hooks}/{namespace}/")
        made = a_canary(**self.given["spec"])
        made["metadata"]["namespace"] = namespace
        made["spec"] |= {"analysis": analysis, "service": self.given["service"]}
        return made


def scenarios(names: Iterable[str] = (), folder: Path = RECORDINGS) -> list[Scenario]:
    """These, or all there are."""
    wanted = set(names)
    found = [Scenario.read(path) for path in sorted(folder.glob("*.json"))]
    return [scenario for scenario in found if not wanted or scenario.name in wanted]


def idle(namespace: str, number: int) -> Iterator[tuple[Object, Object]]:
    """So many targets without pods, each with its Canary, to which nothing ever happens."""
    for index in range(number):
        name = f"app-{index}"
        canary, deployment = a_canary(), a_deployment(replicas=0)
        for thing in (canary, deployment):
            thing["metadata"] = {"name": name, "namespace": namespace}
        canary["spec"]["targetRef"]["name"] = name
        deployment["spec"]["selector"] = {"matchLabels": {"app": name}}
        deployment["spec"]["template"]["metadata"]["labels"] = {"app": name}
        yield deployment, canary
