"""CloudEvents as Knative and the Go SDK send them, known by tokens that the real API server reviews."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from handlers.app import LIMIT
from handlers.events.event import ALERT, CANARY_DUE, PING, SYNCED, TICK
from tests.controlplane.senders.argocd import resource
from tests.controlplane.senders.knative import (
    AUDIENCE,
    TICK_ACCOUNT,
    account,
    account_of,
    deliver,
    send,
    trigger_accounts,
    trigger_for,
)
from tests.controlplane.senders.site import Site, statuses, steps, version
from tests.controlplane.senders.tokens import signed_anew
from tests.e2e.account import token_of
from tests.e2e.town import App

Event = Mapping[str, Any]

_numbers = count(1)


@pytest.fixture(autouse=True, scope="module")
def accounts(site: Site) -> None:
    """The service accounts of the Triggers."""
    trigger_accounts(site)


@pytest.fixture
def token(site: Site) -> str:
    """A token of the Trigger for ticks, for the handlers."""
    return token_of(site.plane.kube, TICK_ACCOUNT, AUDIENCE)


def event(kind: str, data: Any, **more: str) -> Event:
    """An event, new each time."""
    attributes = {"specversion": "1.0", "id": f"n{next(_numbers)}", "type": kind, "source": "/tests"}
    return {**attributes, "datacontenttype": "application/json", "data": data, **more}


def due(app: App) -> Event:
    """One canary of a tick that was spread over the broker."""
    data = {"namespace": app.namespace, "name": app.name}
    return event(CANARY_DUE, data, partitionkey=f"{app.namespace}/{app.name}")


def synced(app: App) -> Event:
    """Argo CD has synced the target."""
    return event(SYNCED, {"resources": [resource("Deployment", app.namespace, app.name, "apps")]})


def alert(app: App) -> Event:
    """Alertmanager's webhook as an EventTransform wraps it."""
    labels = {"alertname": "CanaryErrorRate", "namespace": app.namespace, "canary": app.name}
    now = datetime.now(UTC).isoformat()  # noqa: TID251  a sender reads its clock
    one = {"status": "firing", "labels": labels, "annotations": {}, "startsAt": now, "fingerprint": "f"}
    return event(ALERT, {"version": "4", "status": "firing", "alerts": [one]})


def tick(kind: str) -> Callable[[App], Event]:
    """A tick for one namespace."""
    return lambda app: event(kind, {"namespace": app.namespace})


def brought_about(app: App, one: Event) -> list[tuple[str, str]]:
    """Which steps an event has made."""
    return [(step["cause"], step["stage"]) for step in steps(app) if step["event"] == f"/tests {one['id']}"]


@pytest.mark.parametrize("structured", [False, True], ids=["binary", "structured"])
def test_each_type_is_heard_in_both_modes(site: Site, app: App, token: str, *, structured: bool) -> None:
    """A broker passes an event on in the mode it likes: each type does what it is for, in either."""

    def sent(one: Event) -> Event:
        send(site, one, token=token, structured=structured)
        return one

    site.push(app, "2")
    assert brought_about(app, sent(synced(app))) == [("sync", "new revision")]
    site.settle(app)
    site.wait_for(lambda: brought_about(app, sent(due(app))) == [("tick", "first step")], "an event makes the step")
    assert app.status["canaryWeight"] == 50
    assert brought_about(app, sent(alert(app))) == [("alert", "alerted")]
    assert (app.status["phase"], app.status["canaryWeight"]) == ("Failed", 0)
    site.push(app, "3")
    assert brought_about(app, sent(tick(TICK)(app))) == [("tick", "new revision")]
    assert set(statuses(site.passed)) == {204}
    body = "application/cloudevents+json" if structured else "application/json"
    assert {one.asked.headers["content-type"] for one in site.passed} == {body}


@pytest.mark.parametrize(
    ("make", "begun", "step"),
    [
        pytest.param(tick(PING), False, ("tick", "new revision"), id="serinus-tick"),
        pytest.param(due, False, ("tick", "new revision"), id="serinus-due"),
        pytest.param(synced, False, ("sync", "new revision"), id="serinus-synced"),
        pytest.param(alert, True, ("alert", "alerted"), id="serinus-alert"),
    ],
)
def test_each_trigger_delivers(
    site: Site, app: App, make: Callable[[App], Event], *, begun: bool, step: tuple[str, str]
) -> None:
    """What a Trigger of knative/ delivers, by Knative's own code and with the token of its account, is heard."""
    site.push(app, "2")
    if begun:
        app.until("Progressing")
        site.settle(app)
    one = make(app)
    assert deliver(site, one) == 204
    assert statuses(site.passed) == [204]
    assert site.passed[0].asked.headers["prefer"] == "reply"
    assert brought_about(app, one) == [step]


def no_token(_: Site) -> str:
    """None at all."""
    return ""


