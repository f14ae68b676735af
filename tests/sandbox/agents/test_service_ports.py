"""Real requests to the ports of a Service, and to the pods that its selector means."""

from typing import Any

import urllib3

from tests.sandbox.agents.place import Manifest, Place


def deploy(place: Place, name: str, tag: str, ports: list[Manifest], labels: dict[str, str] | None = None) -> None:
    """A Deployment whose container declares these ports, rolled out; its labels are `app: NAME` or those given."""
    labels = labels or {"app": name}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "app", "image": f"app:{tag}", "ports": ports}]},
    }
    place.deployment(name, tag, selector={"matchLabels": labels}, template=template)


def serve(place: Place, ports: list[Manifest], selector: dict[str, str] | None = None) -> None:
    """The Service `app` with these ports."""
    spec: dict[str, Any] = {"selector": selector or {"app": "app"}, "ports": ports}
    place.sandbox.apply({"apiVersion": "v1", "kind": "Service", "metadata": place.meta("app"), "spec": spec})


def get(place: Place, port: int | None = None) -> str:
    """Who answers a request to a port of the Service `app`: a version, or the status where no pod does."""
    host = f"app.{place.namespace}" + (f":{port}" if port else "")
    answer = urllib3.request("GET", place.sandbox.ingress_url, headers={"host": host})
    return answer.headers.get("x-version", str(answer.status))


def test_a_target_port_that_nobody_listens_on_refuses_connections(place: Place) -> None:
    """A ready pod does not answer at a port that none of its containers has; once the Service is mended, it does."""
    deploy(place, "app", "1", [{"containerPort": 8080}])
    serve(place, [{"port": 80, "targetPort": 8080}])
    place.eventually(lambda: get(place) == "1", "the pod answers at its port")
    serve(place, [{"port": 80, "targetPort": 9090}])
    place.eventually(lambda: get(place) == "503", "the other port is refused")
    serve(place, [{"port": 80, "targetPort": 8080}])
    place.eventually(lambda: get(place) == "1", "the pod answers again")


def test_a_port_by_name_is_looked_up_in_each_pod(place: Place) -> None:
    """Pods that call different ports by one name all answer; a name that no pod has leads to nobody."""
    for name, number in (("old", 8080), ("new", 9090)):
        deploy(place, name, name, [{"name": "web", "containerPort": number}], {"app": "app", "side": name})
    serve(place, [{"port": 80, "targetPort": "web"}])
    place.eventually(lambda: place.answers(20).keys() == {"old", "new"}, "both answer")
    serve(place, [{"port": 80, "targetPort": "http"}])
    place.eventually(lambda: get(place) == "503", "nobody answers")


def test_each_port_of_a_service_leads_to_its_own_target_port(place: Place) -> None:
    """Of three ports two are the pod's and answer, the third is refused; one that the Service has not is unknown."""
    deploy(place, "app", "1", [{"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 9797}])
    serve(
        place,
        [
            {"name": "http", "port": 80, "targetPort": "http"},
            {"name": "metrics", "port": 9797},
            {"name": "grpc", "port": 9999},
        ],
    )
    place.eventually(lambda: get(place) == "1", "the Service answers")
    assert {port: get(place, port) for port in (80, 9797, 9999, 1234)} == {
        80: "1",
        9797: "1",
        9999: "503",
        1234: "404",
    }


def test_a_pod_that_declares_no_port_listens_on_8080(place: Place) -> None:
    """What its app listens on is not known otherwise; any other port is refused."""
    deploy(place, "app", "1", [])
    serve(place, [{"name": "web", "port": 80, "targetPort": 8080}, {"name": "other", "port": 81, "targetPort": 9898}])
    place.eventually(lambda: get(place) == "1", "8080 answers")
    assert get(place, 81) == "503"


def test_while_a_port_moves_only_the_pods_that_have_it_answer(place: Place) -> None:
    """Old pods listen on the Service's port and new ones do not: the new ones' share of the connections is refused."""
    deploy(place, "old", "1", [{"containerPort": 8080}], {"app": "app", "side": "old"})
    deploy(place, "new", "2", [{"containerPort": 9090}], {"app": "app", "side": "new"})
    serve(place, [{"port": 80, "targetPort": 8080}])
    place.eventually(lambda: place.answers(10).keys() == {"1", "503"}, "some are answered and some refused")
    found = place.answers(100)
    assert 30 < found["503"] < 70
    assert found["1"] == 100 - found["503"]


def test_a_route_without_a_port_takes_the_port_that_was_asked_for(place: Place) -> None:
    """As in Istio: the only port of the Service that a route leads to; of several, that of the request."""
    deploy(place, "app", "1", [{"containerPort": 8080}])
    serve(place, [{"name": "a", "port": 80, "targetPort": 9999}, {"name": "b", "port": 81, "targetPort": 8080}])
    place.virtual_service({"route": [{"destination": {"host": "app"}}]})
    place.eventually(lambda: get(place, 81) == "1", "81 leads to the pod's port")
    assert get(place, 80) == "503"
    place.virtual_service({"route": [{"destination": {"host": "app", "port": {"number": 81}}}]})
    place.eventually(lambda: get(place, 80) == "1", "the route says 81 for all")
    place.virtual_service({"route": [{"destination": {"host": "app", "port": {"number": 82}}}]})
    place.eventually(lambda: get(place, 80) == get(place, 81) == "503", "there is no port 82")


def test_a_service_leads_to_every_pod_that_has_its_labels(place: Place) -> None:
    """Whoever owns it: another Deployment's pods and one of nobody answer too; a pod that lacks a label does not."""
    both = {"app": "app", "tier": "web"}
    deploy(place, "app", "own", [], both)
    deploy(place, "other", "other", [], {**both, "more": "labels"})
    deploy(place, "worker", "worker", [], {"app": "app", "tier": "worker"})
    pod = {"metadata": place.meta("bare", labels=both), "spec": {"containers": [{"name": "app", "image": "app:bare"}]}}
    place.sandbox.apply({"apiVersion": "v1", "kind": "Pod", **pod})
    serve(place, [{"port": 80, "targetPort": 8080}], both)
    place.eventually(lambda: place.answers(30).keys() == {"own", "other", "bare"}, "all three answer")
    serve(place, [{"port": 80, "targetPort": 8080}], {"app": "app", "tier": "worker"})
    place.eventually(lambda: place.answers(30) == {"worker": 30}, "the worker alone answers")


def test_a_job_that_has_a_services_labels_refuses_its_connections(place: Place) -> None:
    """A Job's pod is ready while it runs, and no server: a Service that selects it by mistake loses requests."""
    deploy(place, "app", "1", [])
    serve(place, [{"port": 80, "targetPort": 8080}])
    place.eventually(lambda: place.answers(10) == {"1": 10}, "the pod answers")
    container = {"name": "job", "image": "busybox", "command": ["sleep", "60"]}
    template = {
        "metadata": {"labels": {"app": "app"}},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": place.meta("migrate"), "spec": {"template": template}}
    place.sandbox.apply(job)
    place.eventually(lambda: place.answers(10).keys() == {"1", "503"}, "the Job's share is refused")
