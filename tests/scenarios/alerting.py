"""Canaries with alerts, and what their messengers were sent."""

import base64
import json
from html import unescape
from typing import Any

from handlers.rollout import state
from handlers.rollout.state import State
from tests.lab import Lab, a_canary, new_lab

SLACK = "https://hooks.slack.com/services/T0/B0/secret"
ROCKET = "https://rocket.test/hooks/secret"
SUCCESS = "requests_total"


def a_rule(name: str = "slack", severity: str = "info", namespace: str = "") -> dict[str, Any]:
    """An alert of a Canary."""
    where = {"namespace": namespace} if namespace else {}
    return {"name": name, "severity": severity, "providerRef": {"name": name, **where}}


def a_provider(lab: Lab, name: str = "slack", namespace: str = "shop", **spec: Any) -> None:
    """An AlertProvider in the cluster."""
    wanted = {"type": "slack", "address": SLACK, **spec}
    body = {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "AlertProvider",
        "metadata": {"name": name},
        "spec": {key: value for key, value in wanted.items() if value is not None},
    }
    reply = lab.api.call("POST", f"/apis/flagger.app/v1beta1/namespaces/{namespace}/alertproviders", body)
    assert reply.status == 201, reply.body


def encoded(**data: str) -> dict[str, str]:
    """A Secret's data."""
    return {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}


def a_secret(lab: Lab, namespace: str = "shop", **data: str) -> None:
    """A Secret `slack` in the cluster."""
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "slack"}, "data": encoded(**data)}
    assert lab.api.call("POST", f"/api/v1/namespaces/{namespace}/secrets", body).status == 201


def alerting(*rules: dict[str, Any], **analysis: Any) -> Lab:
    """A lab whose Canary has alerts, and one AlertProvider `slack`."""
    lab = new_lab(a_canary(analysis={"alerts": list(rules or [a_rule()]), **analysis}))
    a_provider(lab)
    return lab


def sent(lab: Lab, url: str = SLACK) -> list[tuple[str, dict[str, str]]]:
    """The messages that were posted, each with its facts."""
    bodies = [json.loads(request.body) for request in lab.webhooks.asked if request.url == url]
    parts = [part for body in bodies for part in body["attachments"]]
    return [(part["text"], {fact["title"]: unescape(fact["value"]) for fact in part["fields"]}) for part in parts]


def texts(lab: Lab, url: str = SLACK) -> list[str]:
    """The messages that were posted."""
    return [text for text, _ in sent(lab, url)]


def state_of(lab: Lab) -> State:
    """The state of the Canary."""
    found = state.load(lab.canary["metadata"]["annotations"])
    assert found
    return found
