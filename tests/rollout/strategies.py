"""Strategies that draw canaries, states and snapshots of all kinds."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st

from handlers.rollout.checks import Check, Finding, HookCheck, MetricCheck, Outcome, in_groups, settled
from handlers.rollout.commands import ABORT, PAUSE, PROMOTE, RETRY
from handlers.rollout.snapshot import Bounds, Options, Primary, Snapshot, Target
from handlers.rollout.spec.alerts import Severity
from handlers.rollout.spec.analysis import Analysis, Hook, Metric
from handlers.rollout.spec.canary import FINALIZER, Canary
from handlers.rollout.state import Claim, Intent, Kind, Message, Phase, State
from handlers.rollout.timing import DRAIN
from handlers.rollout.transition import Transition
from handlers.rollout.weights import Weights
from tests.rollout.examples import (
    MATCH,
    NEW,
    NEWER,
    NOW,
    OLD,
    PROMOTED_PHASES,
    RESTING,
    RUNNING,
    TICK,
    a_canary,
    a_firing,
    a_webhook,
    an_alert,
    seconds,
)

TIMES = st.integers(-7_200_000, 7_200_000).map(lambda ms: NOW + timedelta(milliseconds=ms))
"""Whole milliseconds, as states keep them."""
REVISIONS = st.sampled_from([OLD, NEW, NEWER])
WEIGHTS = st.integers(0, 100)
METRICS = st.sampled_from(
    [
        Metric(name="request-success-rate", window="1m", low=99.0),
        Metric(name="request-duration", window="1m", high=500.0),
        Metric(name="errors", window="1m", high=1.0, template=("test", "errors")),
        Metric(name="query", window="1m", high=1.0, query="vector(0)"),
    ]
)


@st.composite
def analyses(draw: st.DrawFn) -> Analysis:
    """Any analysis that `parse` lets through."""
    steps = sorted(draw(st.lists(st.integers(1, 100), max_size=6)))
    return Analysis(
        interval=seconds(draw(st.integers(10, 100))),
        threshold=draw(st.integers(1, 4)),
        max_weight=draw(WEIGHTS),
        step_weight=draw(st.integers(0 if steps else 1, 100)),
        step_weights=tuple(steps),
        step_weight_promotion=draw(WEIGHTS),
        metrics=tuple(draw(st.lists(METRICS, max_size=3))),
        webhooks=tuple(a_webhook(kind, kind.value) for kind in draw(st.lists(st.sampled_from(Hook), max_size=4))),
    )


def _canaries() -> list[Canary]:
    """One of each kind; drawn whole, for a snapshot has enough other parts to draw."""
    metrics = (Metric(name="request-success-rate", window="1m", low=99.0), Metric(name="q", window="1m", query="1"))
    webhooks = tuple(a_webhook(kind, kind.value) for kind in Hook)
    asking = replace(a_canary().analysis, metrics=metrics, webhooks=webhooks)
    plain = a_canary()
    kinds = [
        plain,
        a_canary(stepWeight=0, stepWeights=[5, 40, 90], maxWeight=70, stepWeightPromotion=30, threshold=1),
        replace(plain, analysis=asking),
        replace(plain, analysis=replace(asking, threshold=1)),
        a_canary(stepWeight=0, maxWeight=0, iterations=2, mirror=True),
        a_canary(stepWeight=0, maxWeight=0, iterations=2, match=MATCH, stepWeightPromotion=50),
        a_canary(mirror=True, sessionAffinity={"cookieName": "c", "primaryCookieName": "p"}),
    ]
    asked = ({ABORT: "1"}, {PROMOTE: "1"}, {PAUSE: "true"})
    going = [
        replace(kinds[0], deleting=True, finalizers=(FINALIZER,), revert_on_deletion=revert) for revert in (True, False)
    ]
    commanded = [replace(kinds[2], annotations=annotations) for annotations in asked]
    kinds += [*(replace(canary, annotations={RETRY: "1"}) for canary in kinds), *commanded, *going]
    skipping = [replace(canary, skip_analysis=True) for canary in (plain, kinds[2])]
    scaled = a_canary(spec={"autoscalerRef": {"kind": "ScaledObject", "name": "podinfo"}})
    return [*kinds, *skipping, scaled, replace(plain, deleting=True), replace(plain, suspend=True)]


CLAIMS = st.builds(
    Claim, nonce=st.sampled_from(["n.1", "mine.1"]), intent=st.sampled_from(Intent), revision=REVISIONS, until=TIMES
)
TRANSITIONS = st.builds(
    Transition,
    topic=st.text(),
    at=TIMES,
    weight=st.integers(0, 100),
    failed=st.integers(0, 9),
    severity=st.none() | st.sampled_from(Severity),
    checks=st.just(()) | st.just(({"metric": "m", "value": 0.5, "min": 1.0, "outcome": "failed"},)),
)
_CALLED = st.sampled_from(["", *(phase.value for phase in Phase)])
"""The text of a message about post-rollout webhooks."""
MESSAGES = st.sampled_from(Kind).flatmap(
    lambda kind: st.builds(
        Message,
        kind=st.just(kind),
        text=_CALLED if kind is Kind.POST_ROLLOUT else st.text(),
        phase=st.sampled_from(Phase),
        id=st.text(),
        revision=st.text(),
        transition=st.none() | TRANSITIONS,
        told=st.just(()) | st.just(("event/0/news", "sink")),
    )
)


_MAYBE = st.none() | TIMES
_SELDOM = st.sampled_from([False] * 7 + [True])


@st.composite
def decisive_states(draw: st.DrawFn) -> State:
    """Any state that a sequence of steps can leave behind, and many more; only what decisions look at."""
    phase = draw(st.sampled_from([*Phase, *RUNNING, Phase.PROGRESSING, Phase.PROGRESSING]))
    return State(
        seq=5,
        phase=phase,
        weight=0 if phase in RESTING else draw(WEIGHTS),
        mirrored=draw(st.booleans()),
        matched=draw(_SELDOM),
        iterations=draw(st.sampled_from([0, 0, 1, 2, 3])),
        failed=draw(st.sampled_from([0, 0, 1, 2])),
        revision=draw(REVISIONS),
        promoted=draw(REVISIONS),
        rest=draw(st.sampled_from([Phase.INITIALIZED, Phase.SUCCEEDED])),
        waiting=draw(st.sampled_from(["", "canary", "primary", "target", DRAIN, "webhook confirm-rollout"])),
        former=draw(st.sampled_from([(), (), (), ("deployments/podinfo|before",)])),
        replicas=draw(st.sampled_from([0, 1, 3])),
        floor=draw(st.sampled_from([0, 0, 2])),
        retried=draw(st.sampled_from(["", "1"])),
        held=draw(st.sampled_from(["", NEW])),
        seen=draw(st.sampled_from([{}, {ABORT: "1", PROMOTE: "1"}])),
        started=draw(st.sampled_from([NOW - seconds(600), NOW - seconds(600), NOW + seconds(1), None])),
        stepped=draw(st.sampled_from([NOW - seconds(9000), NOW - seconds(9000), NOW, None])),
        deadline=draw(_MAYBE),
        claim=draw(CLAIMS) if draw(_SELDOM) else None,
        alerts=draw(st.sampled_from([(), ("f/1",)])),
        firing=draw(st.sampled_from([(), (), (a_firing("f/1"),), (a_firing("f/3", holds=False, told=True),)])),
    )


@st.composite
def states(draw: st.DrawFn) -> State:
    """Any state, with all that is kept in it."""
    return replace(
        draw(decisive_states()),
        seq=draw(st.integers(0, 99)),
        cookie=draw(st.sampled_from(["", "c=abc"])),
        tell_after=draw(_MAYBE),
        outbox=tuple(draw(st.lists(MESSAGES, max_size=2))),
        observed=draw(st.dictionaries(st.text(), st.text(), max_size=3)),
        runs=draw(st.dictionaries(st.text(), st.integers(1, 99), max_size=3)),
    )


@st.composite
def targets(draw: st.DrawFn) -> Target:
    """Any target; a ready one has pods, one that is scaled to zero is not ready."""
    replicas, pods = draw(st.sampled_from([0, 1, 2, 2])), draw(st.sampled_from([0, 1, 2, 2]))
    ready = bool(replicas and pods) and not draw(_SELDOM)
    exceeded = not ready and draw(st.booleans())
    revision, ours = draw(REVISIONS), draw(st.booleans())
    found = Target(revision=revision, replicas=replicas, ready=ready, pods=pods, ours=ours, why="why")
    return replace(found, exceeded=exceeded, called=draw(_SELDOM))


@st.composite
def primaries(draw: st.DrawFn) -> Primary:
    """Any primary; a ready one has pods."""
    pods = draw(st.sampled_from([0, 1, 2, 2]))
    ready = bool(pods) and not draw(_SELDOM)
    exceeded = not ready and draw(st.booleans())
    found = Primary(promoted=draw(st.just("") | REVISIONS), ready=ready, pods=pods, exceeded=exceeded, why="why")
    stopped = not pods and draw(_SELDOM)
    return replace(found, replicas=0 if stopped else draw(st.sampled_from([1, 2, 3])), stopped=stopped)


ALERTS = st.builds(
    an_alert, key=st.sampled_from(["f/1", "f/3"]), began=st.sampled_from([NOW, None]), text=st.just("Slow")
)
CANARIES = st.sampled_from(_canaries())
ROUTES = st.builds(lambda canary, mirrored: Weights(100 - canary, canary, mirrored), WEIGHTS, st.booleans())


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Anything that can be gathered; what belongs together mostly does, or few would be in the middle of a run."""
    state = None if draw(_SELDOM) else draw(decisive_states())
    target = None if draw(_SELDOM) else draw(targets())
    primary = None if draw(_SELDOM) else draw(primaries())
    routes = draw(st.none() | ROUTES)
    if state and not draw(_SELDOM):
        routes = Weights(100 - state.weight, state.weight, state.mirrored, state.matched)
    if state and target and draw(st.booleans()):
        target = replace(target, revision=state.revision)
    if state and primary and draw(st.booleans()):
        primary = replace(primary, promoted=state.revision if state.phase in PROMOTED_PHASES else state.promoted)
    canary = draw(CANARIES)
    found = Snapshot(
        now=NOW,
        cause=draw(ALERTS) if draw(_SELDOM) else TICK,
        canary=canary,
        state=state,
        target=target,
        primary=primary,
        routes=routes,
        drift=draw(_SELDOM),
        scaler_missing=canary.autoscaler is not None and draw(_SELDOM),
        scaler_awake=canary.autoscaler is not None and draw(st.booleans()),
        copying=draw(_SELDOM),
        astray=draw(_SELDOM),
        mine=draw(st.sampled_from(["", "mine"])),
        options=Options(total=draw(st.booleans())),
    )
    return draw(_with_doubts(found))


