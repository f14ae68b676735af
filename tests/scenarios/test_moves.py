"""Another target, another Service name, another autoscaler: what serves goes on serving until the new one can."""

from typing import Any

import pytest

from handlers.rollout.objects import DAEMONSET, DEPLOYMENT, HPA, SERVICE, VIRTUAL_SERVICE
from tests.fakes import Died
from tests.lab import Lab, a_canary, a_config, a_daemonset, an_alert, at, new_lab
from tests.protocol.harness import Watcher, process, run, state_of
from tests.protocol.situations import deleted, scaled
from tests.scalers import an_hpa
from tests.scenarios.neighbours import CANARY, answering, image, labelled, look, refused, replicas, told, unanswered

KEPT = {"service": {"name": "app"}}
"""The Service keeps its name."""


def rested(lab: Lab | None = None) -> Lab:
    """A lab at rest."""
    lab = lab or new_lab()
    lab.until("Initialized")
    look(lab, 2)
    return lab


def names(lab: Lab, **spec: Any) -> None:
    """The spec of the Canary says this by now."""
    lab.edit(CANARY, {"spec": spec})


def to_the_end(lab: Lab, ticks: int = 12) -> list[int]:
    """Ticks; how much of the traffic nobody answered after each of them, by the routes that there are."""
    lost = []
    for _ in range(ticks):
        look(lab)
        routes = lab.api.call("GET", "/apis/networking.istio.io/v1beta1/namespaces/shop/virtualservices").body["items"]
        lost += [unanswered(lab, route["metadata"]["name"]) for route in routes]
    return lost


@pytest.mark.parametrize("measured", [True, False], ids=["with metrics", "without"])
def test_another_target_takes_over_when_it_is_ready(measured: bool) -> None:
    """The Deployment gets another name, the Service keeps its own: at no time does a request go to nobody, and in the
    end the new one's primary serves and the former one is gone.
    """
    lab = rested(new_lab(None if measured else a_canary(analysis={"metrics": []})))
    lab.create(DEPLOYMENT, labelled("app2", {"app": "app2"}, "app:v2", replicas=2))
    lab.kubelet.never.add("app:v2")
    names(lab, targetRef={"name": "app2"}, **KEPT)
    assert set(to_the_end(lab, 4)) == {0}
    assert (answering(lab, "app-primary"), lab.phase) == (["app-primary"], "Initializing")
    lab.kubelet.never.clear()
    assert set(to_the_end(lab)) == {0}
    assert (lab.phase, answering(lab, "app-primary"), image(lab, "app2-primary")) == (
        "Initialized",
        ["app2-primary"],
        "app:v2",
    )
    assert replicas(lab) == {"app": 0, "app2": 0, "app2-primary": 2}
    assert told(lab, "Moving app.shop") == 1
    assert (state_of(lab).former, state_of(lab).apexes) == ((), ())


def test_another_target_with_the_same_labels() -> None:
    """A Deployment that was only renamed: its pods look like those of the one before, and are told by their owner."""
    lab = rested()
    lab.create(DEPLOYMENT, labelled("renamed", {"app": "app"}, "app:v2"))
    names(lab, targetRef={"name": "renamed"}, **KEPT)
    assert set(to_the_end(lab)) == {0}
    assert (lab.phase, answering(lab, "app-primary")) == ("Initialized", ["renamed-primary"])


def test_a_run_ends_before_the_target_moves() -> None:
    """At 100/0; the pods of the run go, and then the new one is bootstrapped."""
    lab = at(new_lab(), "Progressing", 40)
    lab.create(DEPLOYMENT, labelled("app2", {"app": "app2"}, "app:v9"))
    names(lab, targetRef={"name": "app2"}, **KEPT)
    look(lab)
    assert (lab.phase, lab.weights, lab.target["spec"]["replicas"]) == ("Initialized", (100, 0), 1)
    assert told(lab, "Rollout cancelled, the Canary names Deployment shop/app2 and Service app by now") == 1
    assert set(to_the_end(lab)) == {0}
    assert replicas(lab) == {"app": 0, "app2": 0, "app2-primary": 1}
    assert answering(lab, "app-primary") == ["app2-primary"]


def test_a_rollback_after_a_move_goes_to_the_new_primary() -> None:
    """The next rollout of the new target is one like any other."""
    lab = rested()
    lab.create(DEPLOYMENT, labelled("app2", {"app": "app2"}, "app:v2"))
    names(lab, targetRef={"name": "app2"}, **KEPT)
    to_the_end(lab)
    first = lab.get("apps/v1/deployments/app2")["spec"]["template"]["spec"]["containers"][0]
    template = {"spec": {"containers": [{**first, "image": "app:v3"}]}}
    lab.edit("apps/v1/deployments/app2", {"spec": {"template": template}})
    look(lab, 2)
    assert lab.weights == (80, 20)
    lab.step(an_alert(lab.clock.moment))
    assert (lab.phase, lab.weights, unanswered(lab)) == ("Failed", (100, 0), 0)


