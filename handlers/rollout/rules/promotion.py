"""From the copy to the primary until the rollout is over; traffic moves only to a primary that is ready."""

from dataclasses import replace

from handlers.rollout import facts
from handlers.rollout.actions import Route, ScalePrimary, ScaleToZero
from handlers.rollout.checks import Findings
from handlers.rollout.decision import (
    Decision,
    counted,
    normal,
    nothing,
    overdue,
    post_rollout,
    settle,
    stepped,
    waiting,
    warning,
)
from handlers.rollout.rules.rollback import promotion_failed
from handlers.rollout.rules.scaling import scaler
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.state import Intent, Phase
from handlers.rollout.weights import FULL, Weights, after_promotion_step
from handlers.rollout.wording import copying


def copied(s: Snapshot, _: Findings) -> Decision:
    """A copy was intended, its process died, and the primary carries it: go on from there (protocol rule 7)."""
    assert s.known.claim  # noqa: S101  the stage says so
    return Decision(
        told="the copy to the primary was made, go on from there",
        intent=Intent.PROMOTE,
        state=stepped(
            s,
            phase=Phase.PROMOTING,
            failed=counted(s),  # all checks had passed
            promoted=s.known.claim.revision,
            deadline=s.now + s.canary.progress_deadline,
        ),
        messages=(copying(s),),
    )


def shift(s: Snapshot, findings: Findings) -> Decision:
    """The primary is ready: traffic goes back to it, at once or by stepWeightPromotion."""
    if s.canary.skip_analysis and not s.carried:
        return finalise(s, findings)
    weight = after_promotion_step(s.canary.analysis, s.known.weight)
    if s.canary.analysis.step_weight_promotion:
        text = f"Advance {s.name} primary weight {FULL - weight}"
    else:
        text = "Routing all traffic to primary"
    phase, iterations = (Phase.PROMOTING, s.known.iterations) if weight else (Phase.FINALISING, 0)
    return Decision(
        told=f"shift from {s.known.weight} to {weight} % on the canary",
        intent=Intent.SHIFT,
        actions=(*scaler(s), Route(weight, matched=s.known.matched)),
        state=stepped(s, phase=phase, weight=weight, mirrored=False, iterations=iterations),
        messages=(normal(Phase.PROMOTING, text),),
    )


def stuck(s: Snapshot, _: Findings) -> Decision:
    """The primary does not get ready on the new revision: wait until the deadline, then let the canary serve."""
    text = s.primary_trouble
    if _canary_gone(s):
        return _all_to_primary(s, "not one pod of the canary is left, the primary has some")
    if overdue(s) or (s.primary and s.primary.exceeded):
        return promotion_failed(s, text)
    if s.canary_ready and not s.primary_can_serve and not s.canary_has_all:
        return _all_to_canary(s, text)
    meant = Weights(FULL - s.known.weight, s.known.weight, matched=s.known.matched)
    if s.canary_ready and s.known.weight and s.routes != meant:
        told = f"put the routes back to {s.known.weight} %"
        return Decision(told=told, actions=(Route(s.known.weight, matched=s.known.matched),), state=settle(s))
    return waiting(s, "primary", text, told=text)


def crowded(s: Snapshot, _: Findings) -> Decision:
    """The primary would get more than its pods can bear: it is given more, and gets the traffic when they are ready."""
    assert s.primary  # noqa: S101  the stage says so
    wanted = facts.needed(s, after_promotion_step(s.canary.analysis, s.known.weight))
    why = f"{s.primary_text} has {s.primary.pods} of the {wanted} pods that the traffic needs"
    if overdue(s):
        return promotion_failed(s, why)
    return _given_pods(s, wanted, waiting(s, "primary", why, told=why))


def _given_pods(s: Snapshot, wanted: int, decision: Decision) -> Decision:
    """The decision, and the primary has as many pods as are wanted: by its scaler's floor, and at once."""
    enough = s.primary is not None and s.primary.replicas >= wanted
    if s.known.floor == wanted and enough:
        return decision
    actions = (*scaler(s), *(() if enough else (ScalePrimary(wanted),)))
    return replace(decision, actions=actions, state=replace(decision.state, floor=wanted))


