"""Canaries as they are found, for snapshots of all kinds."""

from dataclasses import replace
from typing import Any

from handlers.rollout.commands import ABORT, PAUSE, PROMOTE, RETRY
from handlers.rollout.freeze import FREEZE
from handlers.rollout.snapshot import Bounds, Snapshot
from handlers.rollout.spec.canary import FINALIZER, Canary
from handlers.rollout.state import Intent, Phase
from handlers.rollout.timing import DRAIN
from handlers.rollout.weights import Weights
from tests.rollout.examples import (
    NEW,
    NOW,
    a_canary,
    a_claim,
    a_primary,
    a_snapshot,
    a_state,
    a_target,
    seconds,
)

PROGRESSING, WAITING, PROMOTING, FINALISING = Phase.PROGRESSING, Phase.WAITING, Phase.PROMOTING, Phase.FINALISING
INITIALIZED, SUCCEEDED, FAILED = Phase.INITIALIZED, Phase.SUCCEEDED, Phase.FAILED
DELETING = replace(a_canary(), deleting=True)
SUSPENDED = a_canary(spec={"suspend": True})
SKIPPING = a_canary(spec={"skipAnalysis": True})
RETRIED = a_canary(annotations={RETRY: "1"})
JUST_NOW = NOW - seconds(5)
STRAY = Weights(70, 30)


def held(phase: Phase, intent: Intent, left: float = -1, revision: str = NEW, **fields: Any) -> Snapshot:
    """A canary whose claim has run out, or has this many seconds left."""
    known = a_state(phase, claim=a_claim(intent, left=left, revision=revision), weight=fields.pop("weight", 0))
    return a_snapshot(state=known, **fields)


def stepped_just_now(phase: Phase, **fields: Any) -> Snapshot:
    """A canary whose last step was five seconds ago."""
    others = {name: fields.pop(name) for name in ("target",) if name in fields}
    return a_snapshot(state=a_state(phase, stepped=JUST_NOW, **fields), **others)


def drained(ago: float) -> Snapshot:
    """A canary whose traffic was taken away so many seconds ago, and whose target somebody has scaled."""
    known = a_state(FAILED, waiting=DRAIN, stepped=NOW - seconds(ago))
    return a_snapshot(state=known, target=a_target(NEW, ours=False), routes=Weights(100, 0))


ELSEWHERE = replace(a_canary(), target_name="elsewhere")
STARTING = a_target(ready=False)
TEN, TEN_TOO = a_target(replicas=10, pods=10), a_primary(NEW, replicas=10, pods=10)
BOUNDS = Bounds(least=2, most=10)


GOING = replace(a_canary(), deleting=True, finalizers=(FINALIZER,))
ABORTING = a_canary(annotations={ABORT: "1"})
PROMOTED = a_canary(annotations={PROMOTE: "1"})
PAUSED = a_canary(annotations={PAUSE: "true"})
FROZEN = a_canary(annotations={FREEZE: "* * * * * 1h"})
FROZEN_PROMOTED = a_canary(annotations={FREEZE: "* * * * * 1h", PROMOTE: "1"})
PAUSED_ITERATING = a_canary(annotations={PAUSE: "true"}, iterations=3, stepWeight=0, maxWeight=0)
BOTH = {PROMOTE: "1", PAUSE: "true"}
MATCH = [{"headers": {"x-canary": {"exact": "insider"}}}]
BLUE_GREEN = a_canary(stepWeight=0, maxWeight=0, iterations=3)
AB = a_canary(stepWeight=0, maxWeight=0, iterations=3, match=MATCH)


def iterated(canary: Canary, count: int, *, phase: Phase = PROGRESSING, **fields: Any) -> Snapshot:
    """A canary that has come through this many iterations."""
    return a_snapshot(state=a_state(phase, iterations=count, **fields), canary=canary)


STANDING = a_snapshot(Phase.INITIALIZING, weight=100, primary=None)
LEFT = replace(a_snapshot(state=None, target=a_target()), inherited=a_state(PROGRESSING))
