"""A rollback that has to wait, because nothing but the canary can serve, is told once to everybody, and then made."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from handlers.errors import Held, Unavailable
from handlers.notifiers.knative import Sink
from handlers.rollout.commands import ABORT
from handlers.step.sweep import sweep
from tests.lab import TICK, Lab, a_canary, an_alert, at, new_lab
from tests.protocol.harness import finish, state_of
from tests.protocol.situations import NEWS, SUCCESS
from tests.protocol.steps import handler, no_pods
from tests.scenarios.alerting import SLACK, a_provider, a_rule, texts
from tests.scenarios.test_events_out import SINK, events

WAITS = "is not rolled back"


def serving_alone() -> Lab:
    """The canary carries 20 %, and the primary has lost its pods; a messenger, a webhook and a sink listen."""
    lab = new_lab(a_canary(analysis={"alerts": [a_rule(severity="error")], "webhooks": [NEWS]}))
    a_provider(lab)
    config = replace(lab.world.config, sink=Sink(url=SINK))
    lab.world = replace(lab.world, config=config, identity=lambda: "token")
    at(lab, "Progressing", 20)
    no_pods(lab, "app-primary")
    lab.clock.tick(10)
    lab.webhooks.asked.clear()
    return lab


def alerted(lab: Lab) -> None:
    """An alert, which Alertmanager sends again and again; each time it is another event."""
    with suppress(Held):
        lab.step(an_alert(lab.clock.moment, f"fp/{lab.clock.moment}"))


def ticked(lab: Lab) -> None:
    """A tick over all; there is no new pod."""
    with suppress(Unavailable):
        sweep(lab.world, (), TICK)


def aborted(lab: Lab) -> None:
    """The user has aborted the run, and a tick comes."""
    lab.edit("flagger.app/v1beta1/canaries/app", {"metadata": {"annotations": {ABORT: "it looks bad"}}})
    ticked(lab)


def told(lab: Lab) -> tuple[int, int, int, int]:
    """How often it was told: by Events, to the messenger, to the event webhook, to the sink."""
    news = [request for request in lab.webhooks.asked if request.url == NEWS["url"] and WAITS.encode() in request.body]
    topics = [event.type.removeprefix("dev.serinus.canary.") for event in events(lab)]
    said = sum(WAITS in event for event in lab.events)
    return said, sum(WAITS in text for text in texts(lab)), len(news), topics.count("waitingrollback")


@pytest.mark.parametrize("cause", [alerted, aborted])
def test_it_is_told_once_and_made_when_the_primary_is_back(cause: Callable[[Lab], None]) -> None:
    """However many events ask for it, and whatever other ticks come in between."""
    lab = serving_alone()
    for _ in range(3):
        cause(lab)
        lab.clock.tick(10)
        ticked(lab)
    assert (told(lab), lab.weights, lab.phase) == ((1, 1, 1, 1), (80, 20), "Progressing")
    assert "app-primary.shop has no ready pod, the canary goes on serving" in texts(lab)[0]
    before = lab.api.store.revision
    cause(lab)
    assert lab.api.store.revision <= before + (cause is aborted)  # the annotation
    lab.kubelet.run()
    cause(lab)
    finish(lab)
    assert (lab.phase, lab.weights, state_of(lab).held) == ("Failed", (100, 0), "")
    assert told(lab) == (1, 1, 1, 1)
    assert [text for text in texts(lab) if text.startswith("Rolling back")]


def test_failed_checks_that_cannot_roll_back_are_told_as_such() -> None:
    """The last check that failed is told, once, and not that it is rolled back."""
    lab = serving_alone()
    conditions = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    path = "/apis/apps/v1/namespaces/shop/deployments/app-primary/status"
    assert lab.api.call("PATCH", path, {"status": {"conditions": conditions}}).status == 200
    lab.prometheus.values[SUCCESS] = [10]
    for _ in range(6):
        ticked(lab)
        lab.clock.tick(10)
    assert (state_of(lab).failed, lab.weights, told(lab)) == (3, (80, 20), (1, 1, 1, 1))
    assert sum("10.00% < 99%" in event for event in lab.events) == 3
    assert not [event for event in lab.events if "Rolling back" in event]
    asked = len(lab.prometheus.asked)
    ticked(lab)
    assert len(lab.prometheus.asked) == asked
    lab.kubelet.run()
    finish(lab)
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))


def test_the_next_wait_is_told_again() -> None:
    """The primary was back for a while, or another revision is under analysis."""
    lab = serving_alone()
    alerted(lab)
    lab.kubelet.run()
    lab.clock.tick(1)
    lab.step()
    assert state_of(lab).held == ""
    no_pods(lab, "app-primary")
    lab.clock.tick(10)
    alerted(lab)
    assert sum(WAITS in event for event in lab.events) == 2
    lab.push("app:v3")
    lab.tick(0)
    lab.step()
    assert state_of(lab).phase.value == "Progressing"
    lab.kubelet.run(only="app")
    alerted(lab)
    assert sum(WAITS in event for event in lab.events) == 3


def test_what_could_not_be_told_is_told_later_under_the_same_id() -> None:
    """The messenger and the sink were down, or the process died right after it had written it down."""
    lab = serving_alone()
    lab.webhooks.answers |= {url: [Unavailable("down")] for url in (SLACK, SINK, NEWS["url"])}
    alerted(lab)
    first = {message.id for message in state_of(lab).outbox}
    assert len(first) == 2  # the words, and the transition
    lab.webhooks.answers.clear()
    lab.webhooks.asked.clear()
    lab.clock.tick(61)
    ticked(lab)
    assert told(lab)[1:] == (1, 1, 1)
    assert not [message for message in state_of(lab).outbox if message.id in first]


def test_nobody_is_told_over_a_step_under_way() -> None:
    """It keeps the version that it has read; the next event tells it."""
    lab = serving_alone()
    lab.kubelet.run()
    slow = handler(lab).to("query", "")
    no_pods(lab, "app-primary")
    before = lab.api.store.revision
    with pytest.raises(Held):
        lab.step(an_alert(lab.clock.moment))
    assert lab.api.store.revision == before
    slow.go()
