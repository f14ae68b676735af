"""The embedded API server is held to the real one: the same requests, drawn by chance, get the same answers."""

import itertools
from collections.abc import Iterator

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from handlers.sandbox.api.cluster import Cluster
from handlers.sandbox.api.server import Server
from tests.controlplane.bodies import PATHS
from tests.controlplane.comparison import happened, made, shown
from tests.controlplane.control_plane import ADMIN, CRDS, ControlPlane
from tests.controlplane.definitions import definitions
from tests.controlplane.programs import build
from tests.controlplane.requests import Call, calls
from tests.sandbox.api.client import Api

MODULES = ("github.com/fluxcd/flagger", "istio.io/api")
Pair = tuple[Api, Api]
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The embedded server and a real one, with the same definitions, and nobody else who writes."""
    build()
    embedded = Cluster()
    for definition in definitions(*MODULES):
        reply = embedded.call("POST", CRDS.path(), definition)
        assert reply.status == 201, reply.body
    with ControlPlane(tmp_path_factory.mktemp("plane"), controllers=False) as plane, Server(embedded) as server:
        plane.install(*definitions(*MODULES))
        config = yaml.safe_load(plane.kubeconfig(ADMIN).read_text())
        authority = config["clusters"][0]["cluster"]["certificate-authority"]
        yield Api(server.url), Api(plane.url, config["users"][0]["user"]["token"], authority)


@settings(
    max_examples=120,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
@given(drawn=st.lists(calls(), min_size=1, max_size=12), watched=st.sampled_from(sorted(PATHS)))
def test_the_same_requests_get_the_same_answers(pair: Pair, drawn: list[Call], watched: str) -> None:
    """Status, reason, fields that a refusal names, the object with its owners of fields, and the events of a watch."""
    namespace = f"n{next(_numbers)}"
    begins = []
    for api in pair:
        head = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        begins.append(api.post("/api/v1/namespaces", head).version)
    for call in drawn:
        note(str(call))
        ours, real = (shown(made(api, namespace, call)) for api in pair)
        assert ours == real
    ours, real = (happened(api, namespace, watched, begin) for api, begin in zip(pair, begins, strict=True))
    assert ours == real
