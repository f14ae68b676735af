"""What Knative's EventTransform makes of Alertmanager's webhook is the event that the handlers read."""

import json
from typing import Any

import pytest
from jsonata import Jsonata

from handlers.events import alertmanager, cloudevent
from handlers.events.cloudevent import MAX_ATTRIBUTE
from handlers.events.event import ALERT
from tests.manifests.files import ROOT, objects

(TRANSFORM,) = objects("EventTransform")
RECORDED = sorted((ROOT / "tests" / "samples" / "senders").glob("alertmanager-*.json"))
STRUCTURED = {"Content-Type": "application/cloudevents+json"}


def transformed(body: dict[str, Any]) -> dict[str, Any]:
    """The event, as JSON; one with the attribute `specversion` is sent in structured mode (eventing-integrations)."""
    made: dict[str, Any] = Jsonata(TRANSFORM["spec"]["jsonata"]["expression"]).evaluate(body)
    return made


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_webhooks(path: Any) -> None:
    """Each notification becomes an alert with the same content."""
    body = json.loads(json.loads(path.read_text())["request"]["body"])
    event = cloudevent.read(STRUCTURED, json.dumps(transformed(body)).encode())
    assert (event.type, event.source) == (ALERT, "http://alertmanager.example.test:9093")
    assert event.data == body
    assert alertmanager.read(event.data) == alertmanager.read(json.dumps(body).encode())


def alert(number: int, status: str = "firing") -> dict[str, Any]:
    """One alert of a group."""
    return {"status": status, "fingerprint": f"{number:016x}", "startsAt": "2026-11-23T11:08:42.786123456Z"}


def test_the_same_notification_has_the_same_id() -> None:
    """Alertmanager's repetition is known as one; another alert in the group, or its end, is something new."""
    groups = [[alert(1)], [alert(1), alert(2)], [alert(1, "resolved")], [alert(1)]]
    ids = [transformed({"alerts": group, "commonLabels": {}})["id"] for group in groups]
    assert ids[0] == ids[3]
    assert len(set(ids)) == 3


def test_a_large_group_is_an_event_as_well() -> None:
    """An id is never longer than the handlers take."""
    made = transformed({"alerts": [alert(number) for number in range(500)]})
    event = cloudevent.read(STRUCTURED, json.dumps(made).encode())
    assert len(event.id) < MAX_ATTRIBUTE


def test_a_group_is_about_one_canary() -> None:
    """Grouped as our route does it, an event has its canary as subject and partition key; otherwise it has none."""
    labels = {"namespace": "shop", "canary": "podinfo"}
    found = transformed({"alerts": [alert(1)], "commonLabels": labels})
    assert (found["subject"], found["partitionkey"]) == ("podinfo", "shop/podinfo")
    assert not {"subject", "partitionkey"} & transformed({"alerts": [alert(1)], "commonLabels": {}}).keys()
