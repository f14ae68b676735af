"""Requests are counted from an audit log, look by look."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.parity import cost
from tests.parity.audit import Asked, Window, requests, turns
from tests.parity.cost import Range, looks
from tests.parity.played import Seen

BEGIN = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """So long after the beginning."""
    return BEGIN + timedelta(seconds=seconds)


def entry(number: int, user: str, verb: str = "get", stage: str = "ResponseComplete") -> dict[str, Any]:
    """A line of an audit log."""
    return {
        "auditID": str(number),
        "stage": stage,
        "user": {"username": user},
        "verb": verb,
        "requestReceivedTimestamp": at(number).isoformat(),
        "objectRef": {"resource": "canaries", "namespace": "shop"},
    }


def asked(seconds: float, verb: str = "get", resource: str = "deployments") -> Asked:
    """A request about the namespace."""
    return Asked(at(seconds), "flagger", verb, resource, "shop")


def seen(seconds: float, phase: str, weight: int = 0, failed: int = 0) -> Seen:
    """A status."""
    return Seen(at(seconds), {"phase": phase, "canaryWeight": weight, "failedChecks": failed})


def test_each_request_of_a_user_counts_once() -> None:
    """A watch has an entry when it begins and one when it ends; what others ask is not counted."""
    log = [
        entry(2, "flagger"),
        entry(1, "flagger", "watch", "ResponseStarted"),
        entry(3, "admin"),
        entry(1, "flagger", "watch"),
    ]
    assert [one.at for one in requests(log, ["flagger"])] == [at(1), at(2)]


def test_a_pause_parts_the_turns_of_a_loop() -> None:
    """What follows at once belongs together; what comes ten seconds later is the next turn."""
    found = list(turns([asked(0), asked(1), asked(2.5), asked(10), asked(20), asked(20.1)]))
    assert found == [Window(at(0), at(2.5)), Window(at(10), at(10)), Window(at(20), at(20.1))]


def test_a_look_has_the_status_before_and_after_it() -> None:
    """The last one that was seen before its first request, and the first after its last."""
    statuses = [seen(0, "Initialized"), seen(5, "Progressing"), seen(11, "Progressing", 20)]
    found = looks([asked(6), asked(9)], [Window(at(6), at(9)), Window(at(12), at(13))], statuses)
    assert [(look.number, look.before["canaryWeight"], look.after["canaryWeight"]) for look in found] == [(2, 0, 20)]


def story() -> Sequence[cost.Look]:
    """A canary from its bootstrap to its end; the second look only waits, the sixth one fails."""
    way = [
        ("", 0, 0, ["create", "create"]),
        ("Initializing", 0, 0, ["get"]),
        ("Initializing", 0, 0, ["get", "update"]),
        ("Initialized", 0, 0, ["get", "update", "update"]),
        ("Progressing", 0, 0, ["get", "get", "update"]),
        ("Progressing", 20, 0, ["get", "update"]),
        ("Progressing", 20, 1, ["get", "get", "get", "update"]),
        ("Progressing", 40, 1, ["get", "update"]),
        ("Promoting", 40, 1, ["get"]),
        ("Promoting", 40, 1, ["update"]),
        ("Finalising", 0, 0, ["update", "update", "update"]),
        ("Succeeded", 0, 0, []),
    ]
    statuses = [seen(10 * index, phase, weight, failed) for index, (phase, weight, failed, _) in enumerate(way)]
    made = [asked(10 * index + 1, verb) for index, (*_, verbs) in enumerate(way) for verb in verbs]
    return looks(made, turns(made), statuses)


def test_the_figures_of_a_story() -> None:
    """Each look counts for what it did; of bootstrap and promotion the looks that only waited are left out."""
    of = story()
    assert cost.bootstrap(of) == Range(4, 4)
    assert cost.new_revision(of) == Range(3, 3)
    assert cost.step(of) == Range(3, 4)
    assert cost.failed_check(of) == Range(2, 2)
    assert cost.promotion(of) == Range(6, 6)
    assert cost.rollback(of) is None


def test_a_rollback_is_the_look_that_ends_in_failed() -> None:
    """It is counted as a whole."""
    made = [asked(1), asked(1, "update"), asked(1, "update")]
    of = looks(made, turns(made), [seen(0, "Progressing", 20, 3), seen(2, "Failed")])
    assert cost.rollback(of) == Range(3, 3)
    assert cost.step(of) is None


def test_an_event_is_no_progress() -> None:
    """A look that reads and tells that a pod is not ready has only waited."""
    made = [asked(1), asked(1, "create", "events")]
    (look,) = looks(made, turns(made), [seen(0, "Initializing"), seen(2, "Initializing")])
    assert not look.got_further
