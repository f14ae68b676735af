"""The primary's copies of ConfigMaps and Secrets: of whom, named how, and saying what."""

import json
from typing import Any

import pytest

from handlers.errors import BadCanary
from handlers.rollout.objects import CONFIG_MAP, SECRET, Ref
from handlers.rollout.objects.configs import (
    CONFIGS,
    COPIED,
    Configs,
    ahead,
    carried,
    copy_name,
    copy_of,
    digest,
    ref_of,
    references,
    said,
    stale,
)
from handlers.rollout.objects.workloads import create_primary, promote_primary
from handlers.rollout.snapshot import Options
from tests.rollout.configs import OURS, THEIRS, canary, config_map, secret, workload


@pytest.mark.parametrize(
    ("owners", "name"),
    [
        pytest.param(None, "app-primary", id="free"),
        pytest.param([OURS], "app-primary", id="ours"),
        pytest.param([], "app-podinfo-primary", id="nobody's"),
        pytest.param([THEIRS], "app-podinfo-primary", id="another Canary's"),
        pytest.param([OURS, THEIRS], "app-podinfo-primary", id="shared, as Flagger does it"),
        pytest.param([{**OURS, "kind": "App"}], "app-podinfo-primary", id="another kind's"),
    ],
)
def test_a_copy_is_nobody_elses(owners: list[Any] | None, name: str) -> None:
    """C22: an object that was not made for this Canary alone is left as it is, and the copy gets another name.

    Flagger's TestConfigTracker_ConfigOwnerMultiDeployment.
    """
    there = {} if owners is None else {"secret/app-primary": {"metadata": {"ownerReferences": owners}}}
    assert copy_name(canary(), "secret/app", there) == name
    assert copy_name(canary(), "configmap/app", there) == "app-primary"


def test_a_config_says_where_it_lives() -> None:
    """Its kind and name; a copy has the same kind."""
    assert ref_of("shop", "configmap/app") == Ref(CONFIG_MAP, "shop", "app")
    assert ref_of("shop", "secret/app", "app-primary") == Ref(SECRET, "shop", "app-primary")


def test_what_a_copy_said_has_a_name_of_its_own() -> None:
    """Beside the copy, whatever that is called."""
    found = Configs(copies={"secret/app": "app-podinfo-primary"}).copy_refs("shop", "secret/app")
    assert found == (Ref(SECRET, "shop", "app-podinfo-primary"), Ref(SECRET, "shop", "app-podinfo-primary-previous"))


def copied(source: dict[str, Any], existing: dict[str, Any] | None = None, kind: str = "configmap") -> dict[str, Any]:
    """The copy of a config."""
    ref = Ref(CONFIG_MAP if kind == "configmap" else SECRET, "default", "app-primary")
    return copy_of(canary(), digest(f"{kind}/app", source), source, ref, existing, ("team",))


def test_a_copy_says_what_its_source_says() -> None:
    """Data, binaryData (which Flagger drops), a Secret's type and the wanted labels; it goes with its Canary."""
    meta = {"name": "app", "uid": "m-1", "labels": {"team": "web", "other": "1"}, "annotations": {"note": "1"}}
    source = config_map(binaryData={"b": "AA=="}, metadata=meta, immutable=True)
    made = copied(source)
    assert (made["kind"], made["data"], made["binaryData"]) == ("ConfigMap", {"k": "v"}, {"b": "AA=="})
    assert made["metadata"]["labels"] == {"team": "web"}
    assert made["metadata"]["annotations"] == {COPIED: digest("configmap/app", source)}
    assert [owner["uid"] for owner in made["metadata"]["ownerReferences"]] == ["u-1"]
    assert "immutable" not in made
    assert copied(secret(type="kubernetes.io/tls"), kind="secret")["type"] == "kubernetes.io/tls"


def test_a_copy_follows_its_source() -> None:
    """What the source says no more goes, what others wrote beside it stays, and the same again changes nothing."""
    old = copied(config_map(binaryData={"b": "AA=="}))
    old["metadata"]["annotations"]["note"] = "theirs"
    new = copied(config_map({"l": "w"}), old)
    assert (new["data"], "binaryData" in new) == ({"l": "w"}, False)
    assert new["metadata"]["annotations"]["note"] == "theirs"
    assert copied(config_map({"l": "w"}), new) == new


