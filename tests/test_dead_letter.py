"""An event that a broker gave up on is said where somebody looks, and changes nothing."""

import base64
import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from handlers import dead_letter
from handlers.errors import Unavailable
from tests.lab import Lab, at, new_lab

ALERT = {
    "version": "4",
    "alerts": [
        {
            "status": status,
            "labels": {"alertname": "CanaryErrorRate", "namespace": "shop", "canary": "app"},
            "startsAt": "2026-11-23T12:00:00Z",
            "fingerprint": "f1",
        }
        for status in ("firing", "resolved")
    ],
}
SYNC = {"resources": [{"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "app"}]}
DUE = {"namespace": "shop", "name": "app"}
ANSWER = base64.b64encode(b"3 of 3 canaries\ncould not be stepped").decode()


def lost(lab: Lab, type_: str, data: Mapping[str, Any], *namespaces: str, **extensions: str) -> None:
    """Hand over an event as Knative's broker does, in binary mode with what came of it."""
    headers = {"ce-specversion": "1.0", "ce-id": "7", "ce-source": "/am", "ce-type": type_}
    headers |= {"Content-Type": "application/json", **{f"ce-{name}": value for name, value in extensions.items()}}
    dead_letter.handle(lab.world, namespaces, headers, json.dumps(data).encode())


@pytest.mark.parametrize(
    ("type_", "data", "means"),
    [
        pytest.param("dev.serinus.alert", ALERT, "this alert has not rolled the canary back", id="alert"),
        pytest.param("dev.serinus.argocd.synced", SYNC, "a tick finds what has changed", id="sync"),
        pytest.param("dev.serinus.canary.due", DUE, "the next tick names the canary again", id="due"),
    ],
)
def test_it_is_an_event_on_the_canary(type_: str, data: Mapping[str, Any], means: str) -> None:
    """The canary that it is about says what was lost, how that was answered last, and what it means; once."""
    lab = at(new_lab(), "Progressing", 20)
    version = lab.canary["metadata"]["resourceVersion"]
    for _ in range(2):
        lost(lab, type_, data, knativeerrorcode="503", knativeerrordata=ANSWER)
    answer = "(last answer: 503 3 of 3 canaries could not be stepped)"
    said = [event for event in lab.events if "was not delivered" in event]
    assert said == [f"Warning Event {type_} 7 from /am was not delivered {answer}: {means}"]
    assert lab.canary["metadata"]["resourceVersion"] == version


def test_it_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """An event that is about no canary that is there is in the log, without its data."""
    with caplog.at_level(logging.ERROR):
        lost(new_lab(), "dev.serinus.canary.due", {"namespace": "shop", "name": "nobody", "secret": "hunter2"})
    assert "Event dev.serinus.canary.due 7 from /am was not delivered: the next tick" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        pytest.param("com.example.other", {}, id="somebody else's"),
        pytest.param("dev.serinus.alert", {"version": "3"}, id="refused because it cannot be understood"),
        pytest.param("dev.serinus.canary.due", {}, id="about nobody"),
    ],
)
def test_what_names_no_canary_is_only_logged(
    type_: str, data: Mapping[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """That the content is bad is why it was refused: it is recorded all the same, and taken."""
    lab = new_lab()
    lost(lab, type_, data, knativeerrorcode="400", knativeerrordata="not base64!")
    assert f"Event {type_} 7 from /am was not delivered (last answer: 400 not base64!)" in caplog.text
    assert lab.events == []


def test_what_is_no_event_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Sending it again would not help, so it is taken."""
    dead_letter.handle(new_lab().world, (), {"Content-Type": "text/plain"}, b"hello")
    assert "dead letter: not an event: no CloudEvent" in caplog.text


@pytest.mark.parametrize(
    ("type_", "data"),
    [("dev.serinus.alert", ALERT), ("dev.serinus.argocd.synced", SYNC), ("dev.serinus.canary.due", DUE)],
)
def test_other_namespaces_are_not_touched(type_: str, data: Mapping[str, Any]) -> None:
    """With SERINUS_NAMESPACES, what is in others gets no Event."""
    lab = new_lab()
    lost(lab, type_, data, "elsewhere")
    assert lab.events == []


def test_an_answer_is_cut() -> None:
    """An error page does not fill the Event; base64 that Knative has cut off is read as far as it goes."""
    lab = new_lab()
    lost(lab, "dev.serinus.canary.due", DUE, knativeerrorcode="502", knativeerrordata=ANSWER[:-3])
    lost(lab, "dev.serinus.canary.due", DUE, knativeerrorcode="504", knativeerrordata="YWFh" * 250)
    cut, long = lab.events
    assert "(last answer: 502 3 of 3 canaries could not be st" in cut
    assert f"(last answer: 504 {'a' * dead_letter.SHOWN})" in long


def test_without_an_api_server_it_is_sent_again() -> None:
    """What cannot be recorded now is for the broker to try again."""
    lab = new_lab()

    def down(_verb: str, _path: str) -> None:
        raise Unavailable("connection refused")

    lab.cluster.before = down
    with pytest.raises(Unavailable):
        lost(lab, "dev.serinus.alert", ALERT)
