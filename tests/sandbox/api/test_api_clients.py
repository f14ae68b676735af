"""The official Python client against the server, over HTTP."""

from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, dynamic, watch
from kubernetes.client.exceptions import ApiException

from handlers.sandbox.api.server import Server
from tests.sandbox.api.client import canary, configmap, deployment

pytestmark = pytest.mark.usefixtures("embedded")
GROUP = ("flagger.app", "v1beta1")


@pytest.fixture
def official(server: Server) -> Any:
    """An ApiClient of the official client."""
    configuration = client.Configuration()
    configuration.host = server.url
    return client.ApiClient(configuration)


def test_custom_objects_api(official: Any, namespace: str) -> None:
    """create, get, list, patch, status, replace, delete of a custom resource."""
    api: Any = client.CustomObjectsApi(official)
    place = (*GROUP, namespace, "canaries")
    made = api.create_namespaced_custom_object(*place, canary())
    assert made["metadata"]["generation"] == 1
    assert len(api.list_namespaced_custom_object(*place)["items"]) == 1
    changed = api.patch_namespaced_custom_object(*place, "podinfo", {"spec": {"suspend": True}})
    assert changed["spec"]["suspend"] is True
    told = api.patch_namespaced_custom_object_status(*place, "podinfo", {"status": {"phase": "Waiting"}})
    assert api.replace_namespaced_custom_object(*place, "podinfo", told)["status"] == {"phase": "Waiting"}
    with pytest.raises(ApiException) as caught:
        api.replace_namespaced_custom_object(*place, "podinfo", made)
    assert caught.value.status == 409
    assert api.delete_namespaced_custom_object(*place, "podinfo")["status"] == "Success"


def test_custom_objects_api_serves_built_in_groups(official: Any, namespace: str) -> None:
    """Raw dictionaries of apps/v1 go through CustomObjectsApi as well."""
    api: Any = client.CustomObjectsApi(official)
    place = ("apps", "v1", namespace, "deployments")
    api.create_namespaced_custom_object(*place, deployment("a"))
    assert api.get_namespaced_custom_object(*place, "a")["spec"]["replicas"] == 1
    assert api.get_namespaced_custom_object_scale(*place, "a")["kind"] == "Scale"


def test_typed_apis(official: Any, namespace: str) -> None:
    """CoreV1Api and AppsV1Api read and write their models."""
    core: Any = client.CoreV1Api(official)
    apps: Any = client.AppsV1Api(official)
    core.create_namespaced_config_map(namespace, configmap("a", {"k": "v"}))
    assert core.read_namespaced_config_map("a", namespace).data == {"k": "v"}
    assert [item.metadata.name for item in core.list_namespaced_config_map(namespace).items] == ["a"]
    apps.create_namespaced_deployment(namespace, deployment("d"))
    apps.patch_namespaced_deployment("d", namespace, {"spec": {"replicas": 3}})
    assert apps.read_namespaced_deployment_scale("d", namespace).spec.replicas == 3
    assert client.VersionApi(official).get_code().git_version.startswith("v1.")


def test_dynamic_client(official: Any, namespace: str, tmp_path: Path) -> None:
    """DynamicClient discovers, creates, applies and gets."""
    make: Any = dynamic.DynamicClient
    found = make(official, cache_file=str(tmp_path / "discovery.json"))
    resource = found.resources.get(api_version="flagger.app/v1beta1", kind="Canary")
    resource.create(body=canary(), namespace=namespace)
    assert resource.get(name="podinfo", namespace=namespace).spec.analysis.threshold == 5
    maps = found.resources.get(api_version="v1", kind="ConfigMap")
    maps.server_side_apply(body=configmap("a", {"k": "v"}), name="a", namespace=namespace, field_manager="me")
    assert maps.get(name="a", namespace=namespace).data.k == "v"


def test_watch_of_custom_objects(official: Any, namespace: str) -> None:
    """The client's watch yields the events of a custom resource and stops when told to."""
    api: Any = client.CustomObjectsApi(official)
    place = (*GROUP, namespace, "canaries")
    api.create_namespaced_custom_object(*place, canary())
    make: Any = watch.Watch
    stream = make()
    events = stream.stream(api.list_namespaced_custom_object, *place, timeout_seconds=5)
    first = next(events)
    assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "podinfo")
    api.patch_namespaced_custom_object(*place, "podinfo", {"spec": {"suspend": True}})
    assert next(events)["type"] == "MODIFIED"
    stream.stop()