def _canary_gone(s: Snapshot) -> bool:
    """Whether the canary's traffic meets no pod, while the primary, on the same revision, has some (invariant 1)."""
    return bool(s.carried and s.target and not s.target.pods and s.primary_can_serve)


def _all_to_primary(s: Snapshot, told: str) -> Decision:
    met = s.primary is not None and s.primary.ready
    return Decision(
        told=f"shift all traffic to the primary: {told}",
        intent=Intent.SHIFT,
        actions=(Route(0),),
        state=stepped(
            s,
            phase=Phase.FINALISING,
            weight=0,
            mirrored=False,
            promoted=s.known.revision,
            deadline=None if met else s.known.deadline,
        ),
        messages=(normal(Phase.PROMOTING, "Routing all traffic to primary"),),
    )


def _all_to_canary(s: Snapshot, why: str) -> Decision:
    """The primary has no pod: meanwhile the canary, which was analysed, takes all traffic (invariant 1)."""
    return Decision(
        told=f"shift all traffic to the canary: {why}",
        intent=Intent.SHIFT,
        actions=(Route(FULL),),
        state=stepped(
            s,
            weight=FULL,
            mirrored=False,
            matched=False,
            iterations=0,
            waiting="primary",
            deadline=s.known.deadline or s.now + s.canary.progress_deadline,
        ),
        messages=(warning(s.known.phase, f"Routing all traffic to canary, {why}"),),
    )


def finalise(s: Snapshot, _: Findings) -> Decision:
    """All traffic is on the primary: take the target's pods away, the rollout is over."""
    if s.reached:
        told = "put the routes back, the canary's pods go when every mesh has heard"
        return Decision(told=told, intent=Intent.SHIFT, actions=(Route(0),), state=stepped(s, weight=0, mirrored=False))
    done = (
        f"Promotion completed! Canary analysis was skipped for {s.target_text}"
        if s.canary.skip_analysis
        else f"Promotion completed! Scaling down {s.target_text}"
    )
    # given to the target since the copy, and so not yet to the primary
    replicas = facts.given(s)
    return Decision(
        told="finish: the target goes to 0, the primary serves",
        intent=Intent.FINALISE,
        actions=(*scaler(s), *((ScalePrimary(replicas),) if replicas else ()), Route(0), ScaleToZero()),
        state=stepped(
            s,
            phase=Phase.SUCCEEDED,
            rest=Phase.SUCCEEDED,
            weight=0,
            mirrored=False,
            iterations=0,
            floor=0,
            replicas=replicas or s.known.replicas,
        ),
        messages=(post_rollout(Phase.SUCCEEDED), normal(Phase.SUCCEEDED, done)),
    )


def holding(s: Snapshot, _: Findings) -> Decision:
    """A promotion failed and the canary serves: shift as soon as the primary recovers (protocol rule 13)."""
    state = s.known
    if s.primary and s.promoted == state.revision:
        wanted = facts.needed(s, 0)
        if s.primary.ready and s.primary.pods < wanted:
            return _given_pods(s, wanted, nothing(s, f"the canary serves until the primary has {wanted} pods"))
        if s.primary.ready:
            return _all_to_primary(s, "it has recovered")
        if _canary_gone(s):
            return _all_to_primary(s, "not one pod of the canary is left, the primary has some")
    weight, matched = (state.weight, state.matched) if s.primary_can_serve else (FULL, False)
    if s.canary_ready and (s.routes is None or (s.routes.canary, s.routes.matched) != (weight, matched)):
        return Decision(
            told=f"put the routes to {weight} %",
            actions=(Route(weight, matched=matched),),
            state=settle(s, weight=weight, matched=matched),
        )
    return nothing(s, "the canary serves until the primary recovers, or a new revision comes")


def primary_not_ready(s: Snapshot, _: Findings) -> Decision:
    """An analysis does not go on while the primary is not what it is compared with."""
    why = s.primary_trouble
    held = waiting(s, "primary", why, told=why, timed=False)
    # the canary is ready: its deadline has been met
    return replace(held, state=replace(held.state, deadline=None))
