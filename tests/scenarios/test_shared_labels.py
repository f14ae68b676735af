"""A Service of a Canary leads to the pods of its own side, and of no other workload (invariant 13)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from handlers.rollout.objects import CANARY as CANARIES
from handlers.rollout.objects import DAEMONSET, DEPLOYMENT, STATEFUL_SET, Kind
from handlers.rollout.objects.sides import pod_labels
from handlers.step.sweep import sweep
from tests.lab import TICK, Lab, a_daemonset, an_alert, at, new_lab
from tests.scenarios.neighbours import (
    answering,
    canary_of,
    image,
    labelled,
    look,
    refused,
    replicas,
    told,
    unanswered,
)
from tests.test_cost import PER_TICK, spent

WEB = {"app.kubernetes.io/name": "shop", "app.kubernetes.io/component": "web"}
WORKER = {"app.kubernetes.io/name": "shop", "app.kubernetes.io/component": "worker"}
WHO = "spec.targetRef: a Service for Deployment shop/app would lead to pods of"


def selector(lab: Lab, name: str) -> dict[str, str]:
    """By which labels a Service finds its pods."""
    return dict(lab.get(f"v1/services/{name}")["spec"]["selector"])


@pytest.mark.parametrize("both", [False, True], ids=["one Canary", "a Canary for each"])
def test_two_workloads_of_one_product_never_meet(both: bool) -> None:
    """They share app.kubernetes.io/name, as all of a Helm chart do, and are told apart by another label."""
    lab = new_lab(None, labelled("app", WEB, "web:v1"))
    lab.create(DEPLOYMENT, labelled("worker", WORKER, "worker:v1"))
    if both:
        lab.create(CANARIES, canary_of("worker", "worker"))
    look(lab, 6)
    lab.push("web:v2")
    look(lab, 3)
    assert lab.weights == (60, 40)
    assert (answering(lab, "app-primary"), answering(lab, "app-canary")) == (["app-primary"], ["app"])
    assert selector(lab, "app-canary") == WEB
    assert selector(lab, "app-primary") == {**WEB, "app.kubernetes.io/name": "shop-primary"}
    assert refused(lab) == ""


def a_stateful_set(labels: dict[str, str]) -> dict[str, Any]:
    """A StatefulSet of other pods."""
    made = labelled("db", labels)
    made["spec"]["serviceName"] = "db"
    return {**made, "kind": "StatefulSet"}


def daemons(labels: dict[str, str]) -> dict[str, Any]:
    """A DaemonSet of other pods."""
    made = a_daemonset()
    made["metadata"]["name"] = "agent"
    made["spec"]["selector"]["matchLabels"] = made["spec"]["template"]["metadata"]["labels"] = dict(labels)
    return made


@pytest.mark.parametrize(
    ("kind", "other", "name"),
    [
        pytest.param(DEPLOYMENT, labelled("worker", {"app": "app", "tier": "b"}), "Deployment shop/worker", id="more"),
        pytest.param(STATEFUL_SET, a_stateful_set({"app": "app"}), "StatefulSet shop/db", id="StatefulSet"),
        pytest.param(DAEMONSET, daemons({"app": "app"}), "DaemonSet shop/agent", id="DaemonSet"),
        pytest.param(
            DEPLOYMENT, labelled("other-primary", {"app": "app-primary"}), "shop/other-primary", id="the primary's"
        ),
    ],
)
def test_sides_that_cannot_be_told_apart_are_refused_before_anything_is_made(
    kind: Kind, other: dict[str, Any], name: str
) -> None:
    """Both workloads are named, and what to do; once the other one is gone the bootstrap begins."""
    lab = new_lab()
    lab.create(kind, other)
    look(lab, 3)
    assert f"{WHO} " in refused(lab)
    assert name in refused(lab)
    assert told(lab, name) == 1
    assert (lab.primary, lab.get("v1/services/app-primary"), lab.target["spec"]["replicas"]) == (None, None, 1)
    lab.delete(kind, other["metadata"]["name"])
    look(lab, 3)
    assert (lab.phase, refused(lab)) == ("Initialized", "")


def test_a_workload_that_comes_later_holds_the_next_rollout() -> None:
    """It is noticed at rest; nothing starts while requests could get to it, and that is told."""
    lab = new_lab()
    look(lab, 4)
    lab.create(DEPLOYMENT, labelled("worker", {"app": "app-primary"}))
    look(lab)
    assert refused(lab).startswith(f"{WHO} Deployment shop/worker as well")
    lab.push("app:v2")
    look(lab, 3)
    assert (lab.phase, lab.weights) == ("Initialized", (100, 0))
    lab.delete(DEPLOYMENT, "worker")
    look(lab, 9)
    assert (lab.phase, refused(lab)) == ("Succeeded", "")


def test_a_workload_that_comes_in_a_run_takes_the_share_away_and_stops_no_rollback() -> None:
    """Its pods would answer a part of the canary's requests: the primary has them all until it is gone."""
    lab = at(new_lab(), "Progressing", 20)
    look(lab)
    lab.create(DEPLOYMENT, labelled("worker", {"app": "app", "tier": "b"}))
    assert lab.weights != (100, 0)
    look(lab, 3)
    assert (lab.phase, lab.weights) == ("Progressing", (100, 0))
    assert f"{WHO} Deployment shop/worker as well" in refused(lab)
    lab.step(an_alert(lab.clock()))
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))


