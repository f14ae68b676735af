"""Every request recorded from a real sender gives what its sender meant."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from handlers.errors import Unsupported
from handlers.events import alertmanager, cloudevent
from handlers.events.alertmanager import Alert, Status
from handlers.events.argocd import Resource, Synced, synced
from handlers.events.event import ALERT, CANARY_DUE, PING, SYNCED, TICK, Event
from handlers.events.tick import Tick, tick

SAMPLES = Path(__file__).parent.parent / "samples" / "senders"

GO_DATA = {"name": "podinfo", "namespace": "demo", "text": "ü \u2028 <&>"}
ARRIVED = {"partitionkey": "demo/podinfo"}
ODD_ID = 'sdk-go-odd € %25 "q"'
APP_DATA = {"namespace": "shop-1", "name": "app"}
APP = Tick("shop-1", "app")
SHOP = Tick("shop", "podinfo")
DEMO = Tick("demo", "podinfo")


def load(name: str) -> tuple[dict[str, str], bytes]:
    """Headers and body of a recorded request."""
    request = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))["request"]
    return dict(request["headers"]), request["body"].encode()


def event_of(name: str) -> Event:
    """A recorded request, read as a CloudEvent."""
    return cloudevent.read(*load(name))


TICKS = {
    # name: type, id, extensions, data, what is due
    "knative-ping": (
        PING,
        "7f3de94e-92e0-4c90-b95c-2b45b3d54354",
        {"canary": "podinfo", "partitionkey": "shop/podinfo"},
        {"namespace": "shop", "name": "podinfo"},
        SHOP,
    ),
    "knative-ping-nodata": (PING, "f6fd6f06-01c3-49a5-9c59-cd8f5f658170", {}, None, Tick()),
    "knative-ping-nocontenttype": (
        PING,
        "834eba4b-cd35-44dd-89b8-9aa6d660020c",
        {},
        {"namespace": "shop", "name": "podinfo"},
        SHOP,
    ),
    "knative-ping-text": (PING, "8e1b36da-21d7-4e7f-808f-0490b3e89a22", {}, None, Tick()),
    "knative-ping-retry-1": (
        PING,
        "7042a51a-ffe3-430c-9a21-ec2fe98e90e6",
        {},
        {"namespace": "shop", "name": "podinfo"},
        SHOP,
    ),
    "knative-ping-retry-2": (
        PING,
        "7042a51a-ffe3-430c-9a21-ec2fe98e90e6",
        {},
        {"namespace": "shop", "name": "podinfo"},
        SHOP,
    ),
    "knative-ingress-to-channel": (
        TICK,
        "sdk-go-1",
        ARRIVED | {"knativearrivaltime": "2026-11-23T11:26:57.616006715Z", "knativebrokerttl": "255"},
        GO_DATA,
        DEMO,
    ),
    "knative-filter-from-binary": (
        TICK,
        "sdk-go-1",
        ARRIVED | {"knativearrivaltime": "2026-11-23T11:25:20.254449354Z"},
        GO_DATA,
        DEMO,
    ),
    "knative-filter-from-structured": (
        TICK,
        "sdk-go-2",
        ARRIVED | {"knativearrivaltime": "2026-11-23T11:25:20.265128986Z"},
        GO_DATA,
        DEMO,
    ),
    "knative-filter-trace": (TICK, "h1", {}, {}, Tick()),
    "ce-go-binary": (TICK, "sdk-go-1", ARRIVED, GO_DATA, DEMO),
    "ce-go-binary-nonascii": (TICK, ODD_ID, ARRIVED, GO_DATA, DEMO),
    "ce-go-structured": (TICK, "sdk-go-2", ARRIVED, GO_DATA, DEMO),
    "ce-go-structured-base64": (TICK, "sdk-go-4", ARRIVED, None, Tick()),
    "ce-go-nodata": (TICK, "sdk-go-3", {}, None, Tick()),
    "ce-go-structured-base64-json": (CANARY_DUE, "n2", {"partitionkey": "shop-1/app"}, APP_DATA, APP),
    "knative-dispatcher-oidc": (CANARY_DUE, "n1", {"partitionkey": "shop-1/app"}, APP_DATA, APP),
    "knative-ping-oidc": (PING, "4524a080-cdfc-4125-8595-15ca9c2f8515", {}, {}, Tick()),
}

PODINFO = (
    Resource(group="", kind="ConfigMap", namespace="shop", name="podinfo-config"),
    Resource(group="apps", kind="Deployment", namespace="shop", name="podinfo"),
    Resource(group="flagger.app", kind="Canary", namespace="shop", name="podinfo"),
)
SYNCS = {
    # name: id, application
    "argocd-sync": ("1b99978a-45ca-401e-80c0-d96993b13de1/2026-11-23T10:40:09Z", "podinfo"),
    "argocd-sync-controller": ("30eea3dc-45f7-489c-90ab-a67980b43290/2026-11-23T11:24:19Z", "app-synced"),
    "argocd-sync-controller-both-1": ("23dcb452-f96e-4a01-81ed-f19d7a44491c/2026-11-23T11:24:19Z", "app-204-both"),
    "argocd-sync-controller-both-2": ("23dcb452-f96e-4a01-81ed-f19d7a44491c/2026-11-23T11:24:19Z", "app-204-both"),
}

RATE, LATENCY = "CanaryHighErrorRate", "CanaryHighLatency"
FIRING, RESOLVED = Status.FIRING, Status.RESOLVED
ALERTS = {
    # name: status, canary, alert, fingerprint, in this order
    "firing": [(FIRING, "podinfo", RATE, "0e81438764a5bfb2")],
    "second-alert": [
        (FIRING, "podinfo", RATE, "0e81438764a5bfb2"),
        (FIRING, "podinfo", LATENCY, "046630bd9e319cf8"),
    ],
    "one-resolved": [
        (FIRING, "podinfo", RATE, "0e81438764a5bfb2"),
        (RESOLVED, "podinfo", LATENCY, "046630bd9e319cf8"),
    ],
    "resolved": [(RESOLVED, "podinfo", RATE, "0e81438764a5bfb2")],
    "max-alerts": [(FIRING, "app-0", RATE, "d530c68192ad8d68"), (FIRING, "app-1", RATE, "5f2fa29d4dda28e3")],
    "max-alerts-resolved": [
        (RESOLVED, "app-0", RATE, "d530c68192ad8d68"),
        (FIRING, "app-1", RATE, "5f2fa29d4dda28e3"),
    ],
}
VERSIONS = ("0.25", "0.34.2")


def test_no_recorded_request_is_forgotten() -> None:
    """Each file in the samples has an outcome on this page."""
    expected = {f"alertmanager-{version}-{name}" for version in VERSIONS for name in ALERTS}
    expected |= TICKS.keys() | SYNCS.keys() | {"argocd-sync-other-type", "ce-go-batch"}
    assert {path.stem for path in SAMPLES.glob("*.json")} == expected


@pytest.mark.parametrize("name", TICKS)
def test_ticks_of_real_senders(name: str) -> None:
    """A tick arrives with its own id, type and data, and says which canaries it is about."""
    kind, identity, extensions, data, due = TICKS[name]
    event = event_of(name)
    assert (event.type, event.id, event.extensions, event.data) == (kind, identity, extensions, data)
    assert tick(event) == due


@pytest.mark.parametrize("name", SYNCS)
def test_syncs_of_argo_cd(name: str) -> None:
    """A sync arrives with an id of its own, the Application's name and all its resources."""
    identity, app = SYNCS[name]
    event = event_of(name)
    assert (event.type, event.id, event.subject) == (SYNCED, identity, app)
    assert event.time is not None
    assert event.extensions == {"partitionkey": "shop"}
    assert synced(event) == Synced(app=app, revision="5b2d1f0c9a7e4c3db8f6a1e2d3c4b5a697887766", resources=PODINFO)


