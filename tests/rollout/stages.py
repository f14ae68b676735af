"""Snapshots, each with the stage that it is in."""

from dataclasses import replace
from typing import Any

from handlers.rollout.commands import ABORT, PAUSE, PROMOTE, RETRY
from handlers.rollout.freeze import FREEZE
from handlers.rollout.snapshot import Bounds, Snapshot
from handlers.rollout.spec.canary import FINALIZER, Canary
from handlers.rollout.stage import Stage
from handlers.rollout.state import Intent, Phase
from handlers.rollout.timing import DRAIN
from handlers.rollout.weights import Weights
from tests.rollout.examples import (
    NEW,
    NEWER,
    NOW,
    OLD,
    a_canary,
    a_claim,
    a_primary,
    a_resting_target,
    a_snapshot,
    a_state,
    a_target,
    an_alert,
    lost,
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


LEFT = replace(a_snapshot(state=None, target=a_target()), inherited=a_state(PROGRESSING))
CASES = [
    (Stage.DELETED, "deletion comes before all", a_snapshot(canary=DELETING)),
    (Stage.DELETED, "also before alerts", a_snapshot(canary=DELETING, cause=an_alert())),
    (Stage.BUSY, "somebody's claim is live", held(PROGRESSING, Intent.RAISE, left=1)),
    (Stage.BUSY, "also while suspended", held(PROGRESSING, Intent.RAISE, left=1, canary=SUSPENDED)),
    (Stage.NEXT_STEP, "a claim has run out", held(PROGRESSING, Intent.RAISE, left=0, weight=10)),
    (Stage.NEXT_STEP, "the claim is ours", held(PROGRESSING, Intent.RAISE, left=9, weight=10, mine="n")),
    (Stage.ROLLING_BACK, "a rollback was begun", held(PROGRESSING, Intent.ROLLBACK)),
    (Stage.ROLLING_BACK, "suspended or not", held(PROGRESSING, Intent.ROLLBACK, canary=SUSPENDED)),
    (Stage.ROLLING_BACK, "target or not", held(PROGRESSING, Intent.ROLLBACK, target=None)),
    (Stage.SUSPENDED, "suspended", a_snapshot(canary=SUSPENDED)),
    (Stage.SUSPENDED, "with a claim that has run out", held(PROGRESSING, Intent.PROMOTE, canary=SUSPENDED)),
    (Stage.COPIED, "the primary carries what was claimed", held(PROGRESSING, Intent.PROMOTE, primary=a_primary(NEW))),
    (
        Stage.COPIED,
        "target or not",
        held(PROGRESSING, Intent.PROMOTE, primary=a_primary(NEW), target=None),
    ),
    (Stage.COPYING, "configs were copied", held(PROGRESSING, Intent.PROMOTE, copying=True)),
    (Stage.COPYING, "and their like is kept", held(PROGRESSING, Intent.PROMOTE, copying=True, astray=True)),
    (
        Stage.ASTRAY,
        "configs were copied, and somebody pushed",
        held(PROGRESSING, Intent.PROMOTE, astray=True, target=a_target(NEWER)),
    ),
    (Stage.ASTRAY, "somebody took the claim away", held(PROGRESSING, Intent.RAISE, copying=True, astray=True)),
    (Stage.ASTRAY, "at rest", a_snapshot(FAILED, astray=True, target=a_resting_target(NEWER))),
    (Stage.SUSPENDED, "with configs astray", a_snapshot(FAILED, astray=True, canary=SUSPENDED)),
    (Stage.BOOTSTRAP, "with configs of nobody knows what", a_snapshot(state=None, astray=True)),
    (Stage.FIRST_STEP, "configs are newer by chance", held(PROGRESSING, Intent.RAISE, copying=True)),
    (
        Stage.REVERTED,
        "configs were copied, and the target went back",
        held(PROGRESSING, Intent.PROMOTE, copying=True, target=a_target(OLD)),
    ),
    (Stage.FIRST_STEP, "a copy was claimed and not made", held(PROGRESSING, Intent.PROMOTE)),
    (Stage.TARGET_MISSING, "no target", a_snapshot(target=None)),
    (Stage.TARGET_MISSING, "nor a state", a_snapshot(state=None, target=None)),
    (Stage.BOOTSTRAP, "nobody has looked yet", a_snapshot(state=None)),
    (Stage.BOOTSTRAP, "Initializing", a_snapshot(Phase.INITIALIZING)),
    (Stage.AT_REST, "Initialized", a_snapshot(INITIALIZED)),
    (Stage.AT_REST, "Succeeded", a_snapshot(SUCCEEDED)),
    (Stage.AT_REST, "Failed, the target unchanged", a_snapshot(FAILED)),
    (Stage.AT_REST, "Failed, the target reverted", a_snapshot(FAILED, target=a_resting_target(OLD))),
    (Stage.AT_REST, "an outsider's replicas, which it has", a_snapshot(SUCCEEDED, target=a_target(OLD, ours=False))),
    (
        Stage.ASKED_FOR,
        "an outsider's replicas, and other ones",
        a_snapshot(SUCCEEDED, target=a_target(OLD, ours=False, replicas=4)),
    ),
    (
        Stage.AT_REST,
        "asked for again and again",
        a_snapshot(state=a_state(SUCCEEDED, replicas=4), target=a_target(OLD, ours=False, replicas=4)),
    ),
    (
        Stage.AT_REST,
        "of what has failed",
        a_snapshot(state=a_state(FAILED, revision=NEW), target=a_target(NEW, ours=False, replicas=4)),
    ),
    (Stage.ADRIFT, "pods to take away, whoever scaled them", drained(10)),
    (Stage.AT_REST, "not before every mesh has heard", drained(5)),
    (Stage.MOVING, "the spec names another target", a_snapshot(SUCCEEDED, destination=ELSEWHERE)),
    (Stage.MOVING, "whatever it shows", a_snapshot(FAILED, destination=ELSEWHERE, target=None)),
    (Stage.MOVING, "before it is made", a_snapshot(Phase.INITIALIZING, destination=ELSEWHERE)),
    (Stage.MOVING_ON, "in a run", a_snapshot(PROGRESSING, weight=10, destination=ELSEWHERE)),
    (Stage.MOVING_ON, "while it waits", a_snapshot(WAITING, destination=ELSEWHERE)),
    (Stage.PROMOTING, "a run that is all but over ends", a_snapshot(PROMOTING, weight=50, destination=ELSEWHERE)),
    (
        Stage.HOLDING,
        "while the canary serves",
        a_snapshot(state=a_state(FAILED, weight=100, promoted=NEW), destination=ELSEWHERE),
    ),
    (Stage.MOVED, "something is left", a_snapshot(state=a_state(SUCCEEDED, former=("deployments/a|a",)))),
    (
        Stage.AT_REST,
        "it may still be heard of",
        a_snapshot(state=a_state(SUCCEEDED, former=("deployments/a|a",), waiting=DRAIN, stepped=JUST_NOW)),
    ),
    (Stage.AT_REST, "a retry that was made", a_snapshot(state=a_state(FAILED, retried="1"), canary=RETRIED)),
    (Stage.AT_REST, "a retry of what did not fail", a_snapshot(SUCCEEDED, canary=RETRIED)),
    (Stage.ADRIFT, "routes astray", a_snapshot(SUCCEEDED, routes=STRAY)),
    (Stage.ADRIFT, "routes that mirror", a_snapshot(SUCCEEDED, routes=Weights(100, 0, mirrored=True))),
    (Stage.ADRIFT, "no route at all", a_snapshot(SUCCEEDED, routes=None)),
    (Stage.ADRIFT, "our replicas left", a_snapshot(SUCCEEDED, target=a_target(OLD))),
    (Stage.ADRIFT, "an object changed", a_snapshot(SUCCEEDED, drift=True)),
    (Stage.ADRIFT, "in Failed too", a_snapshot(FAILED, routes=STRAY)),
    (Stage.AT_REST, "astray, and nobody else serves", a_snapshot(SUCCEEDED, routes=STRAY, primary=a_primary(**lost()))),
    (
        Stage.AT_REST,
        "our replicas left, and nobody else serves",
        a_snapshot(SUCCEEDED, target=a_target(OLD), primary=a_primary(**lost())),
    ),
    (Stage.ADRIFT, "an object changed, no pods", a_snapshot(SUCCEEDED, drift=True, primary=a_primary(**lost()))),
    (Stage.PRIMARY_MISSING, "no primary", a_snapshot(SUCCEEDED, primary=None)),
    (Stage.PRIMARY_MISSING, "nor after a failure", a_snapshot(FAILED, primary=None)),
    (
        Stage.PRIMARY_MISSING,
        "nor after a failed promotion",
        a_snapshot(state=a_state(FAILED, weight=100, promoted=NEW), primary=None),
    ),
    (Stage.SCALER_MISSING, "nobody has looked yet", a_snapshot(state=None, scaler_missing=True)),
    (Stage.SCALER_MISSING, "Initializing", a_snapshot(Phase.INITIALIZING, scaler_missing=True)),
    (Stage.SCALER_MISSING, "at rest", a_snapshot(SUCCEEDED, scaler_missing=True)),
    (Stage.SCALER_MISSING, "a push", a_snapshot(SUCCEEDED, target=a_resting_target(NEW), scaler_missing=True)),
    (Stage.ADRIFT, "drift goes first", a_snapshot(SUCCEEDED, drift=True, scaler_missing=True)),
    (Stage.FIRST_STEP, "what is under way goes on", a_snapshot(PROGRESSING, scaler_missing=True)),
    (Stage.ADRIFT, "the target's scaler would scale it", a_snapshot(SUCCEEDED, scaler_awake=True)),
    (
        Stage.AT_REST,
        "it would, and nobody else serves",
        a_snapshot(SUCCEEDED, scaler_awake=True, primary=a_primary(**lost())),
    ),
    (Stage.NEW_REVISION, "a push at rest", a_snapshot(SUCCEEDED, target=a_resting_target(NEW))),
    (Stage.NEW_REVISION, "a push in Failed", a_snapshot(FAILED, target=a_resting_target(NEWER))),
    (Stage.NEW_REVISION, "a push, no primary", a_snapshot(SUCCEEDED, target=a_resting_target(NEW), primary=None)),
    (Stage.NEW_REVISION, "a retry", a_snapshot(FAILED, canary=RETRIED)),
    (Stage.WAITING, "an interval later", a_snapshot(WAITING, target=a_resting_target(NEW))),
    (
        Stage.NOT_DUE,
        "not yet",
        a_snapshot(state=a_state(WAITING, stepped=JUST_NOW), target=a_resting_target(NEW)),
    ),
    (Stage.REVERTED, "a push back while waiting", a_snapshot(WAITING)),
    (Stage.REVERTED, "a push back mid-run", a_snapshot(PROGRESSING, weight=20, target=a_target(OLD))),
    (Stage.REVERTED, "while it waits", a_snapshot(Phase.WAITING_PROMOTION, weight=50, target=a_target(OLD))),
    (
        Stage.PUSHED,
        "a push back that nobody could take over from",
        a_snapshot(PROGRESSING, weight=20, target=a_target(OLD), primary=a_primary(**lost())),
    ),
    (
        Stage.REVERTED,
        "a push back with nothing to take over",
        a_snapshot(PROGRESSING, target=a_target(OLD), primary=a_primary(**lost())),
    ),
    (Stage.PUSHED, "another push mid-run", a_snapshot(PROGRESSING, weight=20, target=a_target(NEWER))),
    (Stage.PUSHED, "before anything else", a_snapshot(PROGRESSING, target=a_resting_target(NEWER))),
    (Stage.PUSHED, "while promoting", a_snapshot(PROMOTING, weight=50, target=a_target(NEWER))),
    (Stage.PUSHED, "the old one while promoting", a_snapshot(PROMOTING, weight=50, target=a_target(OLD))),
    (Stage.PUSHED, "while finalising", a_snapshot(FINALISING, target=a_target(NEWER))),
    (Stage.PUSHED, "somebody put the old primary back", a_snapshot(PROMOTING, primary=a_primary(OLD))),
    (Stage.SCALED_DOWN, "no replicas", a_snapshot(PROGRESSING, target=a_resting_target(NEW))),
    (Stage.CANARY_NOT_READY, "no pods yet", a_snapshot(PROGRESSING, target=a_target(**lost()))),
    (
        Stage.CANARY_NOT_READY,
        "before the threshold",
        a_snapshot(state=a_state(failed=9), target=a_target(**lost())),
    ),
    (Stage.STARTING, "some pods serve", a_snapshot(weight=10, target=a_target(ready=False))),
    (Stage.CANARY_NOT_READY, "not one serves", a_snapshot(weight=10, target=a_target(**lost()))),
    (Stage.CANARY_NOT_READY, "within the interval", stepped_just_now(PROGRESSING, weight=10, target=STARTING)),
    (
        Stage.CANARY_NOT_READY,
        "too late",
        a_snapshot(state=a_state(weight=10, deadline=NOW), target=a_target(ready=False)),
    ),
    (
        Stage.THRESHOLD,
        "of those that serve",
        a_snapshot(state=a_state(weight=10, failed=2), target=a_target(ready=False)),
    ),
    (Stage.THRESHOLD, "failed checks", a_snapshot(state=a_state(failed=2, stepped=JUST_NOW))),
    (Stage.NOT_DUE, "one failed check is not enough", stepped_just_now(PROGRESSING, failed=1)),
    (Stage.NOT_DUE, "within the interval", stepped_just_now(PROGRESSING, weight=10)),
    (Stage.SKIP_ANALYSIS, "skipAnalysis", a_snapshot(PROGRESSING, canary=SKIPPING)),
    (Stage.SKIP_ANALYSIS, "the primary is what it repairs", a_snapshot(canary=SKIPPING, primary=a_primary(**lost()))),
    (Stage.PRIMARY_NOT_READY, "a pod of the primary is missing", a_snapshot(primary=a_primary(ready=False))),
    (Stage.PRIMARY_NOT_READY, "all of them, and none to compare", a_snapshot(primary=a_primary(**lost()))),
    (
        Stage.FIRST_STEP,
        "only a promotion can repair the primary",
        a_snapshot(primary=a_primary(exceeded=True, **lost())),
    ),
    (Stage.LAST_STEP, "and it is repaired", a_snapshot(weight=50, primary=a_primary(exceeded=True, ready=False))),
    (Stage.NEXT_STEP, "or made again", a_snapshot(weight=10, primary=None)),
    (Stage.PRIMARY_NOT_READY, "or lowered to, which", a_snapshot(weight=10, primary=None, routes=STRAY)),
    (Stage.FIRST_STEP, "nothing on the canary yet", a_snapshot(PROGRESSING)),
    (Stage.FIRST_STEP, "routes astray or not", a_snapshot(PROGRESSING, routes=STRAY)),
    (Stage.NEXT_STEP, "something on it", a_snapshot(PROGRESSING, weight=10)),
    (Stage.MIRRORED, "a mirror is something", a_snapshot(state=a_state(mirrored=True))),
    (Stage.FIRST_ITERATION, "nothing on the canary yet", a_snapshot(canary=BLUE_GREEN)),
    (Stage.FIRST_ITERATION, "nothing matched yet", a_snapshot(canary=AB)),
    (Stage.NEXT_ITERATION, "counted", iterated(BLUE_GREEN, 2)),
    (Stage.NEXT_ITERATION, "mirrored", iterated(BLUE_GREEN, 0, mirrored=True)),
    (Stage.NEXT_ITERATION, "begun by weights", iterated(BLUE_GREEN, 0, weight=40)),
    (Stage.NEXT_ITERATION, "A/B", iterated(AB, 2, weight=100, matched=True)),
    (Stage.NEXT_ITERATION, "a match was added and not tested", iterated(AB, 3)),
    (Stage.SWITCH, "all counted", iterated(BLUE_GREEN, 3)),
    (Stage.SWITCH, "iterations were lowered", iterated(BLUE_GREEN, 9)),
    (Stage.SWITCH, "the gate is asked again", iterated(BLUE_GREEN, 3, phase=Phase.WAITING_PROMOTION)),
    (Stage.LAST_ITERATION, "the canary has all", iterated(BLUE_GREEN, 4, weight=100)),
    (Stage.LAST_ITERATION, "A/B", iterated(AB, 3, weight=100, matched=True)),
    (Stage.LAST_ITERATION, "A/B, iterations were lowered", iterated(AB, 9, weight=100, matched=True)),
    (Stage.FIRST_STEP, "iterations were removed", iterated(a_canary(), 2)),
    (Stage.FIRST_STEP, "while it waited", iterated(a_canary(), 3, phase=Phase.WAITING_PROMOTION)),
    (Stage.UNMATCHED, "match was removed", iterated(a_canary(), 2, weight=100, matched=True)),
    (Stage.UNMATCHED, "at once", iterated(BLUE_GREEN, 2, weight=100, matched=True, stepped=JUST_NOW)),
    (Stage.LAST_STEP, "the highest weight", a_snapshot(PROGRESSING, weight=50)),
    (Stage.LAST_STEP, "maxWeight was lowered", a_snapshot(PROGRESSING, weight=80)),
    (Stage.WAITING_PROMOTION, "the gate is asked again", a_snapshot(Phase.WAITING_PROMOTION, weight=50)),
    (Stage.NOT_DUE, "but only each interval", stepped_just_now(Phase.WAITING_PROMOTION, weight=50)),
    (Stage.PROMOTING, "the primary is ready", a_snapshot(PROMOTING, weight=50)),
    (Stage.NOT_DUE, "one promotion step each interval", stepped_just_now(PROMOTING, weight=50)),
    (Stage.CROWDED, "ten pods carry it, two would", a_snapshot(PROMOTING, weight=50, target=TEN, bounds=BOUNDS)),
    (Stage.PROMOTING, "ten would", a_snapshot(PROMOTING, weight=50, target=TEN, bounds=BOUNDS, primary=TEN_TOO)),
    (Stage.PROMOTING, "the least says nothing", a_snapshot(PROMOTING, weight=50, bounds=BOUNDS)),
    (Stage.PROMOTION_STUCK, "not ready", a_snapshot(PROMOTING, weight=50, primary=a_primary(NEW, ready=False))),
    (Stage.PROMOTION_STUCK, "gone", a_snapshot(PROMOTING, weight=50, primary=None)),
    (Stage.PROMOTION_STUCK, "after the shift", a_snapshot(FINALISING, primary=a_primary(NEW, **lost()))),
    (Stage.PROMOTING, "the canary stepped in", a_snapshot(FINALISING, weight=100)),
    (Stage.FINALISING, "the last step", a_snapshot(FINALISING)),
    (Stage.NOT_DUE, "an interval after the shift", stepped_just_now(FINALISING)),
    (Stage.HOLDING, "the canary serves", a_snapshot(state=a_state(FAILED, weight=100, promoted=NEW))),
    (Stage.HOLDING, "retry or not", a_snapshot(state=a_state(FAILED, weight=100, promoted=NEW), canary=RETRIED)),
    (
        Stage.NEW_REVISION,
        "a push while it serves",
        a_snapshot(state=a_state(FAILED, weight=100, promoted=NEW), target=a_target(NEWER)),
    ),
    (Stage.TERMINATING, "our finalizer", a_snapshot(PROGRESSING, weight=10, canary=GOING)),
    (Stage.TERMINATING, "an alert is late", a_snapshot(PROGRESSING, weight=10, canary=GOING, cause=an_alert())),
    (Stage.TERMINATING, "nobody has looked yet", a_snapshot(state=None, canary=GOING)),
    (Stage.BUSY, "a step is under way", a_snapshot(state=a_state(claim=a_claim(left=9)), canary=GOING)),
    (Stage.BOOTSTRAP, "out of a backup", a_snapshot(state=a_state(Phase.TERMINATING))),
    (Stage.TAKEN_OVER, "left by Flagger", LEFT),
    (Stage.TAKEN_OVER, "due or not", replace(LEFT, inherited=a_state(stepped=JUST_NOW))),
    (Stage.SUSPENDED, "left, and suspended", replace(LEFT, canary=SUSPENDED)),
    (Stage.ALERTED, "an alert comes first", replace(LEFT, cause=an_alert())),
    (Stage.FIRST_STEP, "it was taken over", replace(LEFT, state=a_state(PROGRESSING))),
    (Stage.ABORTED, "an abort", a_snapshot(PROGRESSING, weight=10, canary=ABORTING)),
    (Stage.ABORTED, "of what waits", a_snapshot(WAITING, target=a_resting_target(NEW), canary=ABORTING)),
    (Stage.ABORTED, "while paused", a_snapshot(PROGRESSING, canary=replace(ABORTING, suspend=True))),
    (Stage.ABORTED, "over a live step", a_snapshot(state=a_state(claim=a_claim(left=9)), canary=ABORTING)),
    (Stage.BUSY, "a start", a_snapshot(state=a_state(WAITING, claim=a_claim(left=9)), canary=ABORTING)),
    (Stage.BUSY, "going back", a_snapshot(state=a_state(claim=a_claim(Intent.ROLLBACK, left=9)), canary=ABORTING)),
    (Stage.ROLLING_BACK, "it died", a_snapshot(state=a_state(claim=a_claim(Intent.ROLLBACK)), canary=ABORTING)),
    (Stage.FIRST_STEP, "an abort from before", a_snapshot(state=a_state(seen={ABORT: "1"}), canary=ABORTING)),
    (Stage.AT_REST, "nothing to abort", a_snapshot(SUCCEEDED, canary=ABORTING)),
    (Stage.ABORTED_TOO_LATE, "an abort while promoting", a_snapshot(PROMOTING, weight=50, canary=ABORTING)),
    (Stage.APPROVED, "promote", a_snapshot(WAITING, target=a_resting_target(NEW), canary=PROMOTED)),
    (Stage.PROMOTE_NOW, "due or not", a_snapshot(state=a_state(stepped=JUST_NOW), canary=PROMOTED)),
    (Stage.CANARY_NOT_READY, "not yet", a_snapshot(PROGRESSING, target=a_target(**lost()), canary=PROMOTED)),
    (Stage.PROMOTE_NOW, "though paused", a_snapshot(canary=replace(PROMOTED, annotations=BOTH))),
    (Stage.ON_HOLD, "a pause", a_snapshot(INITIALIZED, target=a_resting_target(NEW), canary=PAUSED)),
    (Stage.ADRIFT, "drift heals", a_snapshot(INITIALIZED, target=a_target(NEW), canary=PAUSED)),
    (
        Stage.HOLDING,
        "the canary serves, whatever is pushed",
        a_snapshot(state=a_state(FAILED, weight=100, promoted=NEW), target=a_target(NEWER), canary=PAUSED),
    ),
    (Stage.HELD_EARLY, "paused at 0", a_snapshot(PROGRESSING, canary=PAUSED)),
    (Stage.HELD_EARLY, "paused in Waiting", a_snapshot(WAITING, target=a_resting_target(NEW), canary=PAUSED)),
    (Stage.HELD, "paused in the middle", a_snapshot(PROGRESSING, weight=20, canary=PAUSED)),
    (Stage.HELD_EARLY, "paused before it iterates", a_snapshot(PROGRESSING, canary=PAUSED_ITERATING)),
    (Stage.HELD, "paused between", a_snapshot(state=a_state(iterations=1), canary=PAUSED_ITERATING)),
    (Stage.HELD, "paused before the switch", a_snapshot(state=a_state(iterations=3), canary=PAUSED_ITERATING)),
    (Stage.HELD, "paused at the end", a_snapshot(PROGRESSING, weight=50, canary=PAUSED)),
    (Stage.ON_HOLD, "a freeze", a_snapshot(INITIALIZED, target=a_resting_target(NEW), canary=FROZEN)),
    (Stage.HELD, "frozen in the middle", a_snapshot(PROGRESSING, weight=20, canary=FROZEN)),
    (Stage.HELD, "against a command", a_snapshot(PROGRESSING, weight=20, canary=FROZEN_PROMOTED)),
    (Stage.HELD_EARLY, "against one at 0", a_snapshot(PROGRESSING, canary=FROZEN_PROMOTED)),
    (Stage.HELD_EARLY, "or an approval", a_snapshot(WAITING, target=a_resting_target(NEW), canary=FROZEN_PROMOTED)),
    (Stage.THRESHOLD, "but not a rollback", a_snapshot(state=a_state(failed=2), canary=PAUSED)),
    (Stage.PROMOTING, "nor what is promoted", a_snapshot(PROMOTING, weight=50, canary=PAUSED)),
]
