"""A Service that was there before its Canary goes on serving what it has served; discovered ports never collide."""

from typing import Any

import pytest

from handlers.rollout.objects import SERVICE
from handlers.rollout.objects.ownership import KEEPER
from tests.lab import Lab, a_canary, a_deployment, new_lab
from tests.protocol.situations import deleted
from tests.scenarios.neighbours import CANARY, answering, look, refused, told

HTTP = {"name": "http", "port": 80, "targetPort": 8080}
GRPC = {"name": "grpc", "port": 9000, "targetPort": 9000}


def served(*ports: dict[str, Any], canary: Any = None, **spec: Any) -> Lab:
    """A Service with these ports leads to the target, and a Canary that nobody has looked at."""
    lab = new_lab(canary)
    body = {"selector": {"app": "app"}, "ports": list(ports), **spec}
    lab.create(SERVICE, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "app"}, "spec": body})
    return lab


def ports(lab: Lab, name: str = "app") -> list[dict[str, Any]]:
    """The ports of a Service as it has them."""
    return list(lab.get(f"v1/services/{name}")["spec"]["ports"])


def test_other_ports_of_an_adopted_service_stay() -> None:
    """At its bootstrap and after; what else the Service says stays as well."""
    lab = served(HTTP, GRPC, type="LoadBalancer", externalTrafficPolicy="Local")
    look(lab, 4)
    spec = lab.get("v1/services/app")["spec"]
    assert (spec["type"], spec["externalTrafficPolicy"]) == ("LoadBalancer", "Local")
    assert [(port["name"], port["port"], port["targetPort"]) for port in spec["ports"]] == [
        ("http", 80, 8080),
        ("grpc", 9000, 9000),
    ]
    assert lab.get("v1/services/app")["metadata"]["annotations"][KEEPER] == "app"
    lab.push("app:v2")
    look(lab, 8)
    assert (lab.phase, {port["name"] for port in ports(lab)}) == ("Succeeded", {"http", "grpc"})


def test_the_pods_that_clients_call_go_after_the_service_leads_elsewhere() -> None:
    """With the event after the one that changes the Service."""
    lab = served(HTTP)
    while answering(lab, "app") != ["app-primary"]:
        look(lab)
    assert lab.target["spec"]["replicas"] == 1
    look(lab)
    assert lab.target["spec"]["replicas"] == 0


def test_a_port_is_known_by_its_number() -> None:
    """One without a name, as a Service with a single port may have, gets the Canary's, and keeps its node port."""
    lab = served({"port": 80, "targetPort": 8080, "nodePort": 31517}, type="NodePort")
    look(lab, 4)
    assert [(port["name"], port["port"], port["nodePort"]) for port in ports(lab)] == [("http", 80, 31517)]


def test_a_discovered_port_leaves_a_name_that_another_port_of_an_adopted_service_has() -> None:
    """Clients may call that one by its name: it stays at every look, and the new one has its number in its own."""
    deployment = a_deployment()
    containers = [{"name": "grpc", "containerPort": 9001}, {"name": "metrics", "containerPort": 9002}]
    deployment["spec"]["template"]["spec"]["containers"][0]["ports"] = containers
    lab = served(HTTP, GRPC, canary=a_canary(service={"port": 80, "targetPort": 8080, "portDiscovery": True}))
    lab.edit("apps/v1/deployments/app", {"spec": {"template": deployment["spec"]["template"]}})
    look(lab, 4)
    assert {(port["name"], port["port"]) for port in ports(lab)} == {
        ("http", 80),
        ("grpc", 9000),
        ("grpc-9001", 9001),
        ("metrics", 9002),
    }


def test_a_port_without_a_name_gets_one_beside_others() -> None:
    """The API server wants names where there are several."""
    lab = served({"port": 8443, "targetPort": 8443})
    look(lab, 4)
    assert {(port["name"], port["port"]) for port in ports(lab)} == {("http", 80), ("port-8443", 8443)}


CONTRADICTIONS = [
    pytest.param(
        [{"name": "http", "port": 8080, "targetPort": 8080}],
        {},
        "spec.service.port: 80, but Service shop/app, which is there already, has port 8080 of the name 'http'",
        id="its number",
    ),
    pytest.param(
        [{"name": "http", "port": 80, "targetPort": 9999}],
        {},
        "spec.service.targetPort: 8080, but Service shop/app, which is there already, leads from port 80 to 9999",
        id="its target",
    ),
    pytest.param(
        [{**HTTP, "appProtocol": "grpc"}],
        {"appProtocol": "http"},
        "spec.service.appProtocol: 'http', but Service shop/app, which is there already, says 'grpc'",
        id="its protocol",
    ),
]


@pytest.mark.parametrize(("there", "service", "why"), CONTRADICTIONS)
def test_a_service_that_contradicts_its_canary_is_not_adopted(
    there: list[dict[str, Any]], service: dict[str, Any], why: str
) -> None:
    """Before anything is written, with both fields and what to do; it serves as before, and mending one helps."""
    lab = served(*there, canary=a_canary(service=service))
    before = lab.get("v1/services/app")
    look(lab, 3)
    assert why in refused(lab)
    assert told(lab, why) == 1
    assert (lab.get("v1/services/app"), lab.primary, lab.target["spec"]["replicas"]) == (before, None, 1)
    lab.edit("v1/services/app", {"spec": {"ports": [{**HTTP, **service}]}})
    look(lab, 4)
    assert (lab.phase, refused(lab)) == ("Initialized", "")


