"""What somebody else changes of what is made here is put back, and he is told where it belongs."""

from copy import deepcopy
from typing import Any

import pytest

from handlers.rollout.objects import DEPLOYMENT, HPA, SERVICE, VIRTUAL_SERVICE
from tests.lab import Lab, new_lab
from tests.protocol.situations import scaled
from tests.scenarios.neighbours import CANARY, labelled, look, told

ROUTE = "networking.istio.io/v1beta1/virtualservices/app"
RULES = "networking.istio.io/v1beta1/destinationrules/app-canary"
OTHERS = "by somebody else"


def rested(lab: Lab) -> Lab:
    """A lab at rest."""
    lab.until("Initialized")
    look(lab, 3)
    return lab


@pytest.mark.parametrize("weight", [0, 40], ids=["at rest", "in a run"])
@pytest.mark.parametrize(
    ("path", "patch", "fields"),
    [
        pytest.param(ROUTE, {"spec": {"hosts": ["web.example.com"]}}, "spec.hosts", id="hosts"),
        pytest.param("v1/services/app-primary", {"spec": {"selector": {"app": "x"}}}, "spec.selector", id="selector"),
        pytest.param(RULES, {"spec": {"host": "elsewhere"}}, "spec.host", id="host"),
    ],
)
def test_an_edit_by_hand_is_told_once(weight: int, path: str, patch: dict[str, Any], fields: str) -> None:
    """By object and field, with the place where it is to be said."""
    lab = rested(new_lab())
    if weight:
        lab.push("app:v2")
        while lab.weights != (100 - weight, weight):
            look(lab)
    lab.edit(path, patch)
    look(lab, 3)
    assert told(lab, f"was edited {OTHERS} and is put back: {fields}; say it in spec.service of Canary app") == 1
    assert told(lab, OTHERS) == 1


def test_weights_by_hand_are_told() -> None:
    """At rest somebody leads traffic to pods that are not there."""
    lab = rested(new_lab())
    rules = deepcopy(lab.get(ROUTE)["spec"]["http"])
    rules[0]["route"][0]["weight"], rules[0]["route"][1]["weight"] = 50, 50
    lab.edit(ROUTE, {"spec": {"http": rules}})
    look(lab, 2)
    assert told(lab, f"VirtualService shop/app was edited {OTHERS} and is put back: spec.http") == 1


def test_a_deletion_by_hand_is_told() -> None:
    """It is made again."""
    lab = rested(new_lab())
    lab.delete(SERVICE, "app-canary")
    lab.delete(VIRTUAL_SERVICE, "app")
    look(lab, 2)
    assert told(lab, f"was deleted {OTHERS} and is made again") == 2


def test_the_scaler_of_the_primary_follows_the_one_of_the_target() -> None:
    """Whoever edits the copy is sent to the original."""
    lab = rested(scaled(HPA))
    lab.edit("autoscaling/v2/horizontalpodautoscalers/app-primary", {"spec": {"maxReplicas": 50}})
    look(lab, 2)
    assert told(lab, "spec.maxReplicas; say it in HorizontalPodAutoscaler shop/app instead") == 1


def test_what_is_done_here_is_not_taken_for_an_edit() -> None:
    """A rollout, another port, another target and another Service name, one after the other."""
    lab = rested(scaled(HPA))
    lab.push("app:v2")
    look(lab, 12)
    lab.edit(CANARY, {"spec": {"service": {"port": 81, "timeout": "3s"}}})
    look(lab, 3)
    lab.create(DEPLOYMENT, labelled("app2", {"app": "app2"}, "app:v3"))
    lab.edit(CANARY, {"spec": {"targetRef": {"name": "app2"}, "service": {"name": "app"}, "autoscalerRef": None}})
    look(lab, 12)
    lab.edit(CANARY, {"spec": {"service": {"name": "shop"}}})
    look(lab, 12)
    assert lab.phase == "Initialized"
    assert told(lab, OTHERS) == 0
