"""The gate API answers as Flagger's load tester does, and keeps what it is told on the Canary."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from handlers.errors import Conflict
from handlers.rollout.commands import PAUSE
from tests.apps import BEARER, clients
from tests.lab import at, new_lab
from tests.protocol.harness import finish
from tests.protocol.situations import approved

CANARY = "flagger.app/v1beta1/canaries/app"
ABOUT = {"name": "app", "namespace": "shop"}
Ask = Callable[..., TestResponse]

client_of = pytest.fixture(clients)


def asking(client: FlaskClient) -> Ask:
    """Post a payload about app in shop to a path; its answer."""

    def ask(path: str, metadata: Mapping[str, str] | None = None, **about: str) -> TestResponse:
        body = json.dumps({**ABOUT, **about, "metadata": metadata or {}})
        return client.post(path, data=body, headers=BEARER)

    return ask


@pytest.mark.parametrize(("kind", "other"), [("gate", "rollback"), ("rollback", "gate")])
def test_a_gate_is_closed_until_it_is_opened(client_of: Any, kind: str, other: str) -> None:
    """Flagger's statuses and words; the other gate is another one."""
    ask = asking(client_of(new_lab()))
    assert (ask(f"/{kind}/check").status_code, ask(f"/{kind}/check").text) == (403, "Forbidden\n")
    assert (ask(f"/{kind}/open").status_code, ask(f"/{kind}/open").data) == (202, b"")
    assert (ask(f"/{kind}/check").status_code, ask(f"/{kind}/check").text) == (200, "Approved\n")
    assert ask(f"/{other}/check").status_code == 403
    assert ask(f"/{kind}/close").status_code == 202
    assert ask(f"/{kind}/check").status_code == 403


def test_a_gate_closes_by_itself(client_of: Any) -> None:
    """After its time to live, in the payload or in the query."""
    lab = new_lab()
    ask = asking(client_of(lab))
    for path, metadata in (("/gate/open", {"ttl": "10m"}), ("/gate/open?ttl=10m", {})):
        ask(path, metadata)
        lab.clock.tick(599)
        assert ask("/gate/check").status_code == 200
        lab.clock.tick(1)
        assert ask("/gate/check").status_code == 403


def test_approve_and_halt_are_constants(client_of: Any) -> None:
    """For webhooks that always, or never, go on; whatever is sent."""
    client = client_of(new_lab())
    yes, no = (client.post(path, headers=BEARER) for path in ("/gate/approve", "/gate/halt"))
    assert ((yes.status_code, yes.text), (no.status_code, no.text)) == ((200, "OK\n"), (403, "Forbidden\n"))


@pytest.mark.parametrize("path", ["/gate/check", "/gate/approve", "/gate/open", "/canary/abort"])
def test_who_asks_has_to_say_who_it_is(client_of: Any, path: str) -> None:
    """The same bearer tokens as for events."""
    assert client_of(new_lab()).post(path, data=json.dumps(ABOUT)).status_code == 401


@pytest.mark.parametrize(
    ("path", "about", "environ", "status"),
    [
        ("/gate/check", {"name": "nobody"}, {}, 404),
        ("/gate/open", {"name": "nobody"}, {}, 404),
        ("/canary/abort", {"name": "nobody"}, {}, 404),
        ("/gate/open", {}, {"SERINUS_NAMESPACES": "other"}, 404),
        ("/gate/open", {"name": "../x"}, {}, 400),
        ("/canary/retry", {}, {}, 409),
        ("/canary/abort", {}, {}, 409),
        ("/canary/promote", {}, {}, 409),
    ],
)
def test_mistakes_are_told(client_of: Any, path: str, about: dict[str, str], environ: Any, status: int) -> None:
    """An unknown canary, a namespace that is not ours, a name that is none, a command with nothing to do."""
    lab = new_lab()
    lab.until("Initialized")
    version = lab.canary["metadata"]["resourceVersion"]
    response = asking(client_of(lab, **environ))(path, **about)
    assert (response.status_code, len(response.text) > 10) == (status, True)
    assert lab.canary["metadata"]["resourceVersion"] == version


def test_nonsense_in_the_annotation_is_kept_and_told(client_of: Any) -> None:
    """Nobody guesses at an approval."""
    lab = new_lab()
    lab.edit(CANARY, {"metadata": {"annotations": {"serinus.dev/gates": "open sesame"}}})
    ask = asking(client_of(lab))
    for path in ("/gate/check", "/gate/open"):
        assert (ask(path).status_code, "expected a JSON object" in ask(path).text) == (422, True)
    assert lab.canary["metadata"]["annotations"]["serinus.dev/gates"] == "open sesame"


def test_whoever_writes_meanwhile_loses_nothing(client_of: Any) -> None:
    """The write is guarded, and done again on what is there then; in the end the sender is asked to come back."""
    lab = new_lab()
    ask = asking(client_of(lab))
    ask("/rollback/open")
    lost = [1, 1]

    def meddle(verb: str, _path: str) -> None:
        if verb == "patch" and lost:
            lost.pop()
            raise Conflict("somebody was first")

    lab.cluster.before = meddle
    assert ask("/gate/open").status_code == 202
    assert ask("/rollback/check").status_code == ask("/gate/check").status_code == 200
    lost.extend([1, 1, 1])
    assert ask("/gate/close").status_code == 503


def test_an_abort_is_done_when_it_is_answered(client_of: Any) -> None:
    """The annotation is written, and the canary stepped at once; the reason is told."""
    lab = at(new_lab(), "Progressing", 40)
    response = asking(client_of(lab))("/canary/abort", {"reason": "too slow"})
    assert (response.status_code, response.text) == (200, "app.shop Failed 0%\n")
    assert lab.weights == (100, 0)
    assert any(event.endswith("too slow") for event in lab.events)


def test_a_failed_revision_is_retried(client_of: Any) -> None:
    """Each call is a new value."""
    lab = at(new_lab(), "Progressing", 40)
    ask = asking(client_of(lab))
    for _ in range(2):
        ask("/canary/abort")
        lab.clock.tick(1)
        assert ask("/canary/retry").text == "app.shop Progressing 0%\n"
        lab.clock.tick(1)
    finish(lab)
    assert lab.phase == "Succeeded"


def test_promote_approves_and_promotes(client_of: Any) -> None:
    """First what waits is started, then what runs is copied."""
    lab = approved()
    lab.edit(CANARY, {"metadata": {"annotations": {"serinus.dev/promote": None}}})
    ask = asking(client_of(lab))
    assert ask("/canary/promote").text == "app.shop Progressing 0%\n"
    lab.kubelet.run()
    lab.clock.tick(1)
    assert ask("/canary/promote").text == "app.shop Promoting 0%\n"


def test_pause_and_resume(client_of: Any) -> None:
    """The annotation comes and goes."""
    lab = at(new_lab(), "Progressing", 40)
    ask = asking(client_of(lab))
    assert ask("/canary/pause").text == "app.shop Progressing 40%\n"
    lab.tick(2)
    assert lab.weights == (60, 40)
    assert ask("/canary/resume").status_code == 200
    assert PAUSE not in lab.canary["metadata"]["annotations"]
    finish(lab)
    assert lab.phase == "Succeeded"
