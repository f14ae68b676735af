"""The app answers each sender with the status that makes it do the right thing, and an empty body on success."""

import json
from datetime import timedelta
from typing import Any

import pytest

from handlers.app import LIMIT
from handlers.errors import Unavailable
from tests.apps import BEARER, STRUCTURED, Client, clients
from tests.lab import Lab, a_canary, at, new_lab
from tests.test_app_syncs import CANARY, synced

client_of = pytest.fixture(clients)


def tick(**data: str) -> str:
    """A tick as a structured CloudEvent."""
    event = {"specversion": "1.0", "id": "1", "source": "/cron", "type": "dev.serinus.tick", "data": data}
    return json.dumps(event)


def firing(lab: Lab, **changes: Any) -> str:
    """What Alertmanager sends about app in shop, begun now."""
    began = (lab.clock() + timedelta(seconds=1)).isoformat()
    labels = {"alertname": "CanaryErrors", "namespace": "shop", "canary": "app", **changes.pop("labels", {})}
    alert = {"status": "firing", "labels": labels, "annotations": {"summary": "5xx"}, "startsAt": began}
    alert |= {"fingerprint": "f1", "endsAt": "0001-01-01T00:00:00Z", **changes}
    return json.dumps({"version": "4", "status": "firing", "alerts": [alert]})


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/", STRUCTURED, tick(), 204),
        ("/", STRUCTURED, tick(namespace="shop", name="app"), 204),
        ("/", STRUCTURED, tick(namespace="shop", name="nobody"), 204),
        ("/", STRUCTURED, tick().replace("dev.serinus.tick", "com.example.other"), 204),
        ("/", STRUCTURED, tick(namespace="Not A Name"), 400),
        ("/", STRUCTURED, "{", 400),
        ("/", STRUCTURED, tick().replace('"id": "1", ', ""), 400),
        ("/", {"Content-Type": "application/cloudevents+json"}, tick(), 401),
        ("/", {**STRUCTURED, "Authorization": "Bearer another-token-of-them"}, tick(), 401),
        ("/", STRUCTURED, " " * (LIMIT + 1), 413),
        ("/", {**BEARER, "Content-Type": "application/cloudevents-batch+json"}, "[]", 415),
        ("/", {**BEARER, "Content-Type": "text/plain"}, "hello", 415),
        ("/alertmanager", BEARER, '{"version": "4", "alerts": []}', 204),
        ("/alertmanager", BEARER, '{"version": "3", "alerts": []}', 400),
        ("/alertmanager", {}, '{"version": "4", "alerts": []}', 401),
        ("/nowhere", BEARER, "", 404),
    ],
    ids=[
        "tick for all",
        "tick for one",
        "unknown canary",
        "type that is not ours",
        "illegal name",
        "broken JSON",
        "no id",
        "no token",
        "wrong token",
        "too large",
        "batch",
        "no CloudEvent",
        "no alerts",
        "another version of Alertmanager's",
        "alerts without token",
        "unknown path",
    ],
)
def test_answers(client_of: Client, path: str, headers: dict[str, str], body: str, status: int) -> None:
    """Each request gets the status that the table of answers says; a success has no body."""
    response = client_of(new_lab()).post(path, data=body, headers=headers)
    assert response.status_code == status, response.text
    assert (response.data == b"") == (status == 204)


def test_a_body_is_not_read_before_the_sender_is_known(client_of: Client) -> None:
    """Without a token even a body that is too large gets 401: it is not looked at."""
    headers = {"Content-Type": "application/cloudevents+json"}
    response = client_of(new_lab()).post("/", data=b" " * (LIMIT + 10), headers=headers)
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_tick_steps_what_is_due(client_of: Client) -> None:
    """A tick for all bootstraps a Canary that nobody has looked at."""
    lab = new_lab()
    client = client_of(lab)
    client.post("/", data=tick(), headers=STRUCTURED)
    assert lab.phase == "Initializing"
    lab.kubelet.run()
    client.post("/", data=tick(), headers=STRUCTURED)
    assert lab.phase == "Initialized"


def test_a_ping_without_body_is_a_tick(client_of: Client) -> None:
    """PingSource without data sends no body and no Content-Type; that is a valid tick."""
    lab = new_lab()
    headers = {"ce-id": "1", "ce-source": "/ping", "ce-type": "dev.knative.sources.ping", "ce-specversion": "1.0"}
    response = client_of(lab).post("/", headers={**BEARER, **headers})
    assert (response.status_code, lab.phase) == (204, "Initializing")


def test_an_alert_rolls_back_at_once(client_of: Client) -> None:
    """A firing alert takes all traffic back in the one request that brings it; the pods go with the next event."""
    lab = at(new_lab(), "Progressing", 20)
    response = client_of(lab).post("/alertmanager", data=firing(lab), headers=BEARER)
    assert response.status_code == 204
    assert (lab.phase, lab.weights) == ("Failed", (100, 0))
    assert "Warning Rolling back app.shop alert CanaryErrors is firing: 5xx" in lab.events


def test_a_wrapped_alert_does_the_same(client_of: Client) -> None:
    """Alertmanager's body as the data of a CloudEvent rolls back as well."""
    lab = at(new_lab(), "Progressing", 20)
    event = {"specversion": "1.0", "id": "1", "source": "/am", "type": "dev.serinus.alert"}
    body = json.dumps({**event, "data": json.loads(firing(lab))})
    client_of(lab).post("/", data=body, headers=STRUCTURED)
    assert lab.phase == "Failed"


