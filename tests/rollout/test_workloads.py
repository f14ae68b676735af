"""The primary Deployment: cloned from the target, and brought to its version."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.rollout.objects import merge_patch
from handlers.rollout.objects.ownership import KEEPER
from handlers.rollout.objects.workloads import PROMOTED, create_primary, mark_primary, promote_primary
from tests.rollout.workloads import OPTIONS, about, canary, primary, target

VALUES = st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=3)
EXTRAS = st.dictionaries(st.text(min_size=1, max_size=5).map("x-{}".format), VALUES, max_size=3)
REPLICAS = st.none() | st.integers(0, 9)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("podinfo", id="Sync_ConsistentNaming"),
        pytest.param("podinfo-service", id="Sync_InconsistentNaming"),
    ],
)
def test_a_primary_runs_what_the_target_runs(name: str) -> None:
    """The image is the target's, the selector its own, whatever the Deployment is called."""
    made = create_primary(canary(name), target(name), OPTIONS, "1-aa")

    assert made["metadata"]["name"] == f"{name}-primary"
    assert made["spec"]["template"]["spec"]["containers"][0]["image"] == "podinfo:1.2.0"
    assert made["spec"]["selector"] == {"matchLabels": {"name": "podinfo-primary"}}


def test_a_primary_is_made_from_scratch() -> None:
    """Its metadata holds what may be copied, the revision and the owner, and nothing that GitOps tools look for."""
    made = create_primary(canary(), target(), OPTIONS, "1-aa")

    assert made | {"spec": {}} == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "namespace": "default",
            "name": "podinfo-primary",
            "labels": {
                "name": "podinfo-primary",
                "test-label-1": "test-label-value-1",
                "app.kubernetes.io/part-of": "shop",
            },
            "annotations": {"test-annotation-1": "test-annotation-value-1", "other": "1", PROMOTED: "1-aa"},
            "ownerReferences": [
                {
                    "apiVersion": "flagger.app/v1beta1",
                    "kind": "Canary",
                    "name": "podinfo",
                    "uid": "u-1",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {},
    }


def test_a_primary_has_the_spec_of_the_target() -> None:
    """All of the spec but the pause is carried over; pods keep their labels but for the one that tells them apart."""
    made, source = create_primary(canary(), target(), OPTIONS, "1-aa")["spec"], target()["spec"]

    for field in ("replicas", "progressDeadlineSeconds", "minReadySeconds", "revisionHistoryLimit", "strategy"):
        assert made[field] == source[field]
    assert "paused" not in made
    assert made["template"]["metadata"] == {
        "annotations": {"test-annotation-1": "test-annotation-value-1"},
        "labels": {"name": "podinfo-primary", "app.kubernetes.io/instance": "app"},
    }


def test_names_of_configs_stay() -> None:
    """NoConfigTracking: the clone mounts what the target mounts."""
    pod = create_primary(canary(), target(), OPTIONS, "1-aa")["spec"]["template"]["spec"]

    assert pod["volumes"] == [{"name": "config", "configMap": {"name": "podinfo-config-vol"}}]


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(create_primary(canary(), target(), OPTIONS, "1-aa")["spec"]["template"]["spec"], id="create"),
        pytest.param(
            promote_primary(canary(), target(), primary(), OPTIONS, "1-bb")["spec"]["template"]["spec"], id="promote"
        ),
    ],
)
def test_pods_are_spread_among_their_own(pod: dict[str, Any]) -> None:
    """AntiAffinityAndTopologySpreadConstraints: terms about the target's pods become terms about the primary's."""
    anti = pod["affinity"]["podAntiAffinity"]
    assert anti["preferredDuringSchedulingIgnoredDuringExecution"] == [
        {"weight": 5, "podAffinityTerm": about("podinfo-primary")},
        {"weight": 5, "podAffinityTerm": about("another")},
    ]
    assert anti["requiredDuringSchedulingIgnoredDuringExecution"] == [
        about("podinfo-primary", "else"),
        about("podinfo", key="tier"),
        {"topologyKey": "zone"},
    ]
    assert pod["affinity"]["nodeAffinity"] == {"kept": True}
    assert pod["topologySpreadConstraints"] == [
        {"maxSkew": 1, "labelSelector": {"matchLabels": {"name": "podinfo-primary", "tier": "podinfo"}}},
        about("another"),
    ]


