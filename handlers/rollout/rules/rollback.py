"""Back to the primary: by an alert, a hook, failed checks or a deadline. Once intended, nothing raises the weight."""

from dataclasses import replace

from handlers.rollout import commands
from handlers.rollout.actions import Route, ScaleUp
from handlers.rollout.checks import Findings
from handlers.rollout.decision import Decision, overdue, post_rollout, settle, stepped, waiting, warning
from handlers.rollout.hearing import heard
from handlers.rollout.rules.scaling import pods_go
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.state import ALERTS_KEPT, Intent, Message, Phase, State
from handlers.rollout.timing import DRAIN
from handlers.rollout.weights import FULL

HELD = "rollback"
"""What a state waits for whose rollback is held up."""


def as_it_is(s: Snapshot) -> Route:
    """The route that the state wants."""
    return Route(s.known.weight, s.known.mirrored, s.known.matched)


def roll_back(
    s: Snapshot, why: str, *, said: tuple[Message, ...] = (), findings: Findings = (), failed: int | None = None
) -> Decision:
    """Routes first, then Failed, then the target, with the next event (protocol rule 6). `failed`: the count to show on
    the way.

    While the canary carries traffic and the primary has no ready pod it is not begun: 503, and every event tries again.
    """
    count = s.known.failed if failed is None else failed
    if s.carried and not s.primary_can_serve:
        return _held(s, why, count, said, findings)
    revision = s.target.revision if s.target and s.known.phase is Phase.WAITING else s.known.revision
    state = _failed(s, revision)
    return Decision(
        told=f"roll back: {why}",
        intent=Intent.ROLLBACK,
        meanwhile=replace(s.known, failed=count, alerts=state.alerts, firing=state.firing),
        actions=(Route(0), *pods_go(s)),
        state=replace(state, waiting=DRAIN if s.reached else ""),
        reasons=said,
        messages=(warning(Phase.FAILED, f"Canary failed! Scaling down {s.name}"), _post_rollout(s)),
        findings=tuple(findings),
    )


def _post_rollout(s: Snapshot) -> Message:
    """Flagger tells the answers in the phase from before (scheduler.go, rollback and handleFailedPromotion)."""
    return post_rollout(Phase.FAILED, told_in=s.known.phase)


def _held(s: Snapshot, why: str, failed: int, said: tuple[Message, ...], findings: Findings) -> Decision:
    """Told once, however often it is asked for; who has begun to roll back keeps the claim that says so."""
    text = f"{s.name} is not rolled back ({why}): {s.primary_text} has no ready pod, the canary goes on serving"
    told = s.known.held == s.known.revision
    claim = s.known.claim if s.known.claim and s.known.claim.intent is Intent.ROLLBACK else None
    waiting_for = s.known.waiting if told else HELD
    return Decision(
        told=text,
        state=settle(s, claim=claim, failed=failed, waiting=waiting_for, held=s.known.revision),
        # the last that was to be said is that it is rolled back
        messages=() if told else (*said[:-1], warning(s.known.phase, text)),
        findings=tuple(findings),
        refused=text,
    )


def _failed(s: Snapshot, revision: str, weight: int = 0) -> State:
    return stepped(
        s,
        phase=Phase.FAILED,
        weight=weight,
        mirrored=False,
        iterations=0,
        failed=0,
        revision=revision,
        alerts=_alerts(s),
        firing=heard(s),
    )


def _alerts(s: Snapshot) -> tuple[str, ...]:
    seen = s.known.alerts
    return (*seen, s.cause.alert)[-ALERTS_KEPT:] if s.cause.alert and s.cause.alert not in seen else seen


def alerted(s: Snapshot, _: Findings) -> Decision:
    """A firing alert about this rollout: back, now."""
    text = f"Rolling back {s.name} alert {s.cause.text}"
    return roll_back(s, f"alert {s.cause.text}", said=(warning(s.known.phase, text),))


def too_late(s: Snapshot, _: Findings) -> Decision:
    """An alert after the copy: there is nothing to go back to, so it is told and promotion goes on (rule 11).

    A step under way keeps its claim: this only writes down that the alert was seen.
    """
    text = f"Alert {s.cause.text} is too late for {s.name}: {s.primary_text} already runs this revision"
    told = "too late: the primary already runs this revision"
    state = replace(s.known, alerts=_alerts(s), firing=heard(s))
    return Decision(told=told, state=state, messages=(warning(s.known.phase, text),), looked=False)