@pytest.mark.parametrize(
    ("existing", "message"),
    [
        ({"metadata": {"ownerReferences": [THEIRS]}, "type": "Opaque"}, "was not made for Canary default/podinfo"),
        ({"metadata": {"ownerReferences": [OURS]}, "type": "Opaque", "immutable": True}, "is immutable"),
        ({"metadata": {"ownerReferences": [OURS]}, "type": "kubernetes.io/tls"}, "its type 'kubernetes.io/tls' cannot"),
    ],
)
def test_what_cannot_be_made_a_copy_is_named(existing: dict[str, Any], message: str) -> None:
    """Before anything is written, and without any of its contents."""
    with pytest.raises(BadCanary, match=message) as raised:
        copied(secret(), existing, "secret")
    assert "Secret default/app-primary" in str(raised.value)
    assert "aHVudGVyMg" not in str(raised.value)


def test_an_immutable_copy_that_says_the_same_may_stay() -> None:
    """Nothing has to be written to it."""
    existing = {"metadata": {"ownerReferences": [OURS]}, "data": {"k": "v"}, "immutable": True}
    assert copied(config_map(), existing)["data"] == {"k": "v"}


A = "configmap/a"
CONFIGURED = Configs(digests={A: "1", "secret/gone": "2"}, copies={A: "a-primary"})


def test_a_primary_reads_copies_and_says_which() -> None:
    """Other contents make other pods, also when nothing else has changed; without configs nothing is said."""
    target = workload({"containers": [{"name": "podinfo", "envFrom": [{"configMapRef": {"name": "a"}}]}]})
    made = create_primary(canary(), target, Options(), "1-aa", CONFIGURED)
    promoted = promote_primary(canary(), target, made, Options(), "1-bb", CONFIGURED)
    for obj in (made, promoted):
        assert list(references(obj)) == ["configmap/a-primary"]
        assert carried(obj) == {"configmap/a": "1"}
    assert said(Configs()) == {}
    assert references(create_primary(canary(), target, Options(), "1-aa")) == references(target)


def test_a_template_that_says_nothing_legible_carries_nothing() -> None:
    """Somebody has edited it, or it is from before."""
    for text in ("{", "[]"):
        assert carried(workload({}, metadata={"annotations": {CONFIGS: text}})) == {}
    assert carried(None) == {}


@pytest.mark.parametrize(
    ("primary", "copy", "before", "is_ahead", "is_stale"),
    [
        pytest.param("0", "1", None, True, {}, id="promotion begun, before anything was kept"),
        pytest.param("0", "1", "0", True, {A: True}, id="promotion begun"),
        pytest.param("0", "5", "0", False, {A: True}, id="promotion begun, of what is not there any more"),
        pytest.param("0", "5", "4", False, {}, id="promotion begun, and something else was kept"),
        pytest.param("0", "0", "4", False, {}, id="before it"),
        pytest.param("1", "1", "0", False, {}, id="after it"),
        pytest.param("1", "0", "1", False, {A: False}, id="changed back"),
        pytest.param("1", None, None, False, {A: False}, id="deleted"),
        pytest.param(None, "1", "0", False, {}, id="not read by the primary"),
    ],
)
def test_copies_are_compared_with_what_the_primary_was_made_with(
    primary: str | None, copy: str | None, before: str | None, is_ahead: bool, is_stale: dict[str, bool]
) -> None:
    """A copy that is newer than the template has to be followed by it; one that is not of it is put right."""
    obj = workload({}, metadata={"annotations": {CONFIGS: json.dumps({A: primary} if primary else {})}})
    copies, previous = ({A: {"metadata": {"annotations": {COPIED: text}}} if text else None} for text in (copy, before))
    assert ahead(CONFIGURED, copies, obj) is is_ahead
    assert stale(CONFIGURED, copies, previous, obj) == is_stale


def test_a_copy_that_only_the_primary_reads_is_put_right_from_what_it_said() -> None:
    """The target may read it no more; what is not known any more is left alone."""
    left = Configs(left={A: "a-primary", "configmap/b": "b-primary"})
    made_with = {A: "0", "configmap/b": "0", "pod/c": "0"}
    obj = workload({}, metadata={"annotations": {CONFIGS: json.dumps(made_with)}})
    previous = {A: {"metadata": {"annotations": {COPIED: "0"}}}}
    assert stale(left, {}, previous, obj) == {A: True}
    assert carried(obj) == {A: "0", "configmap/b": "0"}
