"""A control plane for all tests here: with an audit log, and with users whose requests are told apart."""

from collections.abc import Iterator

import pytest

from tests.controlplane.control_plane import ControlPlane
from tests.controlplane.definitions import definitions
from tests.controlplane.programs import build


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """It has the definitions of Flagger and Istio, and the users flagger and serinus, who may do everything."""
    build()
    with ControlPlane(tmp_path_factory.mktemp("plane"), "flagger", "serinus") as running:
        running.install(*definitions("github.com/fluxcd/flagger", "istio.io/api"))
        yield running
