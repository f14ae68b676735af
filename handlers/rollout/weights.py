"""How much traffic next: the arithmetic of weights, in percent."""

from dataclasses import dataclass

from handlers.rollout.spec.analysis import Analysis

FULL = 100


@dataclass(frozen=True, slots=True)
class Weights:
    """What a route sends to the primary and to the canary, and whether it mirrors to the canary.

    `matched`: it is about the requests of `analysis.match` only; all others go to the primary.
    """

    primary: int
    canary: int
    mirrored: bool = False
    matched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """What a route is to do: the canary's share, in percent, of all requests or of the matched ones.

    `testers`: requests of the annotation `serinus.dev/match` go to the canary, whatever the weight. The cookies are
    `name=value`, as the state keeps them.
    """

    weight: int
    mirrored: bool = False
    matched: bool = False
    testers: bool = False
    cookie: str = ""
    primary_cookie: str = ""
    previous_cookie: str = ""


@dataclass(frozen=True, slots=True)
class Cookies:
    """The session cookies of a route, `name=value`: of both sides, and of a run that is over."""

    canary: str = ""
    primary: str = ""
    previous: str = ""


def highest(analysis: Analysis) -> int:
    """The weight at which a canary is promoted.

    Flagger lets stepWeights ignore maxWeight (scheduler.go, maxWeight); here maxWeight is never overshot.
    """
    limit = analysis.max_weight or FULL
    return min(limit, analysis.step_weights[-1]) if analysis.step_weights else limit


def following(analysis: Analysis, weight: int) -> int:
    """The weight after `weight` on the way up, never above the highest (scheduler.go, nextStepWeight).

    Steps are absolute weights: one that was left out or edited away is passed over, not taken for the last one.
    """
    if analysis.step_weight:
        return min(weight + analysis.step_weight, highest(analysis))
    above = (step for step in analysis.step_weights if step > weight)
    return min(next(above, FULL), highest(analysis))


def steps_to(analysis: Analysis, weight: int) -> int:
    """How many weights a canary has come through when it has this one, this one included."""
    count, reached = 0, 0
    while reached < min(weight, highest(analysis)):
        count, reached = count + 1, following(analysis, reached)
    return count


def after_promotion_step(analysis: Analysis, weight: int) -> int:
    """The canary's weight after one step back to the primary (scheduler.go, runPromotionTrafficShift)."""
    return max(0, weight - analysis.step_weight_promotion) if analysis.step_weight_promotion else 0
