"""Which canaries a tick is about."""

from typing import Any

import pytest

from handlers.errors import BadEvent
from handlers.events.event import CANARY_DUE, PING, TICK, Event
from handlers.events.tick import Tick, tick


def event(data: Any, kind: str = TICK) -> Event:
    """A tick with this data."""
    return Event(id="1", source="/clock", type=kind, data=data)


@pytest.mark.parametrize(
    ("data", "due"),
    [
        (None, Tick()),
        ({}, Tick()),
        ({"namespace": None, "name": ""}, Tick()),
        ({"namespace": "shop", "message": "hello"}, Tick("shop")),
        ({"namespace": "shop", "name": "podinfo"}, Tick("shop", "podinfo")),
        ({"namespace": "shop", "name": "my.app"}, Tick("shop", "my.app")),
    ],
)
@pytest.mark.parametrize("kind", [PING, TICK])
def test_a_tick_narrows_as_far_as_its_data_says(data: Any, due: Tick, kind: str) -> None:
    """All canaries, those of a namespace, or one; what else is in the data does not matter."""
    assert tick(event(data, kind)) == due


def test_a_due_canary_is_named() -> None:
    """The event that a tick fans out to is about one canary."""
    assert tick(event({"namespace": "shop", "name": "podinfo"}, CANARY_DUE)) == Tick("shop", "podinfo")


@pytest.mark.parametrize("data", [None, {}, {"namespace": "shop"}])
def test_a_due_canary_without_a_name_is_refused(data: Any) -> None:
    """It must not widen to all canaries."""
    with pytest.raises(BadEvent, match=r"^data\.name: missing, expected in every dev\.serinus\.canary\.due"):
        tick(event(data, CANARY_DUE))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"name": "podinfo"}, "^data.namespace: missing, expected beside the name 'podinfo'"),
        ({"namespace": "Shop"}, r"^data.namespace: 'Shop', expected a DNS label"),
        ({"namespace": "shop/../kube-system"}, "^data.namespace: 'shop/../kube-system', expected"),
        ({"namespace": "a.b"}, "^data.namespace: 'a.b', expected"),
        ({"namespace": "x" * 64}, "^data.namespace: 'x+', expected"),
        ({"namespace": "shop", "name": "a?b=c"}, r"^data.name: 'a\?b=c', expected a DNS subdomain"),
        ({"namespace": "shop", "name": "podinfo\n"}, r"^data.name: 'podinfo\\n', expected"),
        ({"namespace": ["shop"]}, r"^data.namespace: \['shop'\], expected a string"),
        ({"namespace": "shop", "name": 5}, "^data.name: 5, expected a string"),
    ],
)
def test_malformed_names(data: Any, reason: str) -> None:
    """No name reaches a path of the API server unchecked."""
    with pytest.raises(BadEvent, match=reason):
        tick(event(data))
