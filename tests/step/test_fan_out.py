"""Where ticks are spread, a tick tells the sink which canaries are due, and each of these events steps one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from handlers import tick
from handlers.errors import Unavailable
from handlers.events import cloudevent
from handlers.events.event import CANARY_DUE, PING, Event
from handlers.notifiers.knative import Sink
from handlers.rollout.objects import DEPLOYMENT, SERVICE
from handlers.step.ports import Response
from handlers.step.sweep import BUDGET
from tests.fakes import HookPoint
from tests.lab import Lab, a_canary, new_lab
from tests.scenarios.neighbours import labelled

SINK = "http://broker.test/serinus"


@pytest.fixture
def lab() -> Lab:
    """A rollout on its way, with a sink that takes what is due."""
    found = new_lab()
    found.until("Initialized")
    found.push("app:v2")
    found.until("Progressing")
    found.webhooks.asked.clear()
    config = replace(found.world.config, sink=Sink(url=SINK), fan_out=True)
    return replace(found, world=replace(found.world, config=config))


def ping(lab: Lab, number: int = 1, **data: str) -> None:
    """Ten seconds later, a tick of Knative's PingSource."""
    lab.kubelet.run()
    lab.clock.tick(10)
    again(lab, number, **data)


def again(lab: Lab, number: int = 1, **data: str) -> None:
    """The same tick, delivered once more."""
    tick.handle(lab.world, (), Event(id=str(number), source="/ping", type=PING, data=data))


def told(lab: Lab) -> list[Event]:
    """What the sink has got about canaries that are due."""
    events = [cloudevent.read(request.headers, request.body) for request in lab.webhooks.asked if request.url == SINK]
    return [event for event in events if event.type == CANARY_DUE]


def test_a_tick_steps_nothing_and_tells_what_is_due(lab: Lab) -> None:
    """The sink hears of the canary; the canary is as it was."""
    before = lab.canary["metadata"]["resourceVersion"]
    ping(lab)
    assert [event.data for event in told(lab)] == [{"namespace": "shop", "name": "app"}]
    assert lab.canary["metadata"]["resourceVersion"] == before


def test_what_was_told_is_a_step(lab: Lab) -> None:
    """The event, when the broker delivers it, takes the step that was due; then there is nothing to tell."""
    ping(lab)
    (event,) = told(lab)
    tick.handle(lab.world, (), event)
    assert lab.weights == (80, 20)
    again(lab, 2)
    assert len(told(lab)) == 1


def test_a_whole_rollout_by_what_is_told(lab: Lab) -> None:
    """Ticks and the events that they make are enough for a rollout, delivered twice as well."""
    for number in range(20):
        lab.webhooks.asked.clear()
        ping(lab, number)
        for event in told(lab) * 2:
            lab.kubelet.run()
            tick.handle(lab.world, (), event)
    assert lab.phase == "Succeeded"
    assert lab.primary["spec"]["template"]["spec"]["containers"][0]["image"] == "app:v2"


def test_a_tick_that_is_delivered_twice_tells_the_same(lab: Lab) -> None:
    """A second delivery makes the same events, which have the same ids."""
    ping(lab)
    again(lab)
    first, second = told(lab)
    assert (first.id, first.source) == (second.id, second.source)


def test_a_canary_that_is_named_is_stepped_here(lab: Lab) -> None:
    """Whoever names a canary wants it stepped, not told."""
    ping(lab, namespace="shop", name="app")
    assert lab.weights == (80, 20)
    assert told(lab) == []


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(503, id="the broker is down"),
        pytest.param(401, id="it does not know us, or not yet"),
        pytest.param(Unavailable("no answer"), id="nobody is there"),
    ],
)
def test_a_sink_that_does_not_take_it(lab: Lab, answer: int | Exception) -> None:
    """The sender of the tick is asked to send again; the message says how many could not be told, and why."""
    lab.webhooks.answers[SINK] = [answer]
    with pytest.raises(Unavailable, match=r"1 of 1 canaries could not be told to the sink: (the sink has|no answer)"):
        ping(lab)


def test_a_slow_sink_is_not_waited_for_without_end(lab: Lab) -> None:
    """When the time of a tick is used up, what is left waits for the next one; each call has a timeout."""
    other = a_canary()
    other["metadata"]["name"] = other["spec"]["targetRef"]["name"] = "other"
    lab.api.call("POST", "/apis/flagger.app/v1beta1/namespaces/shop/canaries", other)
    slow = HookPoint(lambda: lab.clock.tick((BUDGET + timedelta(seconds=1)).total_seconds()), Response(status=202))
    lab.webhooks.answers[SINK] = [slow]
    ping(lab)
    assert len(told(lab)) == 1
    assert all(request.timeout == 5 for request in lab.webhooks.asked)


def test_what_somebody_takes_away_is_looked_for_where_only_events_step(lab: Lab) -> None:
    """The event says that something has changed, for whoever gets it has listed nothing; all is put right at once."""
    ping(lab)
    tick.handle(lab.world, (), told(lab)[0])
    lab.delete(SERVICE, "app-primary")
    ping(lab, 2)
    event = told(lab)[-1]
    assert event.data == {"namespace": "shop", "name": "app", "changed": True}
    tick.handle(lab.world, (), event)
    assert lab.get("v1/services/app-primary")


def test_another_workload_with_the_labels_is_looked_for_where_only_events_step(lab: Lab) -> None:
    """The event says so in the middle of a run as well, and the canary's share goes to the primary."""
    for number in range(3):
        ping(lab, number)
        tick.handle(lab.world, (), told(lab)[-1])
    assert lab.weights != (100, 0)
    lab.create(DEPLOYMENT, labelled("other", {"app": "app"}, "other:v1"))
    ping(lab, 4)
    tick.handle(lab.world, (), told(lab)[-1])
    assert lab.weights == (100, 0)
