"""What watches have seen becomes rows in the order of the writes."""

from typing import Any

from handlers.rollout.objects import CANARY, DEPLOYMENT, EVENT, SERVICE, Kind
from tests.lab import a_deployment
from tests.parity.changes import COMBINED, Change, events_of, writes_of


def changed(version: int, kind: Kind, name: str, obj: dict[str, Any] | None) -> Change:
    """A write in the namespace."""
    return Change(version, kind, "shop", name, obj)


def phase(name: str) -> dict[str, Any]:
    """A Canary in a phase."""
    return {"status": {"phase": name, "canaryWeight": 0, "failedChecks": 0, "iterations": 0}}


def event(message: str, about: str = CANARY.name) -> dict[str, Any]:
    """A Kubernetes Event."""
    return {"type": "Normal", "message": message, "involvedObject": {"kind": about}}


def test_writes_of_different_kinds_are_put_in_the_order_of_their_versions() -> None:
    """Watches tell each kind apart, and one may be late: the version says what came first."""
    seen = [
        changed(7, CANARY, "app", phase("Initialized")),
        changed(5, CANARY, "app", phase("Initializing")),
        changed(6, DEPLOYMENT, "app-primary", a_deployment()),
        changed(3, DEPLOYMENT, "app", a_deployment()),
    ]
    assert writes_of(seen, "app") == [
        ["target", "app:v1", 1],
        ["status", "Initializing", 0, 0, 0],
        ["app-primary", "app:v1", 1],
        ["status", "Initialized", 0, 0, 0],
    ]


def test_a_write_that_changes_nothing_of_a_row_is_no_row() -> None:
    """Controllers write the status of a Deployment, and Flagger the time of its own, without anything to compare."""
    ready = a_deployment() | {"status": {"readyReplicas": 1}}
    seen = [changed(1, DEPLOYMENT, "app", a_deployment()), changed(2, DEPLOYMENT, "app", ready)]
    assert writes_of(seen, "app") == [["target", "app:v1", 1]]


def test_what_goes_in_one_go_is_sorted_and_what_is_made_again_is_written_again() -> None:
    """Garbage collection has no order; an object that comes back comes as a row of its own."""
    seen = [
        changed(1, DEPLOYMENT, "app-primary", a_deployment()),
        changed(2, CANARY, "app", phase("Initialized")),
        changed(3, DEPLOYMENT, "app-primary", None),
        changed(4, CANARY, "app", None),
        changed(5, DEPLOYMENT, "app-primary", a_deployment()),
    ]
    assert writes_of(seen, "app")[2:] == [
        ["canary app", "deleted"],
        ["deploy app-primary", "deleted"],
        ["app-primary", "app:v1", 1],
    ]


def test_objects_of_others_are_left_out() -> None:
    """A Service with another name in the same namespace is no part of the comparison."""
    assert writes_of([changed(1, SERVICE, "else", {"metadata": {}})], "app") == []


def test_events_are_those_about_the_canary() -> None:
    """One that Kubernetes' client has taken for one of many is as good as the others; those about pods are not ours."""
    seen = [
        changed(3, EVENT, "b", event(f"{COMBINED}Advance 20")),
        changed(2, EVENT, "a", event("Scaling up")),
        changed(1, EVENT, "p", event("Started", about="Pod")),
    ]
    assert events_of(seen) == ["Normal Scaling up", "Normal Advance 20"]
