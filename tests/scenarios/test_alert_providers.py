"""AlertProviders that are wrong, missing or may not be read are told by an Event, and no rollout waits for them."""

from typing import Any

import pytest

from handlers.errors import BadCanary, Unavailable
from handlers.notifiers import NOTIFIERS
from handlers.rollout.spec.alerts import provider_of
from handlers.step.ports import Response
from tests.lab import a_canary, at, new_lab
from tests.scenarios.alerting import SLACK, a_provider, a_rule, a_secret, alerting, state_of, texts


def test_a_provider_that_is_missing() -> None:
    """An Event says so, the rollout goes on, and whoever makes it then gets the message."""
    lab = new_lab(a_canary(analysis={"alerts": [a_rule()]}))
    lab.until("Initialized")
    assert [event for event in lab.events if "alert provider" in event] == [
        "Warning alert provider slack.shop: not found"
    ]
    a_provider(lab)
    lab.clock.tick(3600)
    lab.step()
    assert texts(lab) == ["New Deployment detected, initialization completed."]
    assert not state_of(lab).outbox


def test_a_provider_that_never_comes_is_given_up() -> None:
    """After a day without any step the message is dropped, so that nobody is asked for ever."""
    lab = new_lab(a_canary(analysis={"alerts": [a_rule()]}))
    lab.until("Initialized")
    lab.clock.tick(25 * 3600)
    lab.step()
    assert not state_of(lab).outbox


BAD = [
    ({"address": "ftp://hooks.test/secret"}, {}, "spec.address: '(not shown)' is not an http or https URL"),
    ({"address": "https:secret"}, {}, "spec.address: '(not shown)' is not an http or https URL"),
    ({"proxy": "secret"}, {}, "spec.proxy: '(not shown)' is not an http or https URL"),
    ({"address": None, "secretRef": {"name": "other"}}, {}, "spec.secretRef: Secret other not found"),
    ({"address": None, "secretRef": {"name": "slack"}}, {"token": "secret"}, "spec.address: is required"),
    ({"address": None, "secretRef": {"name": "slack"}}, {"address": "secret"}, "the secret's address: '(not shown)'"),
    ({"address": None, "secretRef": {"name": "slack"}}, {"address": SLACK, "token": "secret\n\nx"}, "data.token"),
    ({"address": None, "secretRef": {"name": "../x"}}, {}, "spec.secretRef.name: '../x' is not the name"),
]


@pytest.mark.parametrize(("spec", "data", "said"), BAD)
def test_a_provider_that_is_wrong(
    spec: dict[str, Any], data: dict[str, str], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An Event names the field and shows no secret; nothing is sent and the step succeeds."""
    lab = new_lab(a_canary(analysis={"alerts": [a_rule()]}))
    a_provider(lab, **spec)
    a_secret(lab, **data)
    lab.until("Initialized")
    (event,) = [event for event in lab.events if "alert provider" in event]
    assert event.startswith(f"Warning alert provider slack.shop: {said}")
    assert "hooks" not in event
    assert "/secret" not in caplog.text
    assert not lab.webhooks.asked


REFUSALS = [
    (Response(status=404, body=b"Cannot POST /services/T0/B0/secret"), "the message was refused with status 404"),
    (Response(status=200, body=b'{"ok":false,"error":"channel_not_found"}'), "slack refuses the message: channel_not_"),
]


@pytest.mark.parametrize(("answer", "said"), REFUSALS)
def test_a_messenger_that_refuses(answer: Response, said: str, caplog: pytest.LogCaptureFixture) -> None:
    """An Event says with which status, or Slack's word for it, and nothing of the address."""
    lab = alerting()
    lab.webhooks.answers[SLACK] = [answer]
    lab.until("Initialized")
    (event,) = [event for event in lab.events if "alert provider" in event]
    assert event.startswith(f"Warning alert provider slack.shop: {said}")
    assert "T0" not in event + caplog.text


def test_nothing_is_read_when_nothing_is_told() -> None:
    """AlertProviders and Secrets cost requests only when a message is due."""
    lab = at(alerting(), "Progressing", 20)
    lab.cluster.calls.clear()
    lab.tick()
    assert not [path for _, path in lab.cluster.calls if "alertproviders" in path or "secrets" in path]


def test_a_right_that_is_missing() -> None:
    """Handlers that may not read an AlertProvider say so by an Event; the step succeeds."""
    lab = alerting()

    def forbidden(_: str, path: str) -> None:
        if "alertproviders" in path:
            raise Unavailable("403: may not get alertproviders")

    lab.cluster.before = forbidden
    lab.until("Initialized")
    (event,) = [event for event in lab.events if "alert provider" in event]
    assert event == "Warning alert provider slack.shop: cannot be read: 403: may not get alertproviders"


def test_providers_that_no_schema_has_checked() -> None:
    """A type that is not known and a Secret that is no base64 are named, the Secret's content is not."""
    with pytest.raises(BadCanary, match=r"spec.type: 'pager' is not one of slack"):
        provider_of({"spec": {"type": "pager", "address": SLACK}}, None, NOTIFIERS)
    with pytest.raises(BadCanary, match=r"data.address: '\(not shown\)' is not printable ASCII in base64"):
        provider_of({"spec": {"type": "slack"}}, {"data": {"address": "secret!"}}, NOTIFIERS)