def test_an_event_of_another_type_is_still_an_event() -> None:
    """A type that means nothing here is read all the same: what is not ours is answered with 204, not with 400."""
    assert event_of("argocd-sync-other-type").type == "pd.argocd.sync.succeeded"


def test_a_batch_is_unsupported() -> None:
    """Several events in one request are answered with 415."""
    with pytest.raises(Unsupported, match="cloudevents-batch"):
        event_of("ce-go-batch")


def test_a_retry_is_the_same_event() -> None:
    """PingSource's second try gives an equal event, so it is known for a duplicate."""
    assert event_of("knative-ping-retry-1") == event_of("knative-ping-retry-2")


def test_raw_attributes_of_the_go_sdk_are_what_the_sender_set() -> None:
    """UTF-8, quotes and literal percent signs come through unchanged, though they should have been encoded."""
    event = event_of("ce-go-binary-nonascii")
    assert (event.id, event.subject) == (ODD_ID, "a b/ü世")


def test_times_are_cut_to_microseconds_in_utc() -> None:
    """Go writes nanoseconds; Python keeps microseconds."""
    assert event_of("ce-go-nodata").time == datetime(2026, 11, 23, 11, 8, 3, 935111, tzinfo=UTC)
    assert event_of("knative-filter-trace").time is None


def rows(alerts: tuple[Alert, ...]) -> list[tuple[Status, str, str, str]]:
    """The columns of the table ALERTS."""
    return [(alert.status, alert.canary, alert.name, alert.fingerprint) for alert in alerts]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ALERTS)
def test_alerts_of_alertmanager(name: str, version: str) -> None:
    """Each alert counts by its own status, whatever the status of its group."""
    _, body = load(f"alertmanager-{version}-{name}")
    alerts = alertmanager.read(body)
    assert rows(alerts) == ALERTS[name]
    assert {alert.namespace for alert in alerts} == {"shop"}
    assert {alert.severity for alert in alerts} == {"critical"}
    assert {alert.summary for alert in alerts} == {"5xx rate of shop/podinfo is above 1 %"}
    assert {alert.value for alert in alerts} == {"7.25"}


def wrapped(data: Mapping[str, Any]) -> Event:
    """The same as Knative's EventTransform sends it: the whole body as the data of an event."""
    envelope = {"specversion": "1.0", "type": ALERT, "source": "/alertmanager", "id": "1", "data": data}
    return cloudevent.read({"Content-Type": "application/cloudevents+json"}, json.dumps(envelope).encode())


@pytest.mark.parametrize("name", ALERTS)
def test_wrapped_alerts_are_the_same_alerts(name: str) -> None:
    """An alert inside a CloudEvent gives what it gives bare, with the same keys."""
    _, body = load(f"alertmanager-0.34.2-{name}")
    assert alertmanager.read(wrapped(json.loads(body)).data) == alertmanager.read(body)


def test_an_alert_keeps_its_key_until_it_fires_anew() -> None:
    """Firing, seen again with a second alert, and resolved: one firing, one key."""
    keys = {
        alertmanager.read(load(f"alertmanager-0.25-{name}")[1])[0].key
        for name in ("firing", "second-alert", "resolved")
    }
    assert keys == {"0e81438764a5bfb2/2026-11-23T11:22:58.742000+00:00"}
