"""When the mesh gives Envoy what it has heard of."""

from typing import Any

import pytest

from handlers.sandbox.mesh import SETTLE_SECONDS, missing, settled, waited_for
from handlers.sandbox.topology import Topology

FOUND = Topology({}, {("test", "app"): (), ("other", "app"): ()})


def virtual_service(*hosts: str, protocol: str = "http") -> dict[str, Any]:
    """One in the namespace `test` that leads to these hosts."""
    destinations = [{"destination": {"host": host}} for host in hosts]
    return {"metadata": {"namespace": "test", "name": "app"}, "spec": {protocol: [{"route": destinations}]}}


@pytest.mark.parametrize(
    ("thing", "expected"),
    [
        pytest.param(virtual_service("app"), set(), id="its own namespace"),
        pytest.param(virtual_service("app.other.svc"), set(), id="another namespace"),
        pytest.param(virtual_service("app", "app-primary"), {("test", "app-primary")}, id="one of two"),
        pytest.param(virtual_service("redis", protocol="tcp"), {("test", "redis")}, id="connections"),
        pytest.param({"metadata": {"namespace": "test"}, "spec": {"http": [{"redirect": {}}]}}, set(), id="no route"),
    ],
)
def test_what_is_missing(thing: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    """Hosts without a Service are missing, whatever is sent to them."""
    assert missing(FOUND, [thing]) == expected


def test_a_route_that_is_heard_of_before_its_service_has_to_wait() -> None:
    """Clients never meet a route to what comes a moment later; one to what never comes takes effect all the same."""
    since = waited_for({("test", "app-primary")}, {}, 100.0)
    assert not settled(since, 100.0)
    assert settled(waited_for(set(), since, 100.5), 100.5)
    later = 100.0 + SETTLE_SECONDS
    assert settled(waited_for({("test", "app-primary")}, since, later), later)