def test_a_service_of_other_pods_is_not_adopted() -> None:
    """Its clients would get another application."""
    lab = new_lab()
    body = {"selector": {"app": "legacy"}, "ports": [HTTP]}
    lab.create(SERVICE, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "app"}, "spec": body})
    look(lab, 3)
    assert "selects {'app': 'legacy'}, and not the pods of Deployment shop/app" in refused(lab)
    assert lab.get("v1/services/app")["spec"]["selector"] == {"app": "legacy"}


def test_a_named_target_port_is_the_number_that_the_pods_say() -> None:
    """The two ways of writing one port do not contradict each other."""
    deployment = a_deployment()
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["ports"] = [{"name": "web", "containerPort": 8080}]
    lab = new_lab(None, deployment)
    body = {"selector": {"app": "app"}, "ports": [{**HTTP, "targetPort": "web"}]}
    lab.create(SERVICE, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "app"}, "spec": body})
    look(lab, 4)
    assert lab.phase == "Initialized"


def test_a_service_is_given_back_as_its_owners() -> None:
    """With revertOnDeletion nothing of ours stays on it."""
    lab = served(HTTP, GRPC, canary=a_canary(revertOnDeletion=True))
    look(lab, 4)
    deleted(lab)
    look(lab, 4)
    found = lab.get("v1/services/app")
    assert found["spec"]["selector"] == {"app": "app"}
    assert KEEPER not in (found["metadata"].get("annotations") or {})
    assert {port["name"] for port in ports(lab)} == {"http", "grpc"}


COLLISIONS = [
    pytest.param(
        [{"name": "http", "containerPort": 9003}, {"name": "ui", "containerPort": 9090}],
        {"port": 9090, "targetPort": 9090},
        {("http", "TCP", 9090), ("http-9003", "TCP", 9003)},
        id="the name of the Canary's port",
    ),
    pytest.param(
        [
            {"name": "http", "containerPort": 8080},
            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": 53},
        ],
        {"port": 80, "targetPort": 8080},
        {("http", "TCP", 80), ("dns", "UDP", 53), ("dns-tcp", "TCP", 53)},
        id="one number, two protocols",
    ),
    pytest.param(
        [
            {"name": "http", "containerPort": 8080},
            {"name": "a", "containerPort": 9000},
            {"name": "b", "containerPort": 9000},
        ],
        {"port": 8080, "targetPort": 8080},
        {("http", "TCP", 8080), ("a", "TCP", 9000)},
        id="one number twice",
    ),
    pytest.param(
        [{"name": "a", "containerPort": 80}, {"name": "web", "containerPort": 8080}],
        {"port": 80, "targetPort": "web"},
        {("http", "TCP", 80)},
        id="the number of the Canary's port",
    ),
    pytest.param(
        [{"name": "http", "containerPort": 53, "protocol": "UDP"}, {"name": "http", "containerPort": 53}],
        {"port": 80, "targetPort": 8080},
        {("http", "TCP", 80), ("http-53-udp", "UDP", 53), ("http-53", "TCP", 53)},
        id="one name, two protocols",
    ),
]


@pytest.mark.parametrize(("containers", "service", "expected"), COLLISIONS)
def test_discovered_ports_have_names_and_numbers_of_their_own(
    containers: list[dict[str, Any]], service: dict[str, Any], expected: set[tuple[str, str, int]]
) -> None:
    """As the API server wants them, and with their protocols."""
    deployment = a_deployment()
    deployment["spec"]["template"]["spec"]["containers"][0]["ports"] = containers
    lab = new_lab(a_canary(service={**service, "portDiscovery": True}), deployment)
    look(lab, 4)
    assert lab.phase == "Initialized"
    for name in ("app", "app-primary", "app-canary"):
        assert {(port["name"], port["protocol"], port["port"]) for port in ports(lab, name)} == expected


def test_a_port_that_a_new_version_gives_up_stays_as_long_as_the_primary_has_it() -> None:
    """Clients that call it are served until no pod listens there any more."""
    deployment = a_deployment()
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["ports"] = [{"name": "web", "containerPort": 8080}, {"name": "grpc", "containerPort": 9000}]
    lab = new_lab(a_canary(service={"portDiscovery": True}), deployment)
    look(lab, 4)
    changed = {**container, "image": "app:v2", "ports": [{"name": "web", "containerPort": 8080}]}
    lab.edit("apps/v1/deployments/app", {"spec": {"template": {"spec": {"containers": [changed]}}}})
    look(lab, 3)
    assert [port["port"] for port in ports(lab)] == [80, 9000]
    assert [port["port"] for port in ports(lab, "app-canary")] == [80]
    look(lab, 8)
    assert (lab.phase, [port["port"] for port in ports(lab)]) == ("Succeeded", [80])


def test_an_edit_that_contradicts_later_is_the_owners() -> None:
    """Once adopted, the port of the spec may change, as that of any Service of a Canary."""
    lab = served(HTTP, GRPC)
    look(lab, 4)
    lab.edit(CANARY, {"spec": {"service": {"port": 81}}})
    look(lab, 2)
    assert {(port["name"], port["port"]) for port in ports(lab)} == {("http", 81), ("grpc", 9000)}
