"""What goes to the sink of CloudEvents while canaries are rolled out."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handlers.errors import BadCanary, Unavailable
from handlers.events import cloudevent
from handlers.events.event import Event
from handlers.notifiers.knative import Sink
from handlers.rollout.announcement import TOPICS
from handlers.rollout.spec.alerts import parse
from handlers.rollout.spec.fields import Field
from handlers.rollout.state import Phase
from handlers.wiring import identity
from tests.lab import Lab, a_canary, an_alert, at, new_lab

SINK = "http://broker.test/shop"
SUCCESS = "requests_total"


def sending(**analysis: Any) -> Lab:
    """A lab with a sink."""
    lab = new_lab(a_canary(analysis=analysis))
    config = replace(lab.world.config, sink=Sink(url=SINK))
    lab.world = replace(lab.world, config=config, identity=lambda: "token")
    return lab


def events(lab: Lab) -> list[Event]:
    """The events that the sink was sent."""
    asked = [request for request in lab.webhooks.asked if request.url == SINK]
    assert {request.headers["Authorization"] for request in asked} <= {"Bearer token"}
    return [cloudevent.read(request.headers, request.body) for request in asked]


def topics(lab: Lab) -> list[str]:
    """Their topics."""
    return [event.type.removeprefix("dev.serinus.canary.") for event in events(lab)]


def test_a_whole_rollout() -> None:
    """Each step that changes something is one event, and no two of them have the same id."""
    lab = at(sending(), "Succeeded")
    steps = ["advanced", "advanced", "advanced"]
    assert topics(lab) == ["initialized", "progressing", *steps, "promoting", "finalising", "succeeded"]
    assert len({event.id for event in events(lab)}) == len(events(lab))
    weights = [event.data["weight"] for event in events(lab) if event.data]
    assert weights == [0, 0, 20, 40, 60, 60, 0, 0]


def test_failed_checks_up_to_the_rollback() -> None:
    """A failed check is an event with its value, and so is the rollback that they lead to."""
    lab = at(sending(), "Progressing", 20)
    lab.webhooks.asked.clear()
    lab.prometheus.values[SUCCESS] = [10]
    lab.until("Failed")
    assert topics(lab) == ["halted", "halted", "failed"]
    found = [event.data for event in events(lab) if event.data]
    assert [data["failedChecks"] for data in found] == [1, 2, 3]
    failed: Mapping[str, Any] = found[-1]["checks"][0]
    assert (failed["metric"], failed["value"], failed["min"]) == ("request-success-rate", 10.0, 99.0)


def test_the_same_id_at_each_delivery() -> None:
    """A sink that was down gets each event with the id of its first try."""
    lab = at(sending(), "Progressing", 20)
    lab.webhooks.asked.clear()
    lab.webhooks.answers[SINK] = [Unavailable("down")]
    lab.tick()
    lab.webhooks.answers[SINK] = [200]
    lab.clock.tick(120)
    lab.step(an_alert(lab.clock.moment))
    first, again, rollback = events(lab)
    assert first == again
    assert (topics(lab)[0], rollback.type) == ("advanced", "dev.serinus.canary.failed")


def test_every_topic_is_in_the_table() -> None:
    """What is sent is documented, whatever phase is entered."""
    assert {phase.value.lower() for phase in Phase if phase is not Phase.INITIALIZING} <= set(TOPICS)
    lab = at(sending(), "Progressing", 40)
    lab.push("app:v1")
    lab.tick()
    assert set(topics(lab)) <= set(TOPICS)
    assert topics(lab)[-1] == "cancelled"


def test_the_token_is_read_anew(tmp_path: Path) -> None:
    """The token of a SinkBinding is renewed in its file; without one there is none."""
    path = tmp_path / "token"
    assert identity(path) == ""
    for token in ("one", "two"):
        path.write_text(f"{token}\n", encoding="ascii")
        assert identity(path) == token


@pytest.mark.parametrize(
    ("alert", "said"),
    [
        ({"severity": "fatal", "providerRef": {"name": "x"}}, "alerts[0].severity: 'fatal' is not one of info, warn"),
        ({"providerRef": {"name": "x/y"}}, "alerts[0].providerRef.name: 'x/y' is not the name of a Kubernetes object"),
        ({"providerRef": {"name": "x", "namespace": ".."}}, "alerts[0].providerRef.namespace: '..' is not the name"),
        ({"name": "x"}, "alerts[0].providerRef.name: is required"),
    ],
)
def test_mistakes_are_named(alert: Mapping[str, Any], said: str) -> None:
    """A mistake in an alert is named by its field."""
    with pytest.raises(BadCanary) as caught:
        parse(Field([alert], "alerts"), "shop")
    assert str(caught.value).startswith(said)