def test_an_idle_tick_costs_no_more_for_neighbours() -> None:
    """They are compared when one comes, and then no more."""
    lab = new_lab()
    look(lab, 4)
    lab.create(DEPLOYMENT, labelled("worker", {"app": "worker"}))
    look(lab, 2)
    spent(lab)
    look(lab)
    assert spent(lab) == PER_TICK


def narrow() -> Lab:
    """A Canary whose Services select by one label only, as Flagger and earlier versions made them."""
    lab = new_lab(None, labelled("app", WEB, "web:v1", replicas=2))
    look(lab, 4)
    name = {"app.kubernetes.io/name": "shop-primary", "app.kubernetes.io/component": None}
    lab.edit("v1/services/app-primary", {"spec": {"selector": name}}, manager="flagger")
    return lab


def test_services_from_before_are_narrowed_without_an_outage() -> None:
    """All pods that there are have the labels that are added."""
    lab = narrow()
    look(lab)
    assert selector(lab, "app-primary") == {**WEB, "app.kubernetes.io/name": "shop-primary"}
    assert answering(lab, "app-primary") == ["app-primary"]


def test_a_service_is_not_narrowed_while_pods_of_before_may_lack_a_label() -> None:
    """While the primary is rolled out the Service finds the pods that go and those that come."""
    lab = narrow()
    where = "/apis/apps/v1/namespaces/shop/deployments/app-primary/status"
    assert lab.api.call("PATCH", where, {"status": {"updatedReplicas": 1}}).status == 200
    lab.clock.tick(10)
    lab.step()
    assert selector(lab, "app-primary") == {"app.kubernetes.io/name": "shop-primary"}
    look(lab, 2)
    assert selector(lab, "app-primary") == {**WEB, "app.kubernetes.io/name": "shop-primary"}


def settled_on(lab: Lab, *labels: str) -> Lab:
    """The lab's handlers with another SERINUS_SELECTOR_LABELS."""
    config = replace(lab.world.config, options=replace(lab.world.config.options, selector_labels=labels))
    lab.world = replace(lab.world, config=config)
    return lab


@pytest.mark.parametrize("push", [False, True], ids=["at rest", "with the next rollout"])
def test_another_selector_setting_leaves_primaries_as_they_are(push: bool) -> None:
    """No Service loses its pods, and the next version reaches the primary."""
    lab = new_lab(None, labelled("app", {"app": "app", "deploy": "app-d"}, "app:v1"))
    look(lab, 4)
    settled_on(lab, "deploy", "app")
    lab.edit("flagger.app/v1beta1/canaries/app", {"spec": {"analysis": {"threshold": 5}}})
    if push:
        lab.push("app:v2")
    for _ in range(10):
        look(lab)
        assert (answering(lab, "app-primary"), unanswered(lab)) == (["app-primary"], 0)
    assert image(lab, "app-primary") == ("app:v2" if push else "app:v1")
    assert selector(lab, "app-primary") == {"app": "app-primary", "deploy": "app-d"}


def test_a_target_made_anew_with_another_selector_is_a_new_version() -> None:
    """A Deployment's selector can never be changed, so it is deleted and made again; its primary keeps its own."""
    lab = new_lab()
    look(lab, 4)
    lab.delete(DEPLOYMENT, "app")
    look(lab)
    lab.create(DEPLOYMENT, labelled("app", {"app.kubernetes.io/name": "app"}, "app:v2"))
    shares = set()
    for _ in range(14):
        look(lab)
        shares.add(lab.weights)
        assert unanswered(lab) == 0
    assert shares == {(100, 0), (80, 20), (60, 40), (40, 60)}
    assert (lab.phase, image(lab, "app-primary"), replicas(lab)) == (
        "Succeeded",
        "app:v2",
        {"app": 0, "app-primary": 1},
    )
    own = {"app": "app-primary", "app.kubernetes.io/name": "app-primary"}
    assert selector(lab, "app-primary") == own
    assert own.items() <= pod_labels(lab.primary).items()


