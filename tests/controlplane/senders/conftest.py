"""A place for each kind of sender: the handlers at work on the control plane, and a node and a mesh for it."""

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from handlers.sandbox.kube import Resource
from handlers.sandbox.sandbox import Options
from tests.controlplane.control_plane import ADMIN, ControlPlane
from tests.controlplane.senders.site import Site, open_site
from tests.e2e.town import App


@pytest.fixture(scope="module")
def site(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Without Prometheus, and ended with its module: a control plane has one such node at a time."""
    if find_spec("envoy") is None:
        pytest.skip("Envoy is not installed: pip install 'serinus[sandbox]'")
    options = Options(kubeconfig=plane.kubeconfig(ADMIN), metrics=False)
    with open_site(plane, tmp_path_factory.mktemp("site"), lambda _: options) as found:
        yield found


@pytest.fixture
def app(site: Site) -> Iterator[App]:
    """An app in a namespace of its own, initialized; nothing that senders have done before is remembered."""
    found = site.app()
    found.start("1", {"stepWeight": 50, "maxWeight": 50})
    site.passed.clear()
    yield found
    site.sandbox.kube.delete(Resource("v1", "namespaces"), "", found.namespace)