@pytest.mark.parametrize("wrapped", [False, True], ids=["Alertmanager's", "a CloudEvent"])
def test_an_alert_from_before_holds_the_rollout_until_it_has_ended(client_of: Client, wrapped: bool) -> None:
    """Firing and resolved come the same way, as Alertmanager sends them or over a Broker."""
    lab = at(new_lab(), "Progressing", 20)

    def send(**changes: str) -> None:
        body = firing(lab, startsAt="2026-11-23T11:00:00Z", **changes)
        event = {"specversion": "1.0", "id": "1", "source": "/am", "type": "dev.serinus.alert"}
        if wrapped:
            body = json.dumps({**event, "data": json.loads(body)})
        response = client_of(lab).post(
            "/" if wrapped else "/alertmanager", data=body, headers=STRUCTURED if wrapped else BEARER
        )
        assert response.status_code == 204

    send()
    lab.tick(3)
    assert lab.weights == (80, 20)
    send(status="resolved", endsAt="2026-11-23T12:01:00Z")
    lab.tick()
    assert lab.weights == (60, 40)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "resolved"},
        {"startsAt": "2026-11-23T11:00:00Z"},
        {"labels": {"canary": "other"}},
        {"labels": {"namespace": "elsewhere"}},
    ],
    ids=["resolved", "older than the rollout", "another canary", "another namespace"],
)
def test_an_alert_about_something_else(client_of: Client, changes: dict[str, Any]) -> None:
    """An alert that is not about this rollout is a 204 and changes nothing."""
    lab = at(new_lab(), "Progressing", 20)
    response = client_of(lab).post("/alertmanager", data=firing(lab, **changes), headers=BEARER)
    assert (response.status_code, lab.weights) == (204, (80, 20))


def test_an_alert_that_names_the_workload(client_of: Client) -> None:
    """Rules that only know the workload's name reach the Canary that has it as its target."""
    canary = a_canary()
    canary["metadata"]["name"] = "web"
    lab = new_lab(canary)
    for _ in range(8):
        lab.kubelet.run()
        lab.clock.tick(10)
        client_of(lab).post("/", data=tick(), headers=STRUCTURED)
        if lab.weights == (100, 0):
            lab.push("app:v2")
        if lab.weights == (80, 20):
            break
    client_of(lab).post("/alertmanager", data=firing(lab), headers=BEARER)
    assert lab.weights == (100, 0)


def test_an_invalid_canary_is_422_with_an_event(client_of: Client) -> None:
    """A tick for a Canary with a mistake is 422, and an Event on it names the field."""
    lab = new_lab(a_canary(analysis={"stepWeight": None, "iterations": -3, "maxWeight": None}))
    response = client_of(lab).post("/", data=tick(namespace="shop", name="app"), headers=STRUCTURED)
    assert response.status_code == 422
    assert "spec.analysis.iterations" in response.text
    assert any("spec.analysis.iterations" in event for event in lab.events)


def test_an_invalid_canary_does_not_stop_a_sweep(client_of: Client) -> None:
    """A tick for all is 204 though one Canary is invalid: it has its Event, and the others their step."""
    lab = new_lab()
    bad = a_canary(analysis={"interval": "soon"})
    bad["metadata"]["name"] = "bad"
    path = "/apis/flagger.app/v1beta1/namespaces/shop/canaries"
    lab.api.call("POST", path, bad)
    response = client_of(lab).post("/", data=tick(), headers=STRUCTURED)
    assert (response.status_code, lab.phase) == (204, "Initializing")
    if lab.api.call("GET", f"{path}/bad").status == 200:
        assert any("spec.analysis.interval" in event for event in lab.events)


def test_the_api_server_out_of_reach_is_503(client_of: Client) -> None:
    """Without an API server every event is 503: the sender shall try again, and nothing is lost."""
    lab = new_lab()

    def down(_verb: str, _path: str) -> None:
        raise Unavailable("connection refused")

    lab.cluster.before = down
    response = client_of(lab).post("/", data=tick(), headers=STRUCTURED)
    assert response.status_code == 503


def test_a_held_rollback_is_503(client_of: Client) -> None:
    """An alert while the primary has no ready pod keeps the canary serving and asks to be sent again."""
    lab = at(new_lab(), "Progressing", 20)
    path = "/apis/apps/v1/namespaces/shop/deployments/app-primary/status"
    lab.api.call("PATCH", path, {"status": {"readyReplicas": 0, "availableReplicas": 0}})
    response = client_of(lab).post("/alertmanager", data=firing(lab), headers=BEARER)
    assert (response.status_code, lab.weights) == (503, (80, 20))
    assert any("app-primary.shop has no ready pod" in event for event in lab.events)
    lab.kubelet.run()
    response = client_of(lab).post("/alertmanager", data=firing(lab), headers=BEARER)
    assert (response.status_code, lab.phase) == (204, "Failed")


def test_namespaces_that_are_not_ours(client_of: Client) -> None:
    """With SERINUS_NAMESPACES, what is in other namespaces is left alone."""
    lab = new_lab()
    client = client_of(lab, SERINUS_NAMESPACES="elsewhere")
    for body in (tick(), tick(namespace="shop"), tick(namespace="shop", name="app"), synced(CANARY)):
        assert client.post("/", data=body, headers=STRUCTURED).status_code == 204
    assert lab.phase == ""
