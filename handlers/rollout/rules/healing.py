"""In every phase a step brings all that the Canary declares up to date, whatever else it does (scheduler.go,
advanceCanary: Flagger reconciles Services and routes at each interval).
"""

from dataclasses import replace

from handlers.rollout.actions import Action, ApexService, Route, RouteTargets, ScalePrimary, WorkloadServices
from handlers.rollout.decision import Decision, put_back
from handlers.rollout.facts import live
from handlers.rollout.rules.rollback import as_it_is
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.stage import Stage
from handlers.rollout.stages import ACTIVE
from handlers.rollout.state import Intent

_ON_THEIR_OWN = frozenset(
    {
        Stage.BOOTSTRAP,
        Stage.STANDING_IN,
        Stage.ADRIFT,
        Stage.TERMINATING,
        Stage.TARGET_MISSING,
        Stage.MOVING,
        Stage.TAKEN_OVER,
    }
)
"""Stages that bring it up to date themselves, or in which nothing is known to bring it up to."""
_BACK = frozenset({Intent.ROLLBACK, Intent.REVERT})
"""Nothing may delay a step back; what it leaves as it is, the next event finds."""


def with_declared(s: Snapshot, decision: Decision, stage: Stage) -> Decision:
    """The decision, with what differs from the spec put right first."""
    if stage in _ON_THEIR_OWN or decision.intent in _BACK or not decision.looked or _leaves_all(s, decision):
        return decision
    actions: list[Action] = []
    if s.primary and s.primary.stopped:
        actions.append(ScalePrimary(s.known.replicas or 1))
    if s.drift:
        actions += [WorkloadServices(), ApexService(), RouteTargets()]
    routed = any(isinstance(action, Route) for action in decision.actions)
    if s.rerouted and not routed and _may_route(s):
        actions.append(as_it_is(s))
    decision = replace(decision, messages=(*put_back(s, decision.state.phase), *decision.messages))
    if not actions:
        return decision
    told = f"{decision.told}; bring what the Canary declares up to date"
    return replace(decision, told=told, actions=(*actions, *decision.actions))


def _leaves_all(s: Snapshot, decision: Decision) -> bool:
    """Whether this step writes nothing but what it has heard, or somebody else's is under way."""
    begun = s.known.claim is not None and s.known.claim.intent in _BACK
    return decision.untouched or bool(decision.refused) or decision.release or begun or live(s)


def _may_route(s: Snapshot) -> bool:
    """Whether the weight of the state leads nobody to a side without pods (invariant 1)."""
    if s.known.phase not in ACTIVE or not s.primary_can_serve:
        return False
    return not s.known.weight or (s.target is not None and s.target.pods > 0)
