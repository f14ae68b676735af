"""How many pods a target and its primary have, and who said so."""

from typing import Any

import pytest

from handlers.rollout.objects.workloads import create_primary, promote_primary, scale_up_replicas, wrote_replicas
from tests.rollout.workloads import OPTIONS, canary, primary, target


@pytest.mark.parametrize("replicas", [0, None])
def test_a_promotion_never_takes_the_pods_of_the_primary(replicas: int | None) -> None:
    """A target without replicas leaves those of the primary alone."""
    new = target()
    new["spec"]["replicas"] = replicas

    assert promote_primary(canary(), new, primary(replicas=3), OPTIONS, "1-bb")["spec"]["replicas"] == 3


def test_a_primary_of_a_resting_target_has_one_replica() -> None:
    """Flagger clones a target at 0 replicas with one."""
    resting = target()
    resting["spec"]["replicas"] = 0

    assert create_primary(canary(), resting, OPTIONS, "1-aa")["spec"]["replicas"] == 1


@pytest.mark.parametrize(
    ("of_target", "of_primary", "expected"),
    [(3, 2, 3), (0, 2, 2), (None, 2, 2), (0, 0, 1), (None, None, 1)],
)
def test_a_target_gets_its_pods_back(of_target: int | None, of_primary: int | None, expected: int) -> None:
    """ScaleFromZero: its own replicas, else the primary's, else one."""
    assert scale_up_replicas({"spec": {"replicas": of_target}}, {"spec": {"replicas": of_primary}}) == expected


EARLY, LATE = "2024-01-01T00:00:01Z", "2024-01-01T00:00:02Z"


def wrote(manager: str, time: str | None, field: str = "f:replicas") -> dict[str, Any]:
    """An entry of managedFields."""
    return {"manager": manager, "time": time, "fieldsV1": {"f:spec": {field: {}}}}


@pytest.mark.parametrize(
    ("entries", "ours"),
    [
        pytest.param([], False, id="nothing known"),
        pytest.param([wrote("serinus", LATE)], True, id="only us"),
        pytest.param([wrote("serinus", LATE), wrote("kubectl", EARLY)], True, id="us last"),
        pytest.param([wrote("serinus", EARLY), wrote("hpa", LATE)], False, id="others last"),
        pytest.param([wrote("serinus", EARLY), wrote("flagger", LATE)], True, id="Flagger, who was here before us"),
        pytest.param(
            [wrote("hpa", EARLY), wrote("serinus", EARLY)],
            False,
            id="within one second, others are taken for the last",
        ),
        pytest.param(
            [wrote("serinus", EARLY), wrote("argocd", LATE, "f:template")],
            True,
            id="others wrote another field later",
        ),
        pytest.param([wrote("serinus", None), {"manager": "kubectl"}], True, id="no time and no fields"),
        pytest.param([{"manager": "serinus", "fieldsV1": {"f:status": {}}}], False, id="we wrote another field"),
    ],
)
def test_who_wrote_the_replicas_last(entries: list[dict[str, Any]], ours: bool) -> None:
    """Only what we scaled ourselves may be scaled down again without being asked."""
    assert wrote_replicas({"metadata": {"managedFields": entries}}) is ours


def test_replicas_of_an_object_without_managed_fields_are_not_ours() -> None:
    """What cannot be known is taken for somebody else's."""
    assert not wrote_replicas({"metadata": {}})
