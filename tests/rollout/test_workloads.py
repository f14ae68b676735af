"""The primary Deployment: cloned from the target, and brought to its version."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.errors import BadCanary
from handlers.rollout.objects import merge_patch
from handlers.rollout.objects.ownership import KEEPER
from handlers.rollout.objects.workloads import (
    PROMOTED,
    create_primary,
    mark_primary,
    promote_primary,
    scale_up_replicas,
    selector_label,
    wrote_replicas,
)
from handlers.rollout.snapshot import Options
from handlers.rollout.spec import canary as specs
from handlers.rollout.spec.canary import Canary

OPTIONS = Options(selector_labels=("name",), include_label_prefixes=("app.kubernetes.io", "test-"))
VALUES = st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=3)
EXTRAS = st.dictionaries(st.text(min_size=1, max_size=5).map("x-{}".format), VALUES, max_size=3)
REPLICAS = st.none() | st.integers(0, 9)


def canary(target: str = "podinfo") -> Canary:
    """A Canary for a Deployment."""
    spec = {"targetRef": {"kind": "Deployment", "name": target}, "service": {"port": 9898}, "skipAnalysis": True}
    return specs.parse({"metadata": {"namespace": "default", "name": "podinfo", "uid": "u-1"}, "spec": spec})


def about(*values: str, key: str = "name") -> dict[str, Any]:
    """A term about the pods with one of these values."""
    return {"labelSelector": {"matchExpressions": [{"key": key, "operator": "In", "values": list(values)}]}}


def target(name: str = "podinfo", image: str = "podinfo:1.2.0") -> dict[str, Any]:
    """A target with everything in it that a clone must look at."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "namespace": "default",
            "name": name,
            "uid": "u-target",
            "resourceVersion": "7",
            "annotations": {
                "kustomize.toolkit.fluxcd.io/checksum": "0a40893b",
                "argocd.argoproj.io/tracking-id": "app:apps/Deployment:default/podinfo",
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
                "deployment.kubernetes.io/revision": "3",
                "serinus.dev/note": "about the target",
                "test-annotation-1": "test-annotation-value-1",
                "other": "1",
            },
            "labels": {
                "test-label-1": "test-label-value-1",
                "app.kubernetes.io/instance": "app",
                "app.kubernetes.io/part-of": "shop",
                "test-toolkit.fluxcd.io/name": "flux",
                "other": "1",
            },
        },
        "spec": {
            "replicas": 2,
            "paused": True,
            "progressDeadlineSeconds": 60,
            "minReadySeconds": 5,
            "revisionHistoryLimit": 4,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}},
            "selector": {"matchLabels": {"name": "podinfo"}},
            "template": {
                "metadata": {
                    "annotations": {"helm.toolkit.fluxcd.io/x": "1", "test-annotation-1": "test-annotation-value-1"},
                    "labels": {"name": "podinfo", "app.kubernetes.io/instance": "app", "x.toolkit.fluxcd.io/y": "1"},
                },
                "spec": {
                    "containers": [{"name": "podinfo", "image": image}],
                    "volumes": [{"name": "config", "configMap": {"name": "podinfo-config-vol"}}],
                    "affinity": {
                        "nodeAffinity": {"kept": True},
                        "podAntiAffinity": {
                            "preferredDuringSchedulingIgnoredDuringExecution": [
                                {"weight": 5, "podAffinityTerm": about("podinfo")},
                                {"weight": 5, "podAffinityTerm": about("another")},
                            ],
                            "requiredDuringSchedulingIgnoredDuringExecution": [
                                about("podinfo", "else"),
                                about("podinfo", key="tier"),
                                {"topologyKey": "zone"},
                            ],
                        },
                    },
                    "topologySpreadConstraints": [
                        {"maxSkew": 1, "labelSelector": {"matchLabels": {"name": "podinfo", "tier": "podinfo"}}},
                        about("another"),
                    ],
                },
            },
        },
    }


def primary(**spec: Any) -> dict[str, Any]:
    """A primary as made from the first version, with a stranger's marks on it."""
    made = create_primary(canary(), target(), OPTIONS, "1-aa")
    made["metadata"] |= {"resourceVersion": "9", "labels": made["metadata"]["labels"] | {"stranger": "1"}}
    made["metadata"]["annotations"] |= {"stranger": "1", "deployment.kubernetes.io/revision": "1"}
    return {**made, "spec": {**made["spec"], **spec}, "status": {"readyReplicas": 2}}


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


@pytest.mark.parametrize("replicas", [0, None])
def test_a_promotion_never_takes_the_pods_of_the_primary(replicas: int | None) -> None:
    """A target without replicas leaves those of the primary alone."""
    new = target()
    new["spec"]["replicas"] = replicas

    assert promote_primary(canary(), new, primary(replicas=3), OPTIONS, "1-bb")["spec"]["replicas"] == 3


def test_a_primary_of_a_resting_target_has_one_replica() -> None:
    """Flagger clones a target at 0 replicas with one."""
    resting = target()
    resting["spec"]["replicas"] = 0

    assert create_primary(canary(), resting, OPTIONS, "1-aa")["spec"]["replicas"] == 1


