"""What a snapshot says, as yes or no: the questions by which `stages` tells the situations apart."""

import math

from handlers.rollout.objects import DEPLOYMENT
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.state import Claim, Intent, Phase, State
from handlers.rollout.timing import DRAIN, drained
from handlers.rollout.weights import FULL, after_promotion_step


def revision(s: Snapshot) -> str:
    """The revision that the target shows, empty without one."""
    return s.target.revision if s.target else ""


def live(s: Snapshot) -> bool:
    """Whether somebody else's step is under way and has not run out of time."""
    claim = s.known.claim
    return claim is not None and not mine(s, claim) and s.now < claim.until


def mine(s: Snapshot, claim: Claim) -> bool:
    """Whether a claim was left by an earlier try of this very event, after a conflict."""
    return bool(s.mine) and claim.nonce.startswith(f"{s.mine}.")


def copying(s: Snapshot) -> bool:
    """Whether a promotion has copied configs, of what the target still shows, and not the template."""
    claim = s.known.claim
    if not s.copying or claim is None or claim.intent is not Intent.PROMOTE:
        return False
    return claim.revision == s.known.revision == revision(s)


def stands_in(s: Snapshot) -> bool:
    """Whether a new target has the traffic of a primary that went, until it has one of its own."""
    return target_alone(s) and s.target is not None and s.target.pods > 0


def target_alone(s: Snapshot) -> bool:
    """Whether routes and Services lead to a new target until its primary is ready."""
    return s.known.weight == FULL and s.known.phase is Phase.INITIALIZING and not s.primary_can_serve


def promotion_failed(s: Snapshot, state: State) -> bool:
    """The primary carries what failed, so that there is nothing else to go back to; or the canary still has traffic."""
    carries = state.waiting == "primary" and s.promoted == state.revision
    return state.phase is Phase.FAILED and (bool(state.weight) or carries)


def adrift(s: Snapshot) -> bool:
    """Whether something at rest is not as it should be and has to be put right."""
    if not s.primary_can_serve:
        return s.drift  # whoever serves now goes on serving
    stray = s.routes is None or s.routes.canary > 0 or s.routes.mirrored
    return stray or leftover(s) or s.scaler_awake or s.drift


def leftover(s: Snapshot) -> bool:
    """Whether the target has pods that we gave it, or took the traffic from, and that every mesh has forgotten; an
    outsider's replicas are left alone (protocol rule 14). A route of before a move may still lead to them.
    """
    if s.target is None or not s.target.replicas or s.left:
        return False
    return (s.target.ours or s.known.waiting == DRAIN) and drained(s.known, s.now, s.canary.analysis.interval)


def asked_for(s: Snapshot) -> int:
    """How many pods the target's owner asks for by giving them to a target at rest; 0 when nobody asks anew."""
    return given(s) if revision(s) == s.promoted and s.known.waiting != DRAIN else 0


def given(s: Snapshot) -> int:
    """How many pods the target's owner has given it since it was last asked; 0 for as many as then.

    A tool that gives it the same number again and again asks once.
    """
    target, primary = s.target, s.primary
    if target is None or primary is None or target.ours or s.canary.autoscaler:
        return 0
    if s.canary.target_kind is not DEPLOYMENT or not s.primary_can_serve:
        return 0
    return target.replicas if target.replicas != (s.known.replicas or primary.replicas) else 0


def needed(s: Snapshot, weight: int) -> int:
    """How many pods the primary needs before the canary's share goes down to `weight`; 0: what it has will do.

    Only a scaler gives the canary pods by the traffic that it has. As many as it has at the least say nothing.
    """
    bounds, pods, share = s.bounds, s.target.pods if s.target else 0, s.carried
    if bounds is None or share <= weight or pods <= bounds.least:
        return 0
    alone = share == FULL and not s.known.matched
    now = s.primary.pods if s.primary and not alone else 0
    wanted = now + math.ceil(pods * (share - weight) / share)
    return max(s.known.floor, min(wanted, bounds.most) if bounds.most else wanted)


def crowded(s: Snapshot) -> bool:
    """Whether the primary would get more traffic in the next step back than its pods can bear."""
    return s.primary is not None and s.primary.pods < needed(s, after_promotion_step(s.canary.analysis, s.known.weight))


def reverted(s: Snapshot) -> bool:
    """Whether the target is back at the promoted revision, which needs no analysis."""
    # without a primary that could take the traffic, the old revision has to earn it like a new one
    return revision(s) == s.promoted and (s.primary_can_serve or not s.carried)


def waits_for_primary(s: Snapshot, state: State) -> bool:
    """An analysis waits for a primary that may get ready; one that has failed for good, or is gone, is repaired by the
    promotion that the analysis leads to. (Flagger rolls back the release that would help, and stays there.)
    """
    if s.primary and s.primary.ready:
        return False
    helped = s.primary is None or s.primary.exceeded
    # routes that say more than the state are not put back to a primary without pods
    return not helped or (s.carried > state.weight and not s.primary_can_serve)
