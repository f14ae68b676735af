"""Which step of an analysis is next, when all of its checks have passed."""

from handlers.rollout.spec.canary import Canary
from handlers.rollout.stage import Stage
from handlers.rollout.state import Phase, State
from handlers.rollout.weights import FULL, highest, steps_to


def weighted(canary: Canary, state: State) -> Stage:
    """Counted in weights (scheduler.go, runCanary)."""
    if state.phase is Phase.WAITING_PROMOTION and not state.iterations:
        return Stage.WAITING_PROMOTION
    if state.predecessors and state.iterations + 1 < steps_to(canary.analysis, state.weight):
        return Stage.UNEARNED
    if state.weight >= highest(canary.analysis):
        return Stage.LAST_STEP
    if state.weight:
        return Stage.NEXT_STEP
    return Stage.MIRRORED if state.mirrored else Stage.FIRST_STEP


def iterating(canary: Canary, state: State) -> Stage:
    """Counted in iterations (scheduler.go, runAB, runBlueGreen); what was begun by weights goes on from where it is."""
    if state.iterations < canary.analysis.iterations or (canary.analysis.match and not state.weight):
        begun = state.iterations or state.weight or state.mirrored
        return Stage.NEXT_ITERATION if begun else Stage.FIRST_ITERATION
    # a gate that closes after the switch lets the last iteration come again, and the switch (runConfirmPromotionHooks)
    if not canary.analysis.match and (state.weight < FULL or state.iterations == canary.analysis.iterations):
        return Stage.SWITCH
    return Stage.LAST_ITERATION