def test_a_promotion_brings_the_new_version() -> None:
    """Promote: image, labels and annotations by prefix, and the revision."""
    new = target(image="podinfo:1.2.1")
    new["metadata"]["labels"] = {"app.kubernetes.io/test-label-1": "v2"}
    new["metadata"]["annotations"] = {"app.kubernetes.io/test-annotation-1": "v2", "other": "2"}

    made = promote_primary(canary(), new, primary(), OPTIONS, "1-bb")

    assert made["spec"]["template"]["spec"]["containers"][0]["image"] == "podinfo:1.2.1"
    assert made["metadata"]["labels"]["app.kubernetes.io/test-label-1"] == "v2"
    assert made["metadata"]["labels"]["name"] == "podinfo-primary"
    assert made["metadata"]["annotations"]["app.kubernetes.io/test-annotation-1"] == "v2"
    assert made["metadata"]["annotations"]["other"] == "1"
    assert made["metadata"]["annotations"][PROMOTED] == "1-bb"


def test_a_promotion_changes_only_what_is_promoted() -> None:
    """Strangers' marks, the selector and everything the API server keeps stay as they are."""
    before = primary()

    patch = merge_patch(before, promote_primary(canary(), target(image="podinfo:1.2.1"), before, OPTIONS, "1-bb"))

    containers = [{"name": "podinfo", "image": "podinfo:1.2.1"}]
    assert patch == {
        "metadata": {"annotations": {PROMOTED: "1-bb"}},
        "spec": {"template": {"spec": {"containers": containers}}},
    }


def test_a_promotion_follows_the_rollout_settings_of_the_target() -> None:
    """A setting that the target has no more goes from the primary, back to the default of Kubernetes."""
    new = target()
    new["spec"] |= {"strategy": {"type": "Recreate"}, "replicas": 5}
    del new["spec"]["minReadySeconds"]

    patch = merge_patch(primary(), promote_primary(canary(), new, primary(), OPTIONS, "1-aa"))

    assert patch == {
        "spec": {
            "minReadySeconds": None,
            "replicas": 5,
            "strategy": {"type": "Recreate", "rollingUpdate": None},
        }
    }


def test_marking_says_what_a_primary_runs_and_no_more() -> None:
    """A primary that Flagger made is taken as it is."""
    assert merge_patch(primary(), mark_primary(canary(), primary(), "1-cc")) == {
        "metadata": {"annotations": {PROMOTED: "1-cc"}}
    }


@pytest.mark.parametrize("owners", [None, [], [{"kind": "App", "name": "podinfo", "uid": "u-9"}]])
def test_a_primary_that_no_canary_owns_is_marked(owners: Any) -> None:
    """It must not go with the Canary that takes it over, and no other may take it."""
    found = primary()
    found["metadata"]["ownerReferences"] = owners
    kept = {PROMOTED: "1-cc", KEEPER: "podinfo"}
    assert merge_patch(found, mark_primary(canary(), found, "1-cc")) == {"metadata": {"annotations": kept}}
    promoted = promote_primary(canary(), target(), found, OPTIONS, "1-cc")
    assert promoted["metadata"]["annotations"].items() >= kept.items()


@given(extra=EXTRAS, replicas=REPLICAS, held=REPLICAS)
def test_rendering_a_primary_twice_changes_nothing(
    extra: dict[str, Any], replicas: int | None, held: int | None
) -> None:
    """Rendering is stable, keeps fields that it does not know, and leaves its arguments as they were."""
    source = target()
    source["spec"] |= {"replicas": replicas, **extra}
    source["spec"]["template"]["spec"] |= extra
    old = primary(replicas=held, **extra) | {"x-top": extra}
    before = copy.deepcopy((source, old))

    made = create_primary(canary(), source, OPTIONS, "1-bb")
    promoted = promote_primary(canary(), source, old, OPTIONS, "1-bb")

    assert merge_patch(promoted, promote_primary(canary(), source, promoted, OPTIONS, "1-bb")) == {}
    assert merge_patch(made["spec"]["template"], promoted["spec"]["template"]) == {}
    assert promoted["x-top"] == extra
    for spec in (made["spec"], promoted["spec"], made["spec"]["template"]["spec"]):
        assert {key: spec[key] for key in extra} == extra
    assert (source, old) == before
