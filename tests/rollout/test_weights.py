"""How far a canary goes at each step, up and back down."""

from itertools import pairwise

import pytest
from hypothesis import given

from handlers.rollout.spec.analysis import Analysis
from handlers.rollout.weights import after_promotion_step, following, highest, steps_to
from tests.rollout.strategies import WEIGHTS, analyses


def climb(analysis: Analysis) -> list[int]:
    """All weights from 0 to the highest."""
    weights = [0]
    while weights[-1] < highest(analysis):
        weights.append(following(analysis, weights[-1]))
        assert len(weights) <= 101, "it never arrives"
    return weights


@pytest.mark.parametrize(
    ("analysis", "primary"),
    [
        pytest.param(Analysis(step_weight=20, max_weight=60), [100, 80, 60, 40], id="ServicePromotion: by twenties"),
        pytest.param(Analysis(step_weight=50, max_weight=100), [100, 50, 0], id="ServicePromotionMaxWeight"),
        pytest.param(Analysis(step_weight=50), [100, 50, 0], id="no maxWeight means 100"),
        pytest.param(
            Analysis(step_weights=(1, 2, 10, 80)), [100, 99, 98, 90, 20], id="ServicePromotionWithWeightsHappyCase"
        ),
        pytest.param(
            Analysis(step_weights=(1, 2, 10, 100)), [100, 99, 98, 90, 0], id="ServicePromotionWithWeightsOverflow"
        ),
        pytest.param(Analysis(step_weights=(30, 30, 60)), [100, 70, 40], id="a weight given twice is one step"),
        pytest.param(Analysis(step_weights=(100,)), [100, 0], id="all at once"),
        pytest.param(
            Analysis(step_weight=10, step_weights=(5, 25)),
            [100, 90, 80, 75],
            id="both: stepWeight goes up to the last of stepWeights, as in nextStepWeight and maxWeight",
        ),
    ],
)
def test_weights_follow_each_other_as_in_flagger(analysis: Analysis, primary: list[int]) -> None:
    """The sequences of Flagger's scheduler_svc_test, told as the primary's weights."""
    assert [100 - weight for weight in climb(analysis)] == primary


@pytest.mark.parametrize(("weight", "after"), [(0, 10), (7, 10), (10, 50), (33, 50), (49, 50), (50, 90), (51, 90)])
def test_c8_a_weight_that_is_not_among_the_steps_goes_to_the_next_one(weight: int, after: int) -> None:
    """Steps edited in the middle of a run are never taken for the last one: no jump to 100."""
    assert following(Analysis(step_weights=(10, 50, 90)), weight) == after


@pytest.mark.parametrize(
    ("analysis", "weights"),
    [
        pytest.param(Analysis(step_weight=15, max_weight=61), [0, 15, 30, 45, 60, 61], id="Flagger ends at 75"),
        pytest.param(Analysis(step_weights=(10, 50, 90), max_weight=60), [0, 10, 50, 60], id="Flagger ends at 90"),
        pytest.param(Analysis(step_weight=100, max_weight=1), [0, 1], id="one step is too far"),
    ],
)
def test_c9_max_weight_is_never_overshot(analysis: Analysis, weights: list[int]) -> None:
    """The last step ends at maxWeight, also with stepWeights."""
    assert climb(analysis) == weights


@given(analysis=analyses())
def test_weights_rise_to_the_top_in_finitely_many_steps(analysis: Analysis) -> None:
    """Every step is above the one before, none is above the top, and the top is reached."""
    weights = climb(analysis)
    assert all(low < high for low, high in pairwise(weights))
    assert weights[-1] == highest(analysis)
    assert 0 <= max(weights) <= (analysis.max_weight or 100) <= 100


@given(analysis=analyses(), weight=WEIGHTS)
def test_no_step_is_above_the_highest(analysis: Analysis, weight: int) -> None:
    """From wherever a canary is, also from where the spec had it before an edit, it never goes above the top."""
    assert following(analysis, weight) <= highest(analysis)


@pytest.mark.parametrize(
    ("step", "weights"),
    [
        pytest.param(0, [100, 0], id="no stepWeightPromotion: at once"),
        pytest.param(50, [100, 50, 0], id="AnalysisPhases"),
        pytest.param(30, [100, 70, 40, 10, 0], id="the last step is shorter"),
    ],
)
def test_promotion_steps_go_down_to_zero(step: int, weights: list[int]) -> None:
    """The way back to the primary, in steps or at once."""
    analysis = Analysis(step_weight_promotion=step)
    assert [after_promotion_step(analysis, weight) for weight in weights] == [*weights[1:], 0]


@given(analysis=analyses(), weight=WEIGHTS)
def test_promotion_steps_fall(analysis: Analysis, weight: int) -> None:
    """Each step of a promotion takes weight from the canary until it has none."""
    after = after_promotion_step(analysis, weight)
    assert 0 <= after < max(weight, 1)


@pytest.mark.parametrize(
    ("analysis", "weight", "steps"),
    [
        pytest.param(Analysis(step_weight=10, max_weight=50), 0, 0, id="nothing yet"),
        pytest.param(Analysis(step_weight=10, max_weight=50), 10, 1, id="the first"),
        pytest.param(Analysis(step_weight=10, max_weight=50), 100, 5, id="more than it may have"),
        pytest.param(Analysis(step_weight=20, max_weight=50), 45, 3, id="the last is what is left"),
        pytest.param(Analysis(step_weights=(5, 30, 90)), 30, 2, id="a list"),
    ],
)
def test_a_weight_stands_for_the_steps_that_lead_to_it(analysis: Analysis, weight: int, steps: int) -> None:
    """Each of them but the first has been let go by a passed check."""
    assert steps_to(analysis, weight) == steps
