"""When the mesh goes by what it has heard of."""

from typing import Any

import pytest

from handlers.sandbox.mesh import SETTLE_SECONDS, Heard, missing, settled
from handlers.sandbox.topology import Topology

FOUND = Topology({}, {("test", "app"): {80: ()}, ("other", "app"): {80: ()}})
APP = ("test", "app")


def virtual_service(
    *hosts: str, protocol: str = "http", namespace: str = "test", port: int | None = None
) -> dict[str, Any]:
    """One that leads to these hosts, and to a port of theirs."""
    where = {"port": {"number": port}} if port else {}
    destinations = [{"destination": {"host": host} | where} for host in hosts]
    return {"metadata": {"namespace": namespace, "name": "app"}, "spec": {protocol: [{"route": destinations}]}}


@pytest.mark.parametrize(
    ("thing", "expected"),
    [
        pytest.param(virtual_service("app"), set(), id="its own namespace"),
        pytest.param(virtual_service("app.other.svc"), set(), id="another namespace"),
        pytest.param(virtual_service("app", "app-primary"), {"app-primary"}, id="one of two"),
        pytest.param(virtual_service("redis", protocol="tcp"), {"redis"}, id="connections"),
        pytest.param(virtual_service("app", port=80), set(), id="its port"),
        pytest.param(virtual_service("app", port=81), {"app"}, id="another port"),
        pytest.param({"metadata": {"namespace": "test"}, "spec": {"http": [{"redirect": {}}]}}, set(), id="no route"),
    ],
)
def test_what_is_missing(thing: dict[str, Any], expected: set[str]) -> None:
    """Hosts without a Service, or the port of one, are missing, whatever is sent to them."""
    assert missing(FOUND, thing) == expected


def test_a_route_that_is_heard_of_before_its_service_has_to_wait() -> None:
    """Clients never meet a route to what comes a moment later; one to what never comes takes effect all the same."""
    new = virtual_service("app-primary")
    early = settled(FOUND, [new], Heard(), 100.0)
    assert early.taken == {}
    whole = Topology({}, {**FOUND.services, ("test", "app-primary"): {80: ()}})
    assert settled(whole, [new], early, 100.5) == Heard({APP: new}, {})
    assert settled(FOUND, [new], early, 100.0 + SETTLE_SECONDS).taken == {APP: new}


def test_meanwhile_its_last_version_stands() -> None:
    """An edit that has to wait takes nothing away from what there was."""
    old, new = virtual_service("app"), virtual_service("app", "app-canary")
    before = settled(FOUND, [old], Heard(), 99.0)
    assert settled(FOUND, [new], before, 100.0).taken == {APP: old}


def test_others_do_not_wait_for_it() -> None:
    """What takes long in one namespace holds back no change in another: two of them at once would be in no order."""
    other = virtual_service("app", namespace="other")
    found = settled(FOUND, [virtual_service("app-primary"), other], Heard(), 100.0)
    assert found.taken == {("other", "app"): other}
