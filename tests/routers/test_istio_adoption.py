"""Istio's objects that were there before: kept as they were, and given back."""

import json
from typing import Any

import pytest

from handlers.rollout.objects import DESTINATION_RULE, Ref
from handlers.routers import istio
from handlers.routers.istio_originals import ORIGINAL
from tests.routers.istio_objects import OWNER, canary, routed
from tests.routers.test_istio import FLUX

KUBECTL = "kubectl.kubernetes.io/last-applied-configuration"
FLAGGER = "flagger.kubernetes.app/original-configuration"


SPEC = {
    "hosts": ["a.example.com"],
    "gateways": ["istio/public"],
    "exportTo": ["."],
    "http": [{"route": [{"destination": {"host": "podinfo"}}]}],
}


def adoptable(**annotations: str) -> dict[str, Any]:
    """A VirtualService that the user made."""
    return {
        "metadata": {"name": "podinfo", "labels": {"team": "web"}, "annotations": {"note": "1", **annotations}},
        "spec": SPEC,
    }


def test_an_adopted_route_is_kept_as_it_was() -> None:
    """The first rendering saves the user's spec; labels, annotations and fields that are not ours stay."""
    existing = adoptable()

    adopted = routed(canary(apex={"labels": {"a": "1"}}), 0, False, existing)

    assert json.loads(adopted["metadata"]["annotations"].pop(ORIGINAL)) == existing["spec"]
    assert adopted["metadata"] == {
        "name": "podinfo",
        "labels": {"team": "web", "a": "1"},
        "annotations": {"note": "1", **FLUX},
    }
    assert {**adopted["spec"], "http": []} == {**existing["spec"], "http": []}


def test_later_renderings_keep_the_first_saved_spec() -> None:
    """What is saved is what the user wrote, never what we made of it."""
    adopted = routed(canary(), 0, False, adoptable())

    later = routed(canary(), 50, False, adopted)

    assert later["metadata"] == adopted["metadata"]


@pytest.mark.parametrize(
    "existing",
    [
        pytest.param(adoptable(**{KUBECTL: json.dumps({"spec": SPEC})}), id="kubectl keeps it"),
        pytest.param(adoptable(**{FLAGGER: json.dumps(SPEC)}), id="Flagger kept it"),
        pytest.param({"metadata": {"ownerReferences": [OWNER]}, "spec": {}}, id="it is ours"),
    ],
)
def test_nothing_is_saved_twice(existing: dict[str, Any]) -> None:
    """An object that is ours, or whose origin is kept already, gets no saved spec."""
    assert ORIGINAL not in routed(canary(), 0, False, existing)["metadata"]["annotations"]


def test_an_adopted_destination_rule_keeps_what_is_not_ours() -> None:
    """Host and traffic policy follow the spec, also when it has no policy; subsets and labels stay."""
    ref = Ref(DESTINATION_RULE, "default", "podinfo-canary")
    spec = {"host": "x", "subsets": [{"name": "v1"}], "trafficPolicy": {"tls": {"mode": "SIMPLE"}}}
    existing = {"metadata": {"name": ref.name, "labels": {"team": "web"}}, "spec": spec}

    adopted = dict(istio.destinations(canary(), {ref: existing}))[ref]

    assert json.loads(adopted["metadata"]["annotations"][ORIGINAL]) == spec
    assert adopted["metadata"]["labels"] == {"team": "web"}
    assert adopted["spec"] == {"host": "podinfo-canary", "subsets": [{"name": "v1"}]}


@pytest.mark.parametrize(
    ("kept", "rules"),
    [
        pytest.param({"hosts": ["a.test"], "http": []}, [], id="what was adopted is as it was"),
        pytest.param("{", [{"route": [{"destination": {"host": "podinfo"}, "weight": 100}]}], id="an unreadable one"),
        pytest.param(["a"], [{"route": [{"destination": {"host": "podinfo"}, "weight": 100}]}], id="no spec at all"),
    ],
)
def test_an_adopted_route_is_given_back(kept: Any, rules: list[Any]) -> None:
    """By the spec that it had; where nobody knows it any more, it leads to the apex Service.

    Flagger's TestIstioRouter_Finalize.
    """
    theirs = routed(canary(), 20, mirrored=False, existing=None)
    marks = {ORIGINAL: kept if isinstance(kept, str) else json.dumps(kept)}
    theirs["metadata"] = {"name": "podinfo", "namespace": "default", "annotations": marks}
    ((ref, back),) = istio.restored(canary(), {canary().route_ref: theirs})
    assert ref == canary().route_ref
    assert back["spec"]["http"] == rules


def test_a_manifest_that_kubectl_keeps_and_nobody_can_read_is_no_first_spec() -> None:
    """What leads to the sides leads to the apex Service then."""
    theirs = routed(canary(), 20, mirrored=False, existing=None)
    theirs["metadata"] = {"name": "podinfo", "namespace": "default", "annotations": {KUBECTL: "{"}}
    ((_, back),) = istio.restored(canary(), {canary().route_ref: theirs})
    assert back["spec"]["http"] == [{"route": [{"destination": {"host": "podinfo"}, "weight": 100}]}]
