"""Another target with the pod labels of before: no Service could tell the new primary from the former one."""

from typing import Any

from handlers.rollout.objects import DAEMONSET, DEPLOYMENT
from tests.lab import Lab, a_canary, a_daemonset, new_lab
from tests.protocol.clients import Answer, Clients
from tests.protocol.harness import state_of
from tests.scenarios.neighbours import CANARY, answering, image, labelled, look, refused, replicas, told

SAME = {"app": "app"}
PORT = 9090


def version(name: str, image: str = "app:v2", port: int = PORT) -> dict[str, Any]:
    """A Deployment whose pods listen on this port."""
    made = labelled(name, SAME, image, replicas=2)
    made["spec"]["template"]["spec"]["containers"][0]["ports"] = [{"name": "http", "containerPort": port}]
    return made


def begun(*seed: dict[str, Any]) -> tuple[Lab, Clients]:
    """A lab at rest, and who answers its clients."""
    lab = new_lab(*(seed or (None, version("app", "app:v1", 8080))))
    lab.until("Initialized")
    look(lab, 2)
    return lab, Clients(lab)


def renamed(lab: Lab) -> None:
    """The Canary names the other Deployment; clients call what they called before."""
    lab.edit(CANARY, {"spec": {"targetRef": {"name": "app2"}, "service": {"name": "app", "targetPort": PORT}}})


def wrong(lab: Lab, clients: Clients, ticks: int) -> list[tuple[str, ...]]:
    """Ticks; what was wrong for clients after each of them: nobody, two workloads behind one Service, a deaf port."""
    found = []
    for _ in range(ticks):
        look(lab)
        clients.noticed()
        found += [answer.why for answer in clients.answers().values() if answer != Answer()]
    return found


def test_a_renamed_deployment_serves_until_it_has_a_primary() -> None:
    """At no time does a Service lead to pods of two versions, or to a port that nobody listens on."""
    lab, clients = begun()
    lab.delete(DEPLOYMENT, "app")
    lab.create(DEPLOYMENT, version("app2"))
    renamed(lab)
    assert wrong(lab, clients, 12) == []
    assert (lab.phase, image(lab, "app2-primary")) == ("Initialized", "app:v2")
    assert replicas(lab) == {"app2": 0, "app2-primary": 2}
    assert told(lab, "All traffic to app2.shop until app2-primary.shop is ready") == 1
    assert (state_of(lab).former, state_of(lab).weight) == ((), 0)


def test_another_kind_of_target_with_the_same_labels() -> None:
    """A DaemonSet becomes a Deployment of its name, and so does its primary."""
    target = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "app"}
    lab, clients = begun(a_canary(targetRef=target), a_daemonset())
    lab.delete(DAEMONSET, "app")
    lab.create(DEPLOYMENT, version("app", "app:v2", 8080))
    lab.edit(CANARY, {"spec": {"targetRef": {**target, "kind": "Deployment"}}})
    assert wrong(lab, clients, 12) == []
    assert (lab.phase, image(lab, "app-primary")) == ("Initialized", "app:v2")
    assert lab.get("apps/v1/daemonsets/app-primary") is None


def test_the_former_primary_serves_until_the_new_target_can() -> None:
    """Nothing of it is touched before."""
    lab, clients = begun()
    lab.kubelet.never.add("app:v2")
    lab.create(DEPLOYMENT, version("app2"))
    renamed(lab)
    assert wrong(lab, clients, 6) == []
    assert (lab.phase, lab.weights, answering(lab, "app")) == ("Initializing", (100, 0), ["app-primary"])
    assert "app2-primary" not in replicas(lab)


def test_back_again_while_the_new_target_stands_in() -> None:
    """The former primary is still there, and serves again."""
    lab, clients = begun()
    lab.create(DEPLOYMENT, version("app2", port=8080))
    lab.edit(CANARY, {"spec": {"targetRef": {"name": "app2"}, "service": {"name": "app"}}})
    while lab.weights != (0, 100):
        assert wrong(lab, clients, 1) == []
    lab.edit(CANARY, {"spec": {"targetRef": {"name": "app"}}})
    assert wrong(lab, clients, 12) == []
    assert (lab.phase, lab.weights, answering(lab, "app-primary")) == ("Initialized", (100, 0), ["app-primary"])
    assert "app2-primary" not in replicas(lab)


def test_a_former_target_that_still_has_pods_is_named() -> None:
    """The Service of the new target would lead to them as well, with all of the traffic."""
    lab, clients = begun()
    lab.create(DEPLOYMENT, version("app2", port=8080))
    lab.edit(CANARY, {"spec": {"targetRef": {"name": "app2"}, "service": {"name": "app"}}})
    lab.edit("apps/v1/deployments/app", {"spec": {"replicas": 1}})
    look(lab)
    lab.edit("apps/v1/deployments/app", {"spec": {"replicas": 1}})
    assert wrong(lab, clients, 6) == []
    assert "would lead to pods of Deployment shop/app as well" in refused(lab)
    assert answering(lab, "app") == ["app-primary"]
    lab.delete(DEPLOYMENT, "app")
    assert wrong(lab, clients, 12) == []
    assert (lab.phase, answering(lab, "app")) == ("Initialized", ["app2-primary"])