@st.composite
def _with_doubts(draw: st.DrawFn, s: Snapshot) -> Snapshot:
    """The same, with what is seldom so: edits, moves, and pods that cannot do what is asked of them."""
    moved = bool(s.state and s.state.former)
    bounds = [None, Bounds(least=1, most=3), Bounds(least=1, most=0)]
    return replace(
        s,
        rerouted=draw(_SELDOM),
        mixed=draw(st.sampled_from([""] * 7 + ["other pods"])),
        destination=replace(s.canary, target_name="elsewhere") if draw(_SELDOM) else None,
        gap=draw(_SELDOM),
        bounds=draw(st.sampled_from(bounds)) if s.target else None,
        returns=draw(_SELDOM),
        left=moved and draw(st.booleans()),
        alike=moved and s.target is not None and s.primary is None and draw(st.booleans()),
    )


@st.composite
def answers(draw: st.DrawFn, checks: Sequence[Check]) -> tuple[Finding, ...]:
    """What asking these checks may find: each group in turn, until one settles it."""
    findings: list[Finding] = []
    for group in in_groups(checks):
        findings += [draw(_answer(check)) for check in group]
        if settled(findings):
            break
    return tuple(findings)


def _answer(check: Check) -> st.SearchStrategy[Finding]:
    if isinstance(check, HookCheck):
        outcomes = [Outcome.PASSED, Outcome.PASSED, Outcome.REFUSED, Outcome.NOT_YET, Outcome.ERROR]
    elif isinstance(check, MetricCheck):
        outcomes = [Outcome.PASSED, Outcome.PASSED, Outcome.FAILED, Outcome.NO_DATA, Outcome.ERROR]
    else:
        outcomes = [Outcome.PASSED, Outcome.ERROR]
    return st.builds(
        lambda outcome: Finding(
            check=check, outcome=outcome, value=1.0 if outcome is Outcome.FAILED else None, text="text"
        ),
        st.sampled_from(outcomes),
    )
