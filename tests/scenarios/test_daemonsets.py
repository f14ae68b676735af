"""A DaemonSet as a target, from bootstrap to rest."""

from typing import Any

from handlers.rollout.objects.daemonsets import SCALE_TO_ZERO
from handlers.step.sweep import sweep
from tests.lab import TICK, Lab, a_canary, a_daemonset, an_alert, at, new_lab

TARGET = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "app"}


def daemons(**spec: Any) -> Lab:
    """A lab whose target is a DaemonSet."""
    return new_lab(a_canary(targetRef=TARGET), a_daemonset(**spec))


def selector(workload: Any) -> Any:
    """On which nodes it runs."""
    return workload["spec"]["template"]["spec"].get("nodeSelector")


def image(workload: Any) -> Any:
    """What it runs."""
    return workload["spec"]["template"]["spec"]["containers"][0]["image"]


def test_a_daemonset_is_rolled_out() -> None:
    """It rests on no node, comes up for the analysis, is promoted, and rests again; the primary runs all along."""
    lab = daemons()
    lab.until("Initialized")
    assert (selector(lab.target), selector(lab.primary)) == ({SCALE_TO_ZERO: "true"}, None)
    lab.push("app:v2")
    lab.tick()
    assert (lab.phase, selector(lab.target)) == ("Progressing", None)
    lab.until("Succeeded")
    assert (image(lab.primary), selector(lab.primary)) == ("app:v2", None)
    assert (selector(lab.target), lab.weights) == ({SCALE_TO_ZERO: "true"}, (100, 0))


def test_resting_is_no_change() -> None:
    """The node selector changes the template, and is yet no new revision: an idle tick makes six requests."""
    lab = daemons()
    lab.until("Initialized")
    lab.tick(3)
    assert lab.phase == "Initialized"
    lab.cluster.calls.clear()
    sweep(lab.world, (), TICK)
    assert [verb for verb, _ in lab.cluster.calls] == ["list"] * 6


def test_a_daemonset_is_rolled_back() -> None:
    """An alert takes the traffic, and the next event the pods."""
    lab = at(daemons(), "Progressing", 20)
    lab.step(an_alert(lab.clock()))
    assert (lab.phase, lab.weights, selector(lab.target)) == ("Failed", (100, 0), None)
    lab.tick()
    assert (lab.phase, lab.weights, selector(lab.target)) == ("Failed", (100, 0), {SCALE_TO_ZERO: "true"})


def test_a_daemonset_that_never_gets_ready_is_rolled_back() -> None:
    """By the deadline of the spec, which is all there is: Kubernetes has none for DaemonSets.

    Flagger's TestDaemonSetController_isDaemonSetReady.
    """
    canary = a_canary(targetRef=TARGET, progressDeadlineSeconds=30)
    lab = new_lab(canary, a_daemonset())
    lab.until("Initialized")
    lab.kubelet.never.add("app:v2")
    lab.push("app:v2")
    lab.until("Failed")
    assert any("canary daemonset app.shop not ready" in event for event in lab.events)


def test_a_primary_that_is_no_deployment_is_named_as_flagger_names_it() -> None:
    """Flagger's daemonset_ready.go, IsPrimaryReady."""
    lab = daemons()
    lab.step()
    lab.step()
    assert any("Warning primary daemonset app-primary.shop not ready: waiting" in event for event in lab.events)


def test_a_user_who_takes_the_selector_away_gets_it_back() -> None:
    """At rest nobody needs the pods; a push goes with it, and is analysed."""
    lab = daemons()
    lab.until("Initialized")
    lab.edit("apps/v1/daemonsets/app", {"spec": {"template": {"spec": {"nodeSelector": None}}}})
    sweep(lab.world, (), TICK)
    assert selector(lab.target) == {SCALE_TO_ZERO: "true"}
    assert lab.phase == "Initialized"


def test_a_node_selector_of_the_users_stays() -> None:
    """It goes to the primary, and the target has it again during the analysis."""
    lab = daemons()
    lab.until("Initialized")
    lab.edit("apps/v1/daemonsets/app", {"spec": {"template": {"spec": {"nodeSelector": {"disk": "ssd"}}}}})
    lab.step()
    assert (lab.phase, selector(lab.target)) == ("Progressing", {"disk": "ssd"})


def test_a_daemonset_that_does_not_roll_is_named() -> None:
    """OnDelete: the user is told, and no primary is made."""
    lab = daemons(updateStrategy={"type": "OnDelete"})
    sweep(lab.world, (), TICK)
    assert any("must have RollingUpdate strategy but have OnDelete" in event for event in lab.events)
    assert lab.primary is None


def test_a_missing_daemonset_is_named() -> None:
    """The message says what was looked for."""
    lab = new_lab(a_canary(targetRef={**TARGET, "name": "other"}), a_daemonset())
    lab.step()
    assert lab.events == ['Warning daemonset other.shop get query error: daemonsets.apps "other" not found']
