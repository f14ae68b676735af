"""What makes a Canary the one that it is, as it is written down."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.errors import BadCanary
from handlers.rollout.identity import Identity, formers, known_identity
from handlers.rollout.objects import DAEMONSET, HPA
from handlers.rollout.spec.canary import Canary
from handlers.rollout.state import Phase, State
from tests.rollout.examples import a_canary, a_state

SCALED = a_canary(spec={"autoscalerRef": {"kind": "HorizontalPodAutoscaler", "name": "podinfo"}})
NAMES = st.from_regex(r"[a-z]([-a-z0-9]{0,10}[a-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    ("canary", "text"),
    [
        pytest.param(a_canary(), "deployments/podinfo|podinfo", id="a Deployment"),
        pytest.param(SCALED, "deployments/podinfo|podinfo|horizontalpodautoscalers/podinfo", id="with a scaler"),
    ],
)
def test_an_identity_is_written_as_one_word(canary: Canary, text: str) -> None:
    """And read back as it was."""
    assert str(Identity.of(canary)) == text
    assert Identity.read(text) == Identity.of(canary)
    assert Identity.read(text).applied(canary) == canary


@given(target=NAMES, apex=NAMES, scaler=st.just("") | NAMES)
def test_what_is_written_is_read(target: str, apex: str, scaler: str) -> None:
    """Whatever the names are."""
    found = Identity(f"daemonsets/{target}", apex, f"scaledobjects/{scaler}" if scaler else "")
    assert Identity.read(str(found)) == found


@pytest.mark.parametrize("text", ["", "a|b", "deployments/|a", "deployments/a", "pods/a|a", "deployments/a|a|b|c"])
def test_another_text_is_refused(text: str) -> None:
    """With the annotation that it stands in."""
    with pytest.raises(BadCanary, match=r"metadata\.annotations\[serinus\.dev/state\].*is no identity"):
        Identity.read(text)


def test_a_scaler_alone_moves_no_traffic() -> None:
    """Another target does, of another name or kind, and another Service."""
    now = Identity.of(a_canary())
    assert not now.moves(Identity.of(SCALED))
    others = (replace(now, target="deployments/b"), replace(now, target="daemonsets/podinfo"), replace(now, apex="b"))
    assert all(now.moves(other) for other in others)


def test_a_canary_as_it_was() -> None:
    """All its names follow from its identity; the scaler's bounds are those of the spec."""
    before = Identity("daemonsets/old", "shop", "horizontalpodautoscalers/old").applied(SCALED)
    assert (before.target.kind, before.primary.name, before.route_ref.name) == (DAEMONSET, "old-primary", "shop")
    assert before.scaler is not None
    assert (before.scaler.kind, before.scaler.name) == (HPA, "old")
    assert formers(SCALED, a_state(former=("daemonsets/old|shop",)))[0].service.canary == "shop-canary"


SEEN = {"deployments/a": "1", "deployments/a-primary": "1", "virtualservices/b": "1", "services/b": "v1"}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(State(identity="deployments/x|y", observed=SEEN), "deployments/x|y", id="written down"),
        pytest.param(State(observed=SEEN), "deployments/a|b", id="told from what was seen"),
        pytest.param(
            State(observed=SEEN | {"horizontalpodautoscalers/h": "1", "horizontalpodautoscalers/h-primary": "1"}),
            "deployments/a|b|horizontalpodautoscalers/h",
            id="with its scaler",
        ),
        pytest.param(State(), None, id="nothing was seen"),
        pytest.param(State(observed=SEEN | {"daemonsets/c-primary": "1"}), None, id="it cannot be told"),
    ],
)
def test_a_state_of_an_earlier_version_has_the_identity_of_what_it_saw(state: State, expected: str | None) -> None:
    """So that an edit that comes together with this version is noticed."""
    found = known_identity(replace(state, phase=Phase.SUCCEEDED))
    assert (str(found) if found else None) == expected


def test_a_spec_names_what_was_before() -> None:
    """For a rollback, where the names that it has are not valid; all else stays."""
    obj = {"metadata": {"name": "a"}, "spec": {"targetRef": {"name": "Not_A_Name"}, "service": {"port": 80}}}
    assert Identity.read("daemonsets/web|shop").named(obj)["spec"] == {
        "targetRef": {"kind": "DaemonSet", "name": "web"},
        "service": {"port": 80, "name": "shop"},
    }
    assert Identity.read("daemonsets/web|shop").named({"spec": {"service": 1}})["spec"]["service"] == {"name": "shop"}
