"""A targetPort that no container has, and what the API server refuses: what serves goes on serving, and it is told."""

import pytest

from tests.lab import Lab, at, new_lab
from tests.protocol.clients import Answer, Clients
from tests.protocol.harness import state_of
from tests.scenarios.neighbours import CANARY, labelled, look, refused, told

WRONG = "spec.service.targetPort: 'htpp', but no container of the target has a port of this name"


def named() -> Lab:
    """A target whose port has a name."""
    target = labelled("app", {"app": "app"}, replicas=2)
    target["spec"]["template"]["spec"]["containers"][0]["ports"] = [{"name": "http", "containerPort": 8080}]
    lab = new_lab(None, target)
    lab.edit(CANARY, {"spec": {"service": {"targetPort": "http"}}})
    return lab


def rested() -> Lab:
    """The same at rest."""
    lab = named()
    lab.until("Initialized")
    look(lab, 2)
    return lab


@pytest.mark.parametrize("weight", [0, 40], ids=["at rest", "in a run"])
def test_a_misspelt_port_reaches_no_service(weight: int) -> None:
    """Each Service goes on leading to the port that its pods have; a Warning says what is wrong, once."""
    lab = at(named(), "Progressing", weight) if weight else rested()
    clients = Clients(lab)
    before = lab.weights
    lab.edit(CANARY, {"spec": {"service": {"targetPort": "htpp"}}})
    for _ in range(4):
        look(lab)
        clients.noticed()
        assert list(clients.answers().values()) == [Answer()]
    assert WRONG in refused(lab)
    assert lab.weights == before
    assert told(lab, f"Warning {WRONG}") + told(lab, f"Warning Halt app.shop advancement {WRONG}") == 1
    lab.edit(CANARY, {"spec": {"service": {"targetPort": "http"}}})
    look(lab, 6)
    assert refused(lab) == ""


def test_it_is_told_again_when_it_is_wrong_again() -> None:
    """Another slip is another Warning."""
    lab = rested()
    for name in ("htpp", "http", "htp"):
        lab.edit(CANARY, {"spec": {"service": {"targetPort": name}}})
        look(lab, 2)
    assert told(lab, "Warning spec.service.targetPort") == 2


def test_a_write_that_the_api_server_refuses_leaves_no_claim() -> None:
    """The step is over: the reason is on the Canary, and the next one does not wait for a claim to run out."""
    lab = rested()
    lab.edit(CANARY, {"spec": {"service": {"apex": {"labels": {"no label": "x"}}}}})
    look(lab)
    assert "no label" in refused(lab)
    assert state_of(lab).claim is None
    lab.edit(CANARY, {"spec": {"service": {"apex": None}}})
    look(lab, 2)
    assert refused(lab) == ""


def test_the_name_of_a_port_is_checked_before_anything_is_written() -> None:
    """The API server would refuse the Service."""
    lab = rested()
    lab.edit(CANARY, {"spec": {"service": {"portName": "HTTP_main"}}})
    look(lab)
    assert refused(lab).startswith("spec.service.portName: 'HTTP_main' is not a DNS label")