def test_another_name_of_the_service() -> None:
    """The new name answers before the old route goes; the Service that clients called before goes on answering."""
    lab = rested()
    names(lab, service={"name": "shop"})
    assert set(to_the_end(lab)) == {0}
    assert answering(lab, "shop") == answering(lab, "shop-primary") == answering(lab, "app") == ["app-primary"]
    gone = ("v1/services/app-primary", "v1/services/app-canary")
    rules = "networking.istio.io/v1beta1/destinationrules"
    routes = ("networking.istio.io/v1beta1/virtualservices/app", f"{rules}/app-primary", f"{rules}/app-canary")
    assert [path for path in (*gone, *routes) if lab.get(path)] == []
    assert state_of(lab).apexes == ("app",)


def test_another_name_of_the_service_in_the_middle_of_a_run() -> None:
    """The old host never gets a side without pods, and the new Services are made."""
    lab = at(new_lab(), "Progressing", 40)
    names(lab, service={"name": "shop"})
    assert set(to_the_end(lab, 20)) == {0}
    assert all(lab.get(f"v1/services/{name}") for name in ("shop", "shop-primary", "shop-canary"))
    assert lab.phase == "Succeeded"


def test_the_service_of_before_follows_the_primary() -> None:
    """It leads to pods that listen, also when the target moves later; a user may delete it, and it stays away."""
    lab = rested()
    names(lab, service={"name": "shop"})
    to_the_end(lab)
    lab.create(DEPLOYMENT, labelled("app2", {"app": "app2"}))
    names(lab, targetRef={"name": "app2"})
    assert set(to_the_end(lab)) == {0}
    assert answering(lab, "app") == answering(lab, "shop") == ["app2-primary"]
    lab.delete(SERVICE, "app")
    look(lab, 4)
    assert lab.get("v1/services/app") is None


def test_back_again_before_it_was_ready() -> None:
    """The spec names the first target again: it serves as ever, and what was begun for the other one goes."""
    lab = rested()
    lab.create(DEPLOYMENT, labelled("app2", {"app": "app2"}, "app:never"))
    lab.kubelet.never.add("app:never")
    names(lab, targetRef={"name": "app2"}, **KEPT)
    to_the_end(lab, 3)
    names(lab, targetRef={"name": "app"}, **KEPT)
    assert set(to_the_end(lab)) == {0}
    assert (lab.phase, answering(lab, "app-primary")) == ("Initialized", ["app-primary"])
    assert "app2-primary" not in replicas(lab)


