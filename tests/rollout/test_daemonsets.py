"""A DaemonSet as a target: scaled by a node selector, cloned, promoted and told ready."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.errors import BadCanary
from handlers.rollout.objects import merge_patch
from handlers.rollout.objects.daemonsets import SCALE_TO_ZERO, scaled, scaled_to_zero, without_scale
from handlers.rollout.objects.readiness import readiness
from handlers.rollout.objects.revision import of_target
from handlers.rollout.objects.sides import selector_label
from handlers.rollout.objects.workloads import PROMOTED, create_primary, promote_primary
from handlers.rollout.snapshot import Options
from handlers.rollout.spec.canary import Canary
from tests.rollout.examples import a_canary

OPTIONS = Options(selector_labels=("name",), include_label_prefixes=("test-",))
WAITING = "waiting for rollout to finish: "
SELECTORS = st.dictionaries(st.sampled_from(["disk", "zone"]), st.text(max_size=3), min_size=1)


def canary() -> Canary:
    """A Canary for a DaemonSet."""
    return a_canary(spec={"targetRef": {"kind": "DaemonSet", "name": "podinfo"}})


def daemonset(
    image: str = "podinfo:1.2.0", selector: dict[str, str] | None = None, label: str = "podinfo", **spec: Any
) -> dict[str, Any]:
    """A target."""
    pod: dict[str, Any] = {"containers": [{"name": "podinfo", "image": image}]}
    if selector is not None:
        pod["nodeSelector"] = selector
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {
            "namespace": "test",
            "name": "podinfo",
            "labels": {"test-label-1": "a", "other": "1"},
            "annotations": {"test-annotation-1": "a", "deprecated.daemonset.template.generation": "4"},
        },
        "spec": {
            "selector": {"matchLabels": {"name": label}},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            "template": {"metadata": {"labels": {"name": label}}, "spec": pod},
            **spec,
        },
    }


@pytest.mark.parametrize("label", ["podinfo", "podinfo-svc"])
def test_daemonset_is_cloned(label: str) -> None:
    """daemonset_controller: Sync_ConsistentNaming, Sync_InconsistentNaming: image, selector, labels, no replicas."""
    made = create_primary(canary(), daemonset(label=label, selector={SCALE_TO_ZERO: "true"}), OPTIONS, "1-aa")
    assert (made["kind"], made["metadata"]["name"]) == ("DaemonSet", "podinfo-primary")
    assert made["spec"]["selector"] == {"matchLabels": {"name": f"{label}-primary"}}
    assert made["spec"]["template"]["metadata"]["labels"] == {"name": f"{label}-primary"}
    assert made["spec"]["template"]["spec"] == {"containers": [{"name": "podinfo", "image": "podinfo:1.2.0"}]}
    assert "replicas" not in made["spec"]
    assert made["metadata"]["annotations"] == {"test-annotation-1": "a", PROMOTED: "1-aa"}


def test_daemonset_is_promoted() -> None:
    """daemonset_controller: Promote: image, strategy, prefixed labels; the node selector stays behind."""
    primary = create_primary(canary(), daemonset(), OPTIONS, "1-aa")
    target = daemonset("podinfo:1.2.1", {"disk": "ssd", SCALE_TO_ZERO: "true"}, minReadySeconds=5)
    del target["spec"]["updateStrategy"]
    made = promote_primary(canary(), target, primary, OPTIONS, "1-bb")
    pod = made["spec"]["template"]["spec"]
    assert (pod["containers"][0]["image"], pod["nodeSelector"]) == ("podinfo:1.2.1", {"disk": "ssd"})
    assert made["metadata"]["labels"] == {"test-label-1": "a", "name": "podinfo-primary"}
    assert (made["spec"]["minReadySeconds"], "updateStrategy" in made["spec"]) == (5, False)
    assert made["metadata"]["annotations"][PROMOTED] == "1-bb"


def test_daemonset_must_roll() -> None:
    """createPrimaryDaemonSet: with OnDelete no push would ever reach a pod."""
    by_hand = daemonset(updateStrategy={"type": "OnDelete"})
    with pytest.raises(BadCanary) as caught:
        create_primary(canary(), by_hand, OPTIONS, "1-aa")
    expected = "spec.targetRef: DaemonSet test/podinfo must have RollingUpdate strategy but have OnDelete"
    assert str(caught.value) == expected


def test_daemonset_without_a_label_is_named() -> None:
    """getSelectorLabel: the message says which kind of workload it is."""
    with pytest.raises(BadCanary, match=r"^spec\.targetRef: DaemonSet test/podinfo selects its pods by"):
        selector_label(daemonset(), ("app",))


def test_daemonset_scale() -> None:
    """daemonset_controller: Scale: the selector comes and goes, and nothing else changes."""
    up = daemonset(selector={"disk": "ssd"})
    down = scaled(up, up=False)
    selector = {"nodeSelector": {SCALE_TO_ZERO: "true"}}
    assert merge_patch(up, down) == {"spec": {"template": {"spec": selector}}}
    assert (scaled_to_zero(up), scaled_to_zero(down)) == (False, True)
    assert scaled(down, up=True) == up
    assert merge_patch(up, scaled(up, up=True)) == {}


@given(st.none() | SELECTORS)
def test_daemonset_scaling_and_back_is_nothing(selector: dict[str, str] | None) -> None:
    """Whatever node selector the user wrote, it is the same again."""
    original = daemonset(selector=selector)
    assert scaled(scaled(original, up=False), up=True) == original


def test_daemonset_has_target_changed() -> None:
    """daemonset_controller: HasTargetChanged: a scaled one is the same, another image or node selector is not."""
    original = daemonset()
    assert of_target(scaled(original, up=False)) == of_target(original)
    assert of_target(daemonset("podinfo:1.2.1")) != of_target(original)
    assert of_target(daemonset(selector={"disk": "ssd"})) != of_target(original)


def test_a_template_without_it_stays_itself() -> None:
    """Nothing is copied for the many that never had it."""
    template = daemonset()["spec"]["template"]
    assert without_scale(template) is template
    assert scaled_to_zero({"spec": {}}) is False


def status(wanted: int, updated: int, available: int, *, generation: int = 1, observed: int = 1) -> dict[str, Any]:
    """A DaemonSet as the API server shows it."""
    return {
        "kind": "DaemonSet",
        "metadata": {"name": "podinfo", "generation": generation},
        "status": {
            "observedGeneration": observed,
            "desiredNumberScheduled": wanted,
            "updatedNumberScheduled": updated,
            "numberReady": available,
            "numberAvailable": available,
        },
    }


@pytest.mark.parametrize(
    ("obj", "threshold", "reason"),
    [
        pytest.param(status(1, 1, 1), 100, "", id="isDaemonSetReady: ready"),
        pytest.param(
            status(1, 1, 1, generation=2),
            100,
            f"{WAITING}observed daemonset generation less than desired generation",
            id="isDaemonSetReady: generation lag",
        ),
        pytest.param(
            status(1, 0, 0), 100, f"{WAITING}0 out of 1 new pods have been updated", id="isDaemonSetReady: updating"
        ),
        pytest.param(
            status(3, 3, 1),
            100,
            f"{WAITING}1 of 3 (readyThreshold 100%) updated pods are available",
            id="isDaemonSetReady: unavailable",
        ),
        pytest.param(status(4, 4, 2), 50, "", id="isDaemonSetReady_readyThreshold: enough"),
        pytest.param(
            status(4, 4, 1),
            50,
            f"{WAITING}1 of 2 (readyThreshold 50%) updated pods are available",
            id="isDaemonSetReady_readyThreshold: too few",
        ),
        pytest.param(status(0, 0, 0), 100, 'daemonset "podinfo" has no node to run on', id="no pods, no traffic"),
    ],
)
def test_daemonset_ready(obj: dict[str, Any], threshold: int, reason: str) -> None:
    """daemonset_ready: Flagger's cases; and one without any pod is not ready.

    Flagger's TestDaemonSetController_isDaemonSetReady, TestDaemonSetController_isDaemonSetReady_readyThreshold.
    """
    found = readiness(obj, threshold)
    assert (found.ready, found.reason, found.exceeded) == (not reason, reason, False)
    assert found.available == obj["status"]["numberReady"]