def test_a_label_that_is_the_selector_is_kept_though_gitops_tools_use_it() -> None:
    """Helm charts select by app.kubernetes.io/instance; the primary has it with its own value."""
    options = Options(selector_labels=("app.kubernetes.io/instance",), include_label_prefixes=("*",))
    source = target()
    source["spec"]["selector"]["matchLabels"] = {"app.kubernetes.io/instance": "app"}

    made = create_primary(canary(), source, options, "1-aa")

    assert made["metadata"]["labels"]["app.kubernetes.io/instance"] == "app-primary"
    assert made["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/instance"] == "app-primary"
    assert made["spec"]["selector"] == {"matchLabels": {"app.kubernetes.io/instance": "app-primary"}}


@pytest.mark.parametrize(
    ("prefixes", "expected"),
    [
        pytest.param(("foo", "lor"), {"foo": "1", "lorem": "3"}, id="IncludeLabelsByPrefix"),
        pytest.param(("*",), {"foo": "1", "bar": "2", "lorem": "3"}, id="IncludeLabelsByPrefixWithWildcard"),
        pytest.param(("",), {}, id="IncludeLabelsNoIncludes"),
        pytest.param((), {}, id="none given"),
    ],
)
def test_labels_are_copied_by_prefix(prefixes: tuple[str, ...], expected: dict[str, str]) -> None:
    """Only the labels that are asked for reach the primary, and MakePrimaryLabels adds the selector's.

    Flagger's TestIncludeLabelsByPrefix, TestIncludeLabelsByPrefixWithWildcard, TestIncludeLabelsNoIncludes.
    """
    source = target()
    source["metadata"]["labels"] = {"foo": "1", "bar": "2", "lorem": "3"}

    made = create_primary(canary(), source, Options(selector_labels=("name",), include_label_prefixes=prefixes), "1-aa")

    assert made["metadata"]["labels"] == expected | {"name": "podinfo-primary"}


def test_the_first_accepted_label_selects() -> None:
    """getSelectorLabel: the order is that of the setting, not that of the Deployment."""
    source = {"spec": {"selector": {"matchLabels": {"app": "a", "name": "n"}}}}

    assert selector_label(source, ("name", "app")) == ("name", "n")


@pytest.mark.parametrize("selector", [{"matchLabels": {"tier": "web"}}, {}, None])
def test_a_target_without_an_accepted_label_is_refused(selector: Any) -> None:
    """The message names the Deployment and the labels that would do."""
    source = {"metadata": {"namespace": "default", "name": "podinfo"}, "spec": {"selector": selector}}

    with pytest.raises(BadCanary, match=r"Deployment default/podinfo .* one of app, name$"):
        selector_label(source, ("app", "name"))


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


@pytest.mark.parametrize(
    ("of_target", "of_primary", "expected"),
    [(3, 2, 3), (0, 2, 2), (None, 2, 2), (0, 0, 1), (None, None, 1)],
)
def test_a_target_gets_its_pods_back(of_target: int | None, of_primary: int | None, expected: int) -> None:
    """ScaleFromZero: its own replicas, else the primary's, else one."""
    assert scale_up_replicas({"spec": {"replicas": of_target}}, {"spec": {"replicas": of_primary}}) == expected


EARLY, LATE = "2024-01-01T00:00:01Z", "2024-01-01T00:00:02Z"


def wrote(manager: str, time: str | None, field: str = "f:replicas") -> dict[str, Any]:
    """An entry of managedFields."""
    return {"manager": manager, "time": time, "fieldsV1": {"f:spec": {field: {}}}}


@pytest.mark.parametrize(
    ("entries", "ours"),
    [
        pytest.param([], False, id="nothing known"),
        pytest.param([wrote("serinus", LATE)], True, id="only us"),
        pytest.param([wrote("serinus", LATE), wrote("kubectl", EARLY)], True, id="us last"),
        pytest.param([wrote("serinus", EARLY), wrote("hpa", LATE)], False, id="others last"),
        pytest.param([wrote("serinus", EARLY), wrote("flagger", LATE)], True, id="Flagger, who was here before us"),
        pytest.param(
            [wrote("hpa", EARLY), wrote("serinus", EARLY)],
            False,
            id="within one second, others are taken for the last",
        ),
        pytest.param(
            [wrote("serinus", EARLY), wrote("argocd", LATE, "f:template")],
            True,
            id="others wrote another field later",
        ),
        pytest.param([wrote("serinus", None), {"manager": "kubectl"}], True, id="no time and no fields"),
        pytest.param([{"manager": "serinus", "fieldsV1": {"f:status": {}}}], False, id="we wrote another field"),
    ],
)
def test_who_wrote_the_replicas_last(entries: list[dict[str, Any]], ours: bool) -> None:
    """Only what we scaled ourselves may be scaled down again without being asked."""
    assert wrote_replicas({"metadata": {"managedFields": entries}}) is ours


def test_replicas_of_an_object_without_managed_fields_are_not_ours() -> None:
    """What cannot be known is taken for somebody else's."""
    assert not wrote_replicas({"metadata": {}})


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