def test_a_service_finds_the_old_pods_of_a_primary_until_all_are_new() -> None:
    """The pods that a new selector adds a label to come one by one, and those without it serve meanwhile."""
    lab = new_lab()
    look(lab, 4)
    lab.delete(DEPLOYMENT, "app")
    lab.create(DEPLOYMENT, labelled("app", {"app.kubernetes.io/name": "app"}, "app:v2"))
    where = "/apis/apps/v1/namespaces/shop/deployments/app-primary/status"
    while image(lab, "app-primary") == "app:v1":
        look(lab)
    for _ in range(3):  # the new pod is not ready, the old one is
        generation = lab.primary["metadata"]["generation"]
        status = {"observedGeneration": generation, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 1}
        assert lab.api.call("PATCH", where, {"status": {**status, "readyReplicas": 1}}).status == 200
        lab.clock.tick(10)
        sweep(lab.world, (), TICK)
        assert selector(lab, "app-primary") == selector(lab, "app") == {"app": "app-primary"}
    look(lab, 6)
    assert len(selector(lab, "app-primary")) == 2


@pytest.mark.parametrize("weight", [0, 40], ids=["at rest", "in a run"])
def test_a_target_that_looks_like_its_primary_is_refused(weight: int) -> None:
    """Nobody could tell their pods apart; a share that its Service leads nowhere goes to the primary."""
    lab = at(new_lab(), "Progressing", weight) if weight else new_lab()
    look(lab, 4 if not weight else 1)
    lab.delete(DEPLOYMENT, "app")
    lab.create(DEPLOYMENT, labelled("app", {"app": "app-primary"}, "app:v2"))
    look(lab, 3)
    assert "cannot be told apart" in refused(lab)
    assert (lab.weights, answering(lab, "app-primary")) == ((100, 0), ["app", "app-primary"])


def test_a_rollback_does_not_ask_whether_a_target_looks_like_its_primary() -> None:
    """It reads what there is, and goes to the side that has pods."""
    lab = at(new_lab(), "Progressing", 40)
    lab.delete(DEPLOYMENT, "app")
    lab.create(DEPLOYMENT, labelled("app", {"app": "app-primary"}, "app:v2"))
    lab.step(an_alert(lab.clock.moment))
    assert (lab.weights, lab.phase) == ((100, 0), "Failed")


def keeps_away(labels: dict[str, str]) -> dict[str, Any]:
    """A Deployment whose pods keep away from each other, and are spread, by these labels."""
    made = labelled("app", labels, replicas=3)
    pod = made["spec"]["template"]["spec"]
    term = {"labelSelector": {"matchLabels": labels}, "topologyKey": "kubernetes.io/hostname"}
    spread = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    pod["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    pod["topologySpreadConstraints"] = [{**spread, "labelSelector": {"matchLabels": labels}}]
    return made


def test_terms_about_the_targets_pods_become_terms_about_the_primarys() -> None:
    """Whatever the label's value is, and not only where it is the Deployment's name."""
    lab = new_lab(None, keeps_away({"app.kubernetes.io/name": "mc-api", "tier": "web"}))
    look(lab, 3)
    pod = lab.primary["spec"]["template"]["spec"]
    own = {"app.kubernetes.io/name": "mc-api-primary", "tier": "web"}
    required = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert [term["labelSelector"]["matchLabels"] for term in required] == [own]
    assert [term["labelSelector"]["matchLabels"] for term in pod["topologySpreadConstraints"]] == [own]


def second(lab: Lab) -> None:
    """Two Canaries, of two Deployments, with one Service."""
    lab.create(DEPLOYMENT, labelled("other", {"app": "other"}, "other:v1"))
    lab.create(CANARIES, canary_of("other", "other", service={"name": "web"}))


def adopted_by_the_first(lab: Lab) -> None:
    """The Service was there before both."""
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    service = {"metadata": {"name": "web"}, "spec": {"selector": {"app": "app"}, "ports": ports}}
    lab.api.call("POST", "/api/v1/namespaces/shop/services", {"apiVersion": "v1", "kind": "Service", **service})
    look(lab, 3)
    second(lab)


@pytest.mark.parametrize("make", [second, adopted_by_the_first], ids=["at once", "adopted"])
def test_a_second_canary_with_one_service_is_refused(make: Callable[[Lab], None]) -> None:
    """Both are named, and the Service goes on leading to the pods of the first."""
    lab = new_lab(canary_of("app", "app", service={"name": "web"}))
    make(lab)
    for _ in range(8):
        look(lab)
        assert answering(lab, "web") in ([], ["app"], ["app-primary"])
    other = "flagger.app/v1beta1/canaries/other"
    assert (refused(lab), lab.phase) == ("", "Initialized")
    assert refused(lab, other).startswith("spec.service.name: Services of 'web' belong to Canary app already")
    assert told(lab, "belong to Canary app already") == 1
