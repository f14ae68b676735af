"""Traffic meets enough pods: while canaries start, while primaries are replaced, and when they take everything back."""

from typing import Any

import pytest

from handlers.rollout.objects import DEPLOYMENT, HPA, SCALED_OBJECT, Kind
from tests.fakes import WRITES
from tests.lab import Lab, a_canary, a_deployment, an_alert, at, new_lab
from tests.scalers import a_scaled_object, an_hpa
from tests.scenarios.neighbours import CANARY, image, look, replicas, told

HPAS = "autoscaling/v2/horizontalpodautoscalers/app-primary"
SCALED_OBJECTS = "keda.sh/v1alpha1/scaledobjects/app-primary"


MATCH = [{"headers": {"x": {"exact": "1"}}}]


def grown(kind: Kind = HPA, most: int = 10, **analysis: Any) -> Lab:
    """A run whose canary has all the traffic and has been scaled to ten pods by it, while the primary shrank to two."""
    scaler = {"apiVersion": kind.api_version, "kind": kind.name, "name": "app"}
    wanted = {"maxWeight": 100, "stepWeight": 50, **analysis}
    lab = new_lab(a_canary(autoscalerRef=scaler, analysis=wanted), a_deployment(replicas=10))
    limits = {"maxReplicas": most} if kind is HPA else {"maxReplicaCount": most}
    lab.create(kind, an_hpa(**limits) if kind is HPA else a_scaled_object(**limits))
    at(lab, "Progressing", 100 if wanted["maxWeight"] == 100 else wanted["maxWeight"])
    for name, count in (("app-primary", 2), ("app", 10)):
        lab.edit(f"apps/v1/deployments/{name}", {"spec": {"replicas": count}}, manager="kube-controller-manager")
    return lab


@pytest.mark.parametrize(
    ("kind", "path", "least"),
    [(HPA, HPAS, "minReplicas"), (SCALED_OBJECT, SCALED_OBJECTS, "minReplicaCount")],
    ids=["HPA", "ScaledObject"],
)
def test_a_primary_gets_the_pods_before_the_traffic_that_ten_carried(kind: Kind, path: str, least: str) -> None:
    """Its scaler's floor is raised, the pods are waited for, and afterwards the floor is what it was."""
    lab = grown(kind)
    pods = []
    while lab.phase != "Succeeded":
        look(lab)
        if lab.weights == (100, 0) and lab.phase != "Succeeded":
            pods.append(replicas(lab)["app-primary"])
    assert pods
    assert set(pods) == {10}
    assert told(lab, "app-primary.shop has 2 of the 10 pods that the traffic needs") == 1
    look(lab)
    assert lab.get(path)["spec"][least] == 2


def test_the_least_of_a_scaler_says_nothing_about_the_load() -> None:
    """A canary at its floor asks for no more than the primary has, and the promotion is as fast as ever."""
    lab = grown()
    lab.edit("apps/v1/deployments/app", {"spec": {"replicas": 2}}, manager="kube-controller-manager")
    lab.until("Succeeded")
    assert replicas(lab)["app-primary"] == 2
    assert told(lab, "that the traffic needs") == 0


def test_a_scaler_bounds_what_is_asked_for() -> None:
    """More than it may give is not waited for."""
    lab = grown(most=4)
    lab.until("Succeeded")
    assert replicas(lab)["app-primary"] == 4


def test_pods_that_never_come_leave_the_canary_serving() -> None:
    """Past the promotion's deadline, as for a primary that does not get ready; when they come it takes over."""
    lab = grown()
    lab.until("Promoting")
    status = {"readyReplicas": 2, "availableReplicas": 2, "replicas": 10, "updatedReplicas": 10}
    where = "/apis/apps/v1/namespaces/shop/deployments/app-primary/status"
    for seconds in (10, 10, 601):
        lab.kubelet.run()
        lab.api.call("PATCH", where, {"status": status})
        lab.clock.tick(seconds)
        lab.step()
    assert (lab.phase, lab.weights) == ("Failed", (0, 100))
    look(lab, 4)
    assert (lab.phase, lab.weights, image(lab, "app-primary")) == ("Succeeded", (100, 0), "app:v2")


def test_a_rollback_waits_for_no_pods() -> None:
    """What is ready takes the traffic back at once."""
    lab = grown()
    lab.step(an_alert(lab.clock.moment))
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))


def starting(lab: Lab, ready: int = 1) -> None:
    """Something scales the canary to ten, and only some of the pods are ready."""
    lab.edit("apps/v1/deployments/app", {"spec": {"replicas": 10}}, manager="kube-controller-manager")
    status = {"observedGeneration": lab.target["metadata"]["generation"], "replicas": 10, "updatedReplicas": 10}
    where = "/apis/apps/v1/namespaces/shop/deployments/app/status"
    lab.api.call("PATCH", where, {"status": {**status, "readyReplicas": ready, "availableReplicas": ready}})


def tick(lab: Lab, times: int = 1) -> None:
    """An interval passes, and no pod gets ready."""
    for _ in range(times):
        lab.clock.tick(10)
        lab.step()


def test_a_canary_is_judged_while_some_of_its_pods_start() -> None:
    """It has traffic, and failing checks take that back; without failing ones it keeps its weight."""
    lab = at(new_lab(), "Progressing", 40)
    starting(lab)
    tick(lab, 3)
    assert (lab.phase, lab.weights) == ("Progressing", (60, 40))
    assert told(lab, "canary deployment app.shop not ready") == 1
    lab.prometheus.values["requests_total"] = [5]
    tick(lab, 3)
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))
    assert told(lab, "failed checks threshold reached 3") == 1