def test_another_kind_of_target() -> None:
    """A DaemonSet in place of a Deployment, of the same name."""
    lab = rested()
    daemons = a_daemonset("app:v2")
    daemons["spec"]["selector"]["matchLabels"] = daemons["spec"]["template"]["metadata"]["labels"] = {"app": "nodes"}
    daemons["metadata"]["name"] = "nodes"
    lab.create(DAEMONSET, daemons)
    names(lab, targetRef={"kind": "DaemonSet", "name": "nodes"}, **KEPT)
    to_the_end(lab)
    assert lab.phase == "Initialized"
    assert lab.get("v1/services/app-primary")["spec"]["selector"] == {"app": "nodes-primary"}
    assert lab.get("apps/v1/daemonsets/nodes-primary")
    assert "app-primary" not in replicas(lab)


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        pytest.param({"targetRef": {"name": "nowhere"}}, "Deployment shop/nowhere does not exist", id="no such target"),
        pytest.param(
            {"targetRef": {"apiVersion": "v1", "kind": "Service", "name": "app"}}, "cannot move between", id="a Service"
        ),
        pytest.param({"service": {"name": "taken"}}, "selects {'app': 'else'}", id="somebody else's Service"),
    ],
)
def test_a_move_that_cannot_be_made_is_told(spec: dict[str, Any], why: str) -> None:
    """Where the user looks, with what to do; what serves goes on serving, and the edit can be taken back."""
    lab = rested()
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    body = {"selector": {"app": "else"}, "ports": ports}
    lab.create(SERVICE, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "taken"}, "spec": body})
    before = lab.get("v1/services/taken")["spec"]
    names(lab, **spec)
    look(lab, 3)
    assert why in refused(lab)
    assert "Service app goes on leading to Deployment shop/app-primary" in refused(lab)
    assert (lab.phase, unanswered(lab), lab.get("v1/services/taken")["spec"]) == ("Initialized", 0, before)
    lab.push("app:v2")
    look(lab, 4)
    assert (lab.weights, lab.phase) == ((100, 0), "Initialized")
    names(lab, targetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"}, service={"name": None})
    look(lab, 10)
    assert (refused(lab), lab.phase) == ("", "Succeeded")


def test_another_autoscaler() -> None:
    """Two of them would fight over the primary: the copy of the former one goes."""
    lab = rested(scaled(HPA))
    other = an_hpa()
    other["metadata"] = {"name": "other"}
    lab.create(HPA, other)
    names(lab, autoscalerRef={"name": "other"})
    look(lab, 4)
    path = "autoscaling/v2/horizontalpodautoscalers"
    assert [bool(lab.get(f"{path}/{name}")) for name in ("app-primary", "other-primary")] == [False, True]


def test_the_copies_of_configs_go_with_the_primary_that_read_them() -> None:
    """A ConfigMap that the new target does not read leaves no copy."""
    reads = labelled("app", {"app": "app"})
    reads["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "app-config"}}]
    lab = new_lab(None, reads)
    a_config(lab, "app-config", {"k": "a"})
    rested(lab)
    assert lab.get("v1/configmaps/app-config-primary")
    lab.create(DEPLOYMENT, labelled("app2", {"app": "app2"}))
    names(lab, targetRef={"name": "app2"}, **KEPT)
    to_the_end(lab)
    assert lab.get("v1/configmaps/app-config-primary") is None


def test_a_deletion_after_a_move_gives_the_new_target_its_traffic() -> None:
    """revertOnDeletion is about what the Canary names now."""
    lab = rested(new_lab(a_canary(revertOnDeletion=True)))
    lab.create(DEPLOYMENT, labelled("app2", {"app": "app2"}))
    names(lab, targetRef={"name": "app2"}, **KEPT)
    to_the_end(lab)
    deleted(lab)
    look(lab, 4)
    assert (lab.canary, replicas(lab)["app2"]) == (None, 1)


def test_who_stands_still_before_it_deletes_does_not_delete_what_serves_again() -> None:
    """A process that was about to take the former primary away wakes up after the spec has gone back to it."""
    lab = rested()
    lab.create(DEPLOYMENT, labelled("app2", {"app": "app2"}))
    names(lab, targetRef={"name": "app2"}, **KEPT)

    def dies(verb: str, path: str) -> None:
        if verb == "delete" and path.endswith("/deployments/app-primary"):
            raise Died

    stale: dict[str, Any] = {}
    for _ in range(12):
        lab.kubelet.run()
        lab.clock.tick(10)
        if run(process(lab, Watcher(before=dies)), lab) == "died":
            stale = lab.get("apps/v1/deployments/app-primary")
            break
    assert stale
    lab.clock.tick(60)
    names(lab, targetRef={"name": "app"}, **KEPT)
    look(lab)
    preconditions = {key: stale["metadata"][key] for key in ("uid", "resourceVersion")}
    reply = lab.api.call(
        "DELETE", "/apis/apps/v1/namespaces/shop/deployments/app-primary", {"preconditions": preconditions}
    )
    assert reply.status == 409
    to_the_end(lab)
    assert answering(lab, "app-primary") == ["app-primary"]


@pytest.mark.parametrize("annotation", ["serinus.dev/pause", "serinus.dev/freeze"])
def test_a_move_waits_while_the_canary_is_held(annotation: str) -> None:
    """Nothing starts then, and a bootstrap starts a version."""
    lab = rested()
    window = "2000-01-01T00:00Z/2100-01-01T00:00Z"
    mark = "true" if annotation.endswith("pause") else window
    lab.edit(CANARY, {"metadata": {"annotations": {annotation: mark}}})
    lab.create(DEPLOYMENT, labelled("app2", {"app": "app2"}, "app:v2"))
    names(lab, targetRef={"name": "app2"}, **KEPT)
    look(lab, 4)
    assert (lab.phase, answering(lab, "app-primary")) == ("Initialized", ["app-primary"])
    assert "app2-primary" not in replicas(lab)
    lab.edit(CANARY, {"metadata": {"annotations": {annotation: None}}})
    to_the_end(lab)
    assert answering(lab, "app-primary") == ["app2-primary"]


def test_an_adopted_route_is_given_back_and_the_move_is_over() -> None:
    """It stays, for it is its owner's, and says what it said first."""
    lab = new_lab()
    rules = {"hosts": ["app"], "http": [{"route": [{"destination": {"host": "app"}}]}]}
    kind = {"apiVersion": VIRTUAL_SERVICE.api_version, "kind": VIRTUAL_SERVICE.name}
    lab.create(VIRTUAL_SERVICE, {**kind, "metadata": {"name": "app"}, "spec": rules})
    rested(lab)
    names(lab, service={"name": "shop"})
    to_the_end(lab)
    assert lab.get("networking.istio.io/v1beta1/virtualservices/app")["spec"] == rules
    assert (state_of(lab).former, lab.get("v1/services/app-primary")) == ((), None)
