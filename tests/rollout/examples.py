"""Small canaries, states and snapshots for tables."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from handlers.rollout.checks import Finding, HookCheck, MetricCheck, Outcome
from handlers.rollout.firing import Firing
from handlers.rollout.snapshot import Cause, CauseKind, Primary, Snapshot, Target
from handlers.rollout.spec import canary as canaries
from handlers.rollout.spec.analysis import Hook, Metric, Webhook
from handlers.rollout.spec.canary import Canary
from handlers.rollout.state import Claim, Intent, Phase, State
from handlers.rollout.weights import Weights

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
OLD, NEW, NEWER = "1-old", "1-new", "1-newer"
MATCH = [{"headers": {"x-canary": {"exact": "insider"}}}]
TICK = Cause(kind=CauseKind.TICK)
PROMOTED_PHASES = (Phase.PROMOTING, Phase.FINALISING)
RESTING = (Phase.INITIALIZING, Phase.INITIALIZED, Phase.SUCCEEDED)
RUNNING = (Phase.PROGRESSING, Phase.WAITING_PROMOTION, *PROMOTED_PHASES)


def seconds(number: float) -> timedelta:
    """A short timedelta."""
    return timedelta(seconds=number)


def canary_object(*, annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A Canary as the API server shows it: the smallest valid one, and these parts of its spec."""
    analysis = {"interval": "60s", "threshold": 2, "maxWeight": 50, "stepWeight": 10}
    return {
        "metadata": {
            "namespace": "test",
            "name": "podinfo",
            "uid": "u-1",
            "generation": 3,
            "annotations": annotations or {},
        },
        "spec": {
            "targetRef": {"kind": "Deployment", "name": "podinfo"},
            "service": {"port": 9898},
            "analysis": analysis,
            **spec,
        },
    }


def a_canary(
    *, spec: dict[str, Any] | None = None, annotations: dict[str, str] | None = None, **analysis: Any
) -> Canary:
    """A Canary: interval 60 s, threshold 2, steps of 10 up to 50, and these changes to its analysis."""
    obj = canary_object(annotations=annotations, **(spec or {}))
    obj["spec"]["analysis"] |= analysis
    return canaries.parse(obj)


def a_webhook(kind: Hook, name: str = "hook") -> Webhook:
    """A webhook of one type."""
    return Webhook(type=kind, name=name, url="http://hooks.test/")


def with_webhooks(*kinds: Hook) -> Canary:
    """A Canary with one webhook of each of these types, named after its type."""
    canary = a_canary()
    hooks = tuple(a_webhook(kind, kind.value) for kind in kinds)
    return replace(canary, analysis=replace(canary.analysis, webhooks=hooks))


def answered(kind: Hook, outcome: Outcome, text: str = "", name: str = "hook") -> Finding:
    """What a webhook answered."""
    return Finding(check=HookCheck(a_webhook(kind, name), Phase.PROGRESSING), outcome=outcome, text=text)


def measured(metric: Metric, outcome: Outcome, value: float | None = None, text: str = "") -> Finding:
    """What a metric showed."""
    return Finding(check=MetricCheck(metric), outcome=outcome, value=value, text=text)


def a_claim(intent: Intent = Intent.RAISE, *, left: float = -1, revision: str = NEW, nonce: str = "n.1") -> Claim:
    """A claim with this many seconds left; by default it has run out."""
    return Claim(nonce=nonce, intent=intent, revision=revision, until=NOW + seconds(left))


def a_state(phase: Phase = Phase.PROGRESSING, **fields: Any) -> State:
    """A state in this phase, whose last step was an interval ago."""
    promoted = NEW if phase in PROMOTED_PHASES else OLD
    return State(
        **{
            "seq": 5,
            "phase": phase,
            "revision": OLD if phase in (*RESTING, Phase.WAITING) else NEW,
            "promoted": promoted,
            "started": NOW - seconds(600),
            "stepped": NOW - seconds(60),
            **fields,
        }
    )


def a_target(revision: str = NEW, **fields: Any) -> Target:
    """A target that runs two ready pods."""
    return Target(**{"revision": revision, "replicas": 2, "ready": True, "pods": 2, "ours": True, **fields})


def a_resting_target(revision: str = OLD, **fields: Any) -> Target:
    """A target without pods, scaled down by us."""
    return a_target(revision, **{"replicas": 0, "ready": False, "pods": 0, **fields})


def lost(why: str = "0 of 2 updated replicas are available", **fields: Any) -> dict[str, Any]:
    """The fields of a workload without any ready pod."""
    return {"ready": False, "pods": 0, "why": why, **fields}


def a_primary(promoted: str = OLD, **fields: Any) -> Primary:
    """A primary with two ready pods."""
    return Primary(**{"promoted": promoted, "ready": True, "pods": 2, "replicas": 2, **fields})


def a_snapshot(phase: Phase = Phase.PROGRESSING, /, **fields: Any) -> Snapshot:
    """A canary in this phase, with all around it as it should be; `weight` stands for state and routes alike."""
    weight = fields.pop("weight", 0)
    state: State | None = fields.pop("state", a_state(phase, weight=weight))
    known = state or State()
    resting = known.phase in (*RESTING, Phase.FAILED, Phase.WAITING) and not known.weight
    target = a_resting_target(known.revision or NEW) if resting else a_target(known.revision)
    return Snapshot(
        **{
            "now": NOW,
            "cause": TICK,
            "canary": a_canary(),
            "state": state,
            "target": target,
            "primary": a_primary(known.promoted),
            "routes": Weights(100 - known.weight, known.weight),
            **fields,
        }
    )


def a_firing(key: str = "f/1", *, ago: float = 60, heard: float = 0, **fields: Any) -> Firing:
    """An alert that is known to fire: since when and when it was last heard, in seconds ago."""
    times = {"since": NOW - seconds(ago), "heard": NOW - seconds(heard)}
    return Firing(**{"key": key, "name": "HighErrorRate", **times, **fields})


def an_alert(*, key: str = "f/1", began: datetime | None = NOW, text: str = "HighErrorRate") -> Cause:
    """A firing alert that names the canary."""
    return Cause(kind=CauseKind.ALERT, alert=key, alert_started=began, text=text)
