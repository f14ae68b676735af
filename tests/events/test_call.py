"""Requests about one canary, in the form of Flagger's webhooks."""

import json
from datetime import timedelta
from typing import Any

import pytest

from handlers.errors import BadEvent
from handlers.events.call import Call, read

ABOUT = {"name": "app", "namespace": "shop"}


def test_flaggers_payload_is_read() -> None:
    """Phase, checksum and other metadata say nothing here."""
    sent = {**ABOUT, "phase": "Progressing", "checksum": "x", "metadata": {"ttl": "10m", "reason": "a\nb", "cmd": "c"}}
    found = Call(namespace="shop", name="app", ttl=timedelta(minutes=10), reason="a b")
    assert read(json.dumps(sent).encode()) == found
    assert read(json.dumps({**sent, "metadata": None}).encode()) == Call(namespace="shop", name="app")
    assert read(json.dumps(sent).encode(), "1h").ttl == timedelta(hours=1)


@pytest.mark.parametrize(
    ("sent", "ttl", "field"),
    [
        ([], "", "body: "),
        ({"name": "app"}, "", "namespace: "),
        ({"namespace": "shop"}, "", "name: "),
        ({**ABOUT, "name": "../secrets/x"}, "", "name: "),
        ({**ABOUT, "namespace": "a/b"}, "", "namespace: "),
        ({**ABOUT, "metadata": []}, "ten", "metadata.ttl: "),
        ({**ABOUT, "metadata": {"ttl": 10}}, "", "metadata.ttl: "),
        ({**ABOUT, "metadata": {"ttl": "0"}}, "", "metadata.ttl: "),
        ({**ABOUT, "metadata": "x"}, "", "metadata: "),
        ({**ABOUT}, "1000000h", "metadata.ttl: "),
    ],
)
def test_a_mistake_is_named(sent: Any, ttl: str, field: str) -> None:
    """By its field; a name that could leave its place in a path is none."""
    with pytest.raises(BadEvent, match=f"^{field}"):
        read(json.dumps(sent).encode(), ttl)