def test_its_deadline_runs_on_while_it_is_judged() -> None:
    """Checks that pass, or fail now and then, do not make a rollout endless."""
    lab = at(new_lab(), "Progressing", 40)
    starting(lab)
    lab.prometheus.values["requests_total"] = [100, 5] * 40
    tick(lab, 62)
    assert lab.phase == "Failed"
    assert told(lab, "progress deadline exceeded") == 1


def test_a_primary_that_is_made_again_has_the_pods_that_its_owner_asked_for() -> None:
    """The target is at 0 then, and says nothing."""
    lab = new_lab(None, a_deployment(replicas=3))
    look(lab, 4)
    lab.delete(DEPLOYMENT, "app-primary")
    look(lab, 2)
    assert replicas(lab) == {"app": 0, "app-primary": 3}


def test_replicas_that_git_changes_at_rest_are_the_primarys() -> None:
    """Said once; a tool that sets the same number again and again is left alone."""
    lab = new_lab(None, a_deployment(replicas=2))
    look(lab, 4)
    for _ in range(3):
        lab.edit("apps/v1/deployments/app", {"spec": {"replicas": 4}}, manager="argocd-controller")
        look(lab, 3)
    assert replicas(lab)["app-primary"] == 4
    assert told(lab, "app.shop is at rest and was given 4 replicas") == 1
    lab.edit("apps/v1/deployments/app", {"spec": {"replicas": 5}}, manager="argocd-controller")
    look(lab, 3)
    assert replicas(lab) == {"app": 0, "app-primary": 5}


@pytest.mark.parametrize("phase", ["Initialized", "Progressing"])
def test_a_primary_that_a_person_has_stopped_gets_its_pods_back(phase: str) -> None:
    """Nobody else could serve what it serves."""
    lab = new_lab(None, a_deployment(replicas=3))
    look(lab, 4)
    if phase == "Progressing":
        at(lab, phase, 20)
    lab.edit("apps/v1/deployments/app-primary", {"spec": {"replicas": 0}})
    look(lab, 2)
    assert replicas(lab)["app-primary"] == 3


def test_a_primary_that_a_scaler_has_stopped_stays_so() -> None:
    """Somebody scales to zero on purpose, by load."""
    lab = new_lab()
    look(lab, 4)
    edit: dict[str, Any] = {"spec": {"replicas": 0}}
    lab.edit("apps/v1/deployments/app-primary", edit, manager="keda-operator")
    look(lab, 3)
    assert replicas(lab)["app-primary"] == 0


def strategic(**strategy: Any) -> dict[str, Any]:
    """A Deployment of three pods that are replaced like this."""
    made = a_deployment(replicas=3)
    made["spec"]["strategy"] = strategy
    return made


ALL_AT_ONCE = [
    pytest.param(strategic(type="Recreate"), {}, id="Recreate"),
    pytest.param(
        strategic(type="RollingUpdate", rollingUpdate={"maxUnavailable": "100%", "maxSurge": 0}), {}, id="100 %"
    ),
    pytest.param(strategic(type="Recreate"), {"skipAnalysis": True}, id="without an analysis"),
    pytest.param(
        strategic(type="Recreate"),
        {
            "analysis": {
                "stepWeight": None,
                "maxWeight": None,
                "iterations": 2,
                "match": [{"headers": {"x": {"exact": "1"}}}],
            }
        },
        id="A/B",
    ),
]


@pytest.mark.parametrize(("deployment", "spec"), ALL_AT_ONCE)
def test_a_primary_that_is_replaced_all_at_once_has_no_traffic_then(
    deployment: dict[str, Any], spec: dict[str, Any]
) -> None:
    """The canary, which has passed, has all of it before the copy, and until the primary's pods are ready."""
    lab = new_lab(a_canary(**spec), deployment)
    look(lab, 4)
    lab.push("app:v2")
    copied = []

    def after(verb: str, path: str) -> None:
        if verb in WRITES and path.endswith("/deployments/app-primary") and image(lab, "app-primary") == "app:v2":
            copied.append(lab.weights)

    lab.cluster.after = after
    for _ in range(20):
        look(lab)
    assert copied
    assert copied[0] == (0, 100)
    assert (lab.phase, lab.weights, image(lab, "app-primary")) == ("Succeeded", (100, 0), "app:v2")


def test_a_command_to_promote_makes_no_gap_either() -> None:
    """It skips the rest of the analysis, and not the step aside."""
    lab = at(new_lab(None, strategic(type="Recreate")), "Progressing", 20)
    lab.edit(CANARY, {"metadata": {"annotations": {"serinus.dev/promote": "1"}}})
    look(lab)
    assert (lab.weights, image(lab, "app-primary")) == ((0, 100), "app:v1")
    look(lab)
    assert image(lab, "app-primary") == "app:v2"


@pytest.mark.parametrize("why", ["metrics", "alert", "revert"])
def test_pods_that_had_requests_go_with_the_next_event(why: str) -> None:
    """A mesh takes up to seconds to hear of a route."""
    lab = at(new_lab(a_canary(analysis={"threshold": 1}), a_deployment(replicas=2)), "Progressing", 40)
    if why == "metrics":
        lab.prometheus.values["requests_total"] = [50]
    if why == "revert":
        lab.push("app:v1")
    look(lab) if why != "alert" else lab.step(an_alert(lab.clock.moment))
    assert (lab.weights, replicas(lab)["app"]) == ((100, 0), 2)
    lab.clock.tick(1)
    lab.step()
    assert replicas(lab)["app"] == 2
    look(lab)
    assert replicas(lab)["app"] == 0