def aborted(s: Snapshot, _: Findings) -> Decision:
    """The user wants this run to end: back, now."""
    text = f"Rolling back {s.name} aborted by {commands.ABORT}: {commands.reason(s.canary.annotations)}"
    return roll_back(s, f"aborted: {commands.reason(s.canary.annotations)}", said=(warning(s.known.phase, text),))


def aborted_too_late(s: Snapshot, _: Findings) -> Decision:
    """An abort after the copy, as an alert after it: told once, and promotion goes on (rule 11)."""
    text = f"{commands.ABORT} is too late for {s.name}: {s.primary_text} already runs this revision"
    told = "too late to abort: the primary already runs this revision"
    state = replace(s.known, seen=commands.marks(s.canary.annotations))
    return Decision(told=told, state=state, messages=(warning(s.known.phase, text),))


def roll_forward(s: Snapshot, _: Findings) -> Decision:
    """A rollback was intended and its process died: do it again, under a claim of one's own."""
    return roll_back(s, "finish the rollback that was begun")


def threshold(s: Snapshot, _: Findings) -> Decision:
    """Failed checks already at the threshold: a rollback that had to wait, or a threshold that was lowered."""
    count = s.known.failed
    text = f"Rolling back {s.name} failed checks threshold reached {count}"
    return roll_back(s, f"failed checks threshold reached {count}", said=(warning(s.known.phase, text),))


def canary_not_ready(s: Snapshot, _: Findings) -> Decision:
    """Wait for the target's pods until the deadline, then go back."""
    assert s.target  # noqa: S101  the stage says so
    why = f"canary {s.canary.target.kind.name.lower()} {s.target_text} not ready: {s.target.why}"
    if s.carried and not s.target.pods and s.primary_can_serve:
        return _canary_lost(s, why)
    if overdue(s) or s.target.exceeded:
        text = f"Rolling back {s.name} progress deadline exceeded {why}"
        return roll_back(s, f"progress deadline exceeded, {why}", said=(warning(s.known.phase, text),))
    return waiting(s, "canary", why, told=why)


def _canary_lost(s: Snapshot, why: str) -> Decision:
    """Not one pod is left to take the canary's share: the primary takes it, and the analysis begins again later."""
    return Decision(
        told=f"route all traffic to the primary: {why}",
        intent=Intent.RESTART,
        actions=(Route(0), ScaleUp()),
        state=stepped(
            s,
            phase=Phase.PROGRESSING,
            weight=0,
            mirrored=False,
            iterations=0,
            waiting="canary",
            deadline=s.known.deadline or s.now + s.canary.progress_deadline,
        ),
        messages=(warning(s.known.phase, f"Routing all traffic to primary, {why}"),),
    )


def scaled_down(s: Snapshot, findings: Findings) -> Decision:
    """Somebody took the target's pods away in the middle of a rollout: give them back (protocol rule 15)."""
    if s.carried and s.primary_can_serve:
        return canary_not_ready(s, findings)
    return Decision(told="give the target its pods back", actions=(ScaleUp(),), state=settle(s))


def checks_failed(s: Snapshot, findings: Findings, said: tuple[Message, ...]) -> Decision:
    """Count a failed check; at the threshold go back in the same step."""
    count = s.known.failed + 1
    if count < s.canary.analysis.threshold:
        told = f"hold: failed check {count} of {s.canary.analysis.threshold}"
        return Decision(
            told=told,
            intent=Intent.RAISE,
            actions=(as_it_is(s),),
            state=stepped(s, failed=count),
            messages=said,
            findings=tuple(findings),
        )
    text = f"Rolling back {s.name} failed checks threshold reached {count}"
    said = (*said, warning(s.known.phase, text))
    return roll_back(s, f"failed checks threshold reached {count}", said=said, findings=findings, failed=count)


def promotion_failed(s: Snapshot, why: str) -> Decision:
    """The primary failed on the new revision: the canary is the healthy copy and goes on serving.

    With ready pods it takes all traffic (scheduler.go, handleFailedPromotion); without, routes stay as they are.
    """
    text = f"Promotion of {s.target_text} failed, primary not ready: {why}"
    weight = FULL if s.canary_ready else s.known.weight
    return Decision(
        told=f"promotion failed, the canary keeps serving: {why}",
        intent=Intent.FAIL,
        actions=(Route(weight),) if s.canary_ready else (),
        state=replace(
            _failed(s, s.known.revision, weight), waiting="primary", matched=s.known.matched and not s.canary_ready
        ),
        messages=(warning(s.known.phase, text), _post_rollout(s)),
    )
