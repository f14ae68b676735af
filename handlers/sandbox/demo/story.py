"""The story: which versions come, what they do to their users, and how each must end. The manifests it is told with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

SCALE = 30
"""Divides every duration of the Canary, the alert rules and the senders, which are written as for production; less on a
busy machine (see pace.py).
"""
RATE = 500
"""Requests a second. Enough for one error in fifty to show within seconds at 5 % of the traffic."""
LIMIT, SLOW = 500, 1100
"""Milliseconds: the Canary's limit of latency, and what the slow version takes, above the 1000 of the alert."""
NAMESPACE, APP = "demo", "podinfo"
HOST = f"{APP}.{NAMESPACE}"
IMAGE = "registry.example.com/podinfo"
STEP, HIGHEST = 5, 50
STEPS = tuple(range(STEP, HIGHEST + 1, STEP))
THRESHOLD = 3
LATENCY_ALERT = "CanaryLatency"

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One version: the tag of its image (which tells a pod of the sandbox how to behave), and how it must end.

    `cause` and `decision` are what the last step of its history must say, the decision by how it begins. `may_fail`:
    its own answers may be errors.
    """

    version: str
    tag: str
    title: str
    phases: tuple[str, ...]
    weights: tuple[int, ...] = ()
    cause: str = "tick"
    decision: str
    primary: str
    may_fail: bool = False
    seconds: float = 60

    @property
    def end(self) -> str:
        """The phase in which it ends."""
        return self.phases[-1]


ACTS = (
    Act(
        version="1.0.0",
        tag="1.0.0",
        title="1.0.0 serves; it gets a Canary, and must not lose a request",
        phases=("Initializing", "Initialized"),
        decision="the primary is ready",
        primary="1.0.0",
    ),
    Act(
        version="1.0.1",
        tag="1.0.1",
        title="1.0.1 is good and goes all the way",
        phases=("Progressing", "Promoting", "Finalising", "Succeeded"),
        weights=STEPS,
        decision="finish",
        primary="1.0.1",
    ),
    Act(
        version="1.0.2",
        tag="1.0.2-errors2",
        title="1.0.2 fails every 50th request: too few for the alert",
        phases=("Progressing", "Failed"),
        weights=STEPS,
        decision="roll back: failed checks threshold",
        primary="1.0.1",
        may_fail=True,
    ),
    Act(
        version="1.0.3",
        tag=f"1.0.3-slow{SLOW}",
        title="1.0.3 takes over a second to answer: the alert is faster",
        phases=("Progressing", "Failed"),
        weights=STEPS,
        cause="alert",
        decision=f"roll back: alert {LATENCY_ALERT}",
        primary="1.0.1",
    ),
)


def acts(patience: int) -> Sequence[Act]:
    """The story where limits of latency are so many times as high: the slow version is slower, by as much."""
    slow, slower = f"-slow{SLOW}", f"-slow{SLOW * patience}"
    title = f"takes {SLOW * patience / 1000:g} seconds"
    return [
        replace(act, tag=act.tag.replace(slow, slower), title=act.title.replace("takes over a second", title))
        if patience > 1
        else act
        for act in ACTS
    ]


def version_of(tag: str) -> str:
    """`1.0.2` of `1.0.2-errors2`."""
    return tag.partition("-")[0]


def namespace() -> Manifest:
    """Where the story takes place."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def deployment(tag: str) -> Manifest:
    """The target as its owner keeps it in git, without replicas: those are Serinus' from the bootstrap on."""
    container = {"name": APP, "image": f"{IMAGE}:{tag}", "ports": [{"name": "http", "containerPort": 9898}]}
    template = {"metadata": {"labels": {"app": APP}}, "spec": {"containers": [container]}}
    spec = {"selector": {"matchLabels": {"app": APP}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": _metadata(APP), "spec": spec}


def service() -> Manifest:
    """The Service that clients know, from before there was a Canary."""
    spec = {"selector": {"app": APP}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": _metadata(APP), "spec": spec}


def metric_template(prometheus: str) -> Manifest:
    """A metric of one's own: a version that nobody asks anything has not been tested."""
    query = (
        'sum(rate(istio_requests_total{reporter="destination",destination_workload_namespace="{{ namespace }}",'
        'destination_workload="{{ target }}"}[{{ interval }}]))'
    )
    spec = {"provider": {"type": "prometheus", "address": prometheus}, "query": query}
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "MetricTemplate",
        "metadata": _metadata("requests-per-second"),
        "spec": spec,
    }


def canary(patience: int = 1) -> Manifest:
    """The Canary, as one would write it for production; on a busy machine with a limit so many times as high."""
    metrics = [
        {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"},
        {"name": "request-duration", "thresholdRange": {"max": LIMIT * patience}, "interval": "1m"},
        {
            "name": "requests-per-second",
            "templateRef": {"name": "requests-per-second"},
            "thresholdRange": {"min": 1},
            "interval": "1m",
        },
    ]
    analysis = {
        "interval": "1m",
        "threshold": THRESHOLD,
        "stepWeight": STEP,
        "maxWeight": HIGHEST,
        "metrics": metrics,
    }
    spec = {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": APP},
        "service": {"port": 80, "portName": "http", "targetPort": "http"},
        "analysis": analysis,
    }
    return {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": _metadata(APP), "spec": spec}


def _metadata(name: str) -> Manifest:
    return {"name": name, "namespace": NAMESPACE}
