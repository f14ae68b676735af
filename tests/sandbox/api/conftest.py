"""The API server that the conformance tests talk to: the embedded one, or that of a cluster.

SERINUS_TEST_KUBECONFIG names the cluster, which has controllers and the definitions of Flagger and Istio.
"""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from handlers.sandbox.api.cluster import Cluster
from handlers.sandbox.api.server import Server
from handlers.sandbox.crds import install_crds
from tests.sandbox.api.client import Api, Json, widgets

CLUSTER = os.environ.get("SERINUS_TEST_KUBECONFIG", "")
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The embedded server with our CRDs."""
    cluster = Cluster()
    install_crds(cluster)
    with Server(cluster) as server:
        yield server


@pytest.fixture(scope="session")
def api(request: pytest.FixtureRequest) -> Api:
    """The server under test."""
    if CLUSTER:
        config = yaml.safe_load(Path(CLUSTER).read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        return Api(cluster["server"], user.get("token", ""), cluster.get("certificate-authority"))
    return Api(request.getfixturevalue("server").url)


@pytest.fixture(scope="session")
def embedded() -> None:
    """Asked for by tests of what only the embedded server promises."""
    if CLUSTER:
        pytest.skip("this is a promise of the embedded server alone")


@pytest.fixture
def namespace(api: Api) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    answer = api.post("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    assert answer.status == 201, answer.body
    yield name
    api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def configmaps(namespace: str) -> str:
    """The path of the ConfigMaps of the test's namespace."""
    return f"/api/v1/namespaces/{namespace}/configmaps"


@pytest.fixture
def deployments(namespace: str) -> str:
    """The path of the Deployments of the test's namespace."""
    return f"/apis/apps/v1/namespaces/{namespace}/deployments"


@pytest.fixture
def canaries(namespace: str) -> str:
    """The path of the Canaries of the test's namespace."""
    return f"/apis/flagger.app/v1beta1/namespaces/{namespace}/canaries"


@pytest.fixture(scope="session")
def widget_group(api: Api) -> Iterator[str]:
    """The group of a served resource `widgets`."""
    group = f"w{uuid.uuid4().hex[:8]}.example.org"
    assert api.post(CRDS, widgets(group)).status == 201
    _wait(api, group)
    yield group
    api.delete(f"{CRDS}/widgets.{group}")


@pytest.fixture
def widget_path(widget_group: str, namespace: str) -> str:
    """The path of the Widgets of the test's namespace."""
    return f"/apis/{widget_group}/v1/namespaces/{namespace}/widgets"


@pytest.fixture
def widget(widget_group: str) -> Json:
    """A Widget that is valid."""
    head = {"apiVersion": f"{widget_group}/v1", "kind": "Widget"}
    return head | {"metadata": {"name": "one"}, "spec": {"size": 1}}


def _wait(api: Api, group: str) -> None:
    for _ in range(2000):
        if api.get(f"/apis/{group}/v1/widgets").status == 200:
            return
    pytest.fail("the resource is not served")