def for_others(site: Site) -> str:
    """Of the right account, for another audience."""
    return token_of(site.plane.kube, TICK_ACCOUNT, "another")


def of_nobody_listed(site: Site) -> str:
    """Of an account of the same namespace that is not listed."""
    return token_of(site.plane.kube, "default", AUDIENCE)


def of_yesterday(site: Site) -> str:
    """Of the right account, with a good signature, and expired."""
    return signed_anew(token_of(site.plane.kube, TICK_ACCOUNT, AUDIENCE), hours_ago=24)


def of_a_former_account(site: Site) -> str:
    """Of an account that has been deleted, and made anew under its name."""
    name = account_of(trigger_for(CANARY_DUE))
    found = token_of(site.plane.kube, name, AUDIENCE)
    site.plane.kubectl("delete", "serviceaccount", name, "--namespace=serinus")
    account(site, name)
    return found


def forged(site: Site) -> str:
    """A good one, with another signature."""
    head, claims, _ = token_of(site.plane.kube, TICK_ACCOUNT, AUDIENCE).split(".")
    return f"{head}.{claims}.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "token_from", [no_token, for_others, of_nobody_listed, of_yesterday, of_a_former_account, forged]
)
def test_who_is_not_known_is_not_heard(site: Site, app: App, token_from: Callable[[Site], str]) -> None:
    """401, and nothing happens: no step, though one is due."""
    site.push(app, "2")
    before = version(app)
    send(site, synced(app), token=token_from(site), retries=2)
    assert statuses(site.passed) == [401]
    assert version(app) == before


def test_a_token_that_is_signed_anew_is_good(site: Site, app: App, token: str) -> None:
    """So it is for its time that the one of yesterday is refused, and not for its signature."""
    send(site, synced(app), token=signed_anew(token, hours_ago=0))
    assert statuses(site.passed) == [204]


def test_a_token_that_cannot_be_reviewed_now_is_tried_again(site: Site, app: App, token: str) -> None:
    """Without the API server nobody can say whose token it is: that is 503 and not 401, or the event would be lost."""
    site.push(app, "2")
    with site.outage():
        send(site, synced(app), token=token, retries=1)
    assert statuses(site.passed) == [503, 503]


@dataclass(frozen=True, slots=True)
class Row:
    """An answer, the event that gets it, and who sends again after it."""

    status: int
    event: Callable[[App], Event]
    dispatcher: bool
    sdk: bool
    anonymous: bool = False


def broken(app: App) -> Event:
    """About a Canary with a duration that Flagger's definition lets through."""
    spec = {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"},
        "service": {"port": 80},
        "analysis": {"interval": "10s or so", "threshold": 3, "iterations": 5},
    }
    app.sandbox.apply(
        {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": app.meta("broken"), "spec": spec}
    )
    return event(CANARY_DUE, {"namespace": app.namespace, "name": "broken"})


ROWS = (
    Row(204, due, dispatcher=False, sdk=False),
    Row(400, lambda _: event(CANARY_DUE, {}), dispatcher=False, sdk=False),
    Row(401, due, dispatcher=False, sdk=False, anonymous=True),
    Row(413, lambda _: event(PING, {"padding": " " * LIMIT}), dispatcher=False, sdk=True),
    Row(422, broken, dispatcher=False, sdk=False),
)
"""Every answer but 415, which no event of theirs gets, and 503, which has a test of its own."""


@pytest.mark.parametrize("row", ROWS, ids=[str(row.status) for row in ROWS])
def test_what_is_sent_again_by_a_trigger(site: Site, app: App, row: Row) -> None:
    """Knative's dispatcher repeats nothing that would be answered the same."""
    assert deliver(site, row.event(app), anonymous=row.anonymous) == row.status
    assert set(statuses(site.passed)) == {row.status}
    assert (len(site.passed) > 1) is row.dispatcher


@pytest.mark.parametrize("row", ROWS, ids=[str(row.status) for row in ROWS])
def test_what_is_sent_again_by_the_sdk(site: Site, app: App, token: str, row: Row) -> None:
    """Nor does the SDK, which Knative's sources use, but for what is too large."""
    send(site, row.event(app), token="" if row.anonymous else token, retries=2)
    assert set(statuses(site.passed)) == {row.status}
    assert (len(site.passed) > 1) is row.sdk


@pytest.mark.parametrize("make", [tick(PING), due, synced, alert], ids=["tick", "due", "synced", "alert"])
def test_503_is_what_every_trigger_sends_again(site: Site, app: App, make: Callable[[App], Event]) -> None:
    """While the API server is out of reach for a moment nothing is lost: the event comes again, and not at once."""
    one = make(app)
    with ThreadPoolExecutor(1) as worker:
        with site.outage():
            answer = worker.submit(deliver, site, one)
            site.wait_for_answers(bool, "the event has come")
        assert answer.result() == 204
    assert set(statuses(site.passed)[:-1]) == {503}
    assert {passed.id for passed in site.passed} == {one["id"]}
