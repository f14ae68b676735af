"""What containers take from ConfigMaps and Secrets."""

from typing import Any

import pytest
import urllib3

from handlers.sandbox.environment import Missing, environment
from handlers.sandbox.kube import CONFIG_MAPS, SECRETS, Object, Resource
from tests.sandbox.agents.place import Place

CONFIG = {"data": {"MESSAGE": "hello", "OTHER": "1"}}
SECRET = {"data": {"MESSAGE": "c2VjcmV0"}}


def find(resource: Resource, name: str) -> Object | None:
    """A ConfigMap and a Secret, both called `app`."""
    return {(CONFIG_MAPS, "app"): CONFIG, (SECRETS, "app"): SECRET}.get((resource, name))


def ref(kind: str, key: str, name: str = "app", **more: Any) -> dict[str, Any]:
    """MESSAGE from a key."""
    return {"name": "MESSAGE", "valueFrom": {kind: {"name": name, "key": key, **more}}}


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({}, {}),
        ({"env": [{"name": "A", "value": "1"}, {"name": "B"}]}, {"A": "1", "B": ""}),
        ({"envFrom": [{"configMapRef": {"name": "app"}}]}, {"MESSAGE": "hello", "OTHER": "1"}),
        ({"envFrom": [{"prefix": "P_", "secretRef": {"name": "app"}}]}, {"P_MESSAGE": "secret"}),
        (
            {"envFrom": [{"secretRef": {"name": "app"}}, {"configMapRef": {"name": "app"}}]},
            {"MESSAGE": "hello", "OTHER": "1"},
        ),
        (
            {"envFrom": [{"secretRef": {"name": "app"}}], "env": [{"name": "MESSAGE", "value": "said"}]},
            {"MESSAGE": "said"},
        ),
        ({"env": [ref("configMapKeyRef", "OTHER")]}, {"MESSAGE": "1"}),
        ({"env": [ref("secretKeyRef", "MESSAGE")]}, {"MESSAGE": "secret"}),
        ({"env": [ref("secretKeyRef", "NONE", optional=True)]}, {}),
        ({"env": [ref("configMapKeyRef", "X", "none", optional=True)]}, {}),
        ({"envFrom": [{"configMapRef": {"name": "none", "optional": True}}]}, {}),
        ({"env": [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}, {}),
    ],
)
def test_variables_come_from_where_the_container_says(container: dict[str, Any], expected: dict[str, str]) -> None:
    """As the kubelet puts them together."""
    assert environment(container, find) == expected


@pytest.mark.parametrize(
    "container",
    [
        {"env": [ref("secretKeyRef", "NONE")]},
        {"env": [ref("configMapKeyRef", "MESSAGE", "none")]},
        {"envFrom": [{"secretRef": {"name": "none"}}]},
    ],
)
def test_what_is_not_there_is_missed(container: dict[str, Any]) -> None:
    """Unless it is optional."""
    with pytest.raises(Missing):
        environment(container, find)


def test_a_pod_waits_for_its_config_and_answers_with_it(place: Place) -> None:
    """Without the ConfigMap it is pending, and says why; then its value comes with the answers."""
    place.service("app", "app")
    containers = [{"name": "app", "image": "app:1", "envFrom": [{"configMapRef": {"name": "app"}}]}]
    template = {"metadata": {"labels": {"app": "app"}}, "spec": {"containers": containers}}
    place.deployment("app", "1", wait=False, template=template)

    def reasons() -> set[str]:
        states = [pod["status"].get("containerStatuses") or [{}] for pod in place.pods()]
        return {(state[0].get("state", {}).get("waiting") or {}).get("reason", "") for state in states}

    place.eventually(lambda: reasons() == {"CreateContainerConfigError"}, "the pod waits")
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": place.meta("app"), "data": {"MESSAGE": "hé\r\nllo"}}
    place.sandbox.apply(config)
    place.sandbox.wait_rolled_out(place.namespace, "app")
    place.eventually(lambda: place.answers(1) == {"1": 1}, "the pod answers")
    answer = urllib3.request("GET", place.sandbox.ingress_url, headers={"host": f"app.{place.namespace}"})
    assert answer.headers["x-message"] == "hllo"
