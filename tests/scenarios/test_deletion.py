"""A Canary with revertOnDeletion leaves everything as it was, without a moment in which traffic has nowhere to go."""

import json
from typing import Any

import pytest

from handlers.errors import BadCanary
from handlers.rollout.objects import SCALED_OBJECT
from handlers.rollout.spec.canary import FINALIZER
from handlers.routers.istio_originals import ORIGINAL
from handlers.step.sweep import sweep
from tests.lab import TICK, Lab, a_canary, a_daemonset, at, new_lab
from tests.protocol.harness import ROUTE, finish
from tests.protocol.situations import deleted, to_be_released
from tests.protocol.steps import no_pods
from tests.scalers import a_scaled_object, scaled_by

CANARY = "flagger.app/v1beta1/canaries/app"
SERVICE = "v1/services/app"
FIRST = {"hosts": ["app.example"], "http": [{"route": [{"destination": {"host": "app"}}]}]}

SHARES = (("primary", 100), ("canary", 0))


def reverting(**spec: Any) -> Lab:
    """A lab whose Canary is to be reverted."""
    return new_lab(a_canary(revertOnDeletion=True, **spec))


def finalizers(lab: Lab) -> list[str]:
    """What holds the Canary."""
    return list(lab.canary["metadata"].get("finalizers") or [])


def look(lab: Lab, seconds: float = 10) -> Lab:
    """A tick over all, without new pods."""
    lab.clock.tick(seconds)
    sweep(lab.world, (), TICK)
    return lab


def adopted() -> Lab:
    """A Service and a VirtualService that were there before their Canary."""
    lab = reverting()
    metadata = {"name": "app", "namespace": "shop"}
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    service = {"apiVersion": "v1", "kind": "Service", "spec": {"selector": {"app": "app"}, "ports": ports}}
    route = {"apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService", "spec": FIRST}
    made = [("/api/v1/namespaces/shop/services", service)]
    made += [("/apis/networking.istio.io/v1beta1/namespaces/shop/virtualservices", route)]
    for path, obj in made:
        reply = lab.api.call("POST", path, {"metadata": metadata, **obj}, query={"fieldManager": "kubectl"})
        assert reply.status == 201, reply.body
    return lab


def test_the_finalizer_is_there_before_anything_is_made() -> None:
    """Whatever is done from then on can be taken back."""
    lab = reverting()
    lab.step()
    first = next(path for verb, path in lab.cluster.calls if verb in ("patch", "create"))
    assert (finalizers(lab), first.endswith("/canaries/app")) == ([FINALIZER], True)


def test_the_finalizer_goes_and_comes_with_the_spec() -> None:
    """Others stay where they are."""
    lab = reverting()
    lab.until("Initialized")
    lab.edit(
        CANARY, {"metadata": {"finalizers": [FINALIZER, "example.org/other"]}, "spec": {"revertOnDeletion": False}}
    )
    look(lab)
    assert finalizers(lab) == ["example.org/other"]
    lab.edit(CANARY, {"spec": {"revertOnDeletion": True}})
    look(lab)
    assert finalizers(lab) == ["example.org/other", FINALIZER]


def test_without_it_a_deletion_waits_for_nobody() -> None:
    """As is: what we made goes with its owner."""
    lab = deleted(at(new_lab(), "Progressing", 40))
    assert lab.canary is None


def test_the_target_gets_its_pods_before_its_traffic() -> None:
    """The routes stay until it is ready; then all goes at once."""
    lab = reverting()
    lab.until("Initialized")
    lab.edit("apps/v1/deployments/app-primary", {"spec": {"replicas": 3}})
    lab.kubelet.run()
    look(deleted(lab))
    assert (lab.phase, lab.target["spec"]["replicas"], lab.weights) == ("Terminating", 3, (100, 0))
    look(lab)
    assert (lab.weights, lab.get(SERVICE)["spec"]["selector"]) == ((100, 0), {"app": "app-primary"})
    lab.kubelet.run()
    look(lab)
    assert (lab.canary, lab.primary, lab.get(SERVICE), lab.get(ROUTE)) == (None, None, None, None)
    assert lab.target["spec"]["replicas"] == 3
    assert [event for event in lab.events if "Terminating" in event or "Terminated" in event] == [
        "Normal Terminating canary app.shop",
        "Normal Terminated canary app.shop",
    ]


def test_what_was_adopted_is_as_it_was() -> None:
    """Selector and spec, and none of our annotations; the canary's own objects go.

    Flagger's TestServiceRouter_Finalize.
    """
    lab = adopted()
    lab.until("Initialized")
    assert lab.get(SERVICE)["spec"]["selector"] == {"app": "app-primary"}
    finish(deleted(lab))
    route = lab.get(ROUTE)
    assert (lab.canary, lab.get("v1/services/app-primary")) == (None, None)
    assert lab.get(SERVICE)["spec"]["selector"] == {"app": "app"}
    assert (route["spec"], route["metadata"].get("annotations")) == (FIRST, None)


@pytest.mark.parametrize(
    ("annotation", "kept"),
    [
        ("flagger.kubernetes.app/original-configuration", FIRST),
        ("kubectl.kubernetes.io/last-applied-configuration", {"spec": FIRST}),
    ],
)
def test_others_keep_the_first_spec_as_well(annotation: str, kept: Any) -> None:
    """Flagger, whose canaries are taken over, and kubectl.

    Flagger's TestIstioRouter_Finalize.
    """
    lab = adopted()
    shared = [{"destination": {"host": f"app-{side}"}, "weight": share} for side, share in SHARES]
    changed = {"spec": {"hosts": ["other"], "http": [{"route": shared}]}}
    lab.edit(ROUTE, {**changed, "metadata": {"annotations": {annotation: json.dumps(kept)}}})
    lab.until("Initialized")
    finish(deleted(lab))
    assert lab.get(ROUTE)["spec"] == FIRST


@pytest.mark.parametrize("kept", ["{", "[]"])
def test_an_adopted_route_that_nobody_kept_leads_to_the_apex_service(kept: str) -> None:
    """The Services that it led to are about to go."""
    lab = adopted()
    lab.until("Initialized")
    lab.edit(ROUTE, {"metadata": {"annotations": {ORIGINAL: kept}}})
    finish(deleted(lab))
    assert lab.get(ROUTE)["spec"]["http"][0]["route"] == [{"destination": {"host": "app"}, "weight": 100}]


def test_a_target_that_never_gets_ready_holds_nobody_for_ever() -> None:
    """After progressDeadlineSeconds the Canary goes, and says so."""
    lab = reverting(progressDeadlineSeconds=60)
    lab.until("Initialized")
    look(deleted(lab))
    look(lab, 50)
    assert lab.phase == "Terminating"
    look(lab, 20)
    assert lab.canary is None
    assert any("is not ready in time, app.shop goes all the same" in event for event in lab.events)


def test_a_target_that_somebody_scales_down_gets_its_pods_again() -> None:
    """Until it is ready, or the time is over."""
    lab = reverting()
    lab.until("Initialized")
    look(deleted(lab))
    lab.edit("apps/v1/deployments/app", {"spec": {"replicas": 0}})
    look(lab)
    assert lab.target["spec"]["replicas"] == 1


def test_a_target_that_is_gone_is_not_waited_for() -> None:
    """As when the whole namespace goes."""
    lab = adopted()
    lab.until("Initialized")
    assert lab.api.call("DELETE", "/apis/apps/v1/namespaces/shop/deployments/app").status == 200
    look(deleted(lab))
    assert (lab.canary, lab.get(ROUTE)["spec"]) == (None, FIRST)


def test_flaggers_finalizer_is_let_go() -> None:
    """One that was left behind would hold the Canary for ever."""
    lab = new_lab()
    lab.edit(CANARY, {"metadata": {"finalizers": [FINALIZER]}})
    look(deleted(lab))
    assert lab.canary is None


def test_a_broken_analysis_holds_no_deletion() -> None:
    """It is not asked any more."""
    lab = to_be_released()
    lab.edit(CANARY, {"spec": {"analysis": {"metrics": [{"name": "nothing", "interval": "1m"}]}}})
    with pytest.raises(BadCanary):
        at(new_lab(a_canary(analysis={"metrics": [{"name": "nothing", "interval": "1m"}]})), "Progressing")
    lab.kubelet.run()
    look(lab)
    assert lab.canary is None


def test_the_canary_serves_until_the_target_is_ready() -> None:
    """A run that is deleted in the middle keeps its weights while the target grows."""
    lab = at(reverting(), "Progressing", 40)
    lab.edit("apps/v1/deployments/app-primary", {"spec": {"replicas": 2}})
    lab.kubelet.run(only="app-primary")
    look(deleted(lab))
    assert (lab.phase, lab.weights, lab.target["spec"]["replicas"]) == ("Terminating", (60, 40), 2)
    no_pods(lab, "app")
    look(lab)
    assert lab.weights == (60, 40)
    finish(lab)
    assert lab.canary is None


def test_keda_is_let_go() -> None:
    """A target that KEDA goes on holding at 0 would leave nobody once the primary has gone with its Canary."""
    lab = reverting(**scaled_by(SCALED_OBJECT))
    lab.create(SCALED_OBJECT, a_scaled_object())
    lab.until("Initialized")
    deleted(lab)
    finish_deletion(lab)
    scaler = lab.get("keda.sh/v1alpha1/scaledobjects/app")
    assert (scaler["metadata"].get("annotations"), lab.target["spec"]["replicas"]) == (None, 1)


def test_a_daemonset_gets_its_nodes_back() -> None:
    """Its node selector goes, and with it what kept its pods away."""
    target = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "app"}
    lab = new_lab(a_canary(revertOnDeletion=True, targetRef=target), a_daemonset())
    lab.until("Initialized")
    deleted(lab)
    finish_deletion(lab)
    assert "nodeSelector" not in lab.target["spec"]["template"]["spec"]


def finish_deletion(lab: Lab) -> None:
    """Ticks until the Canary is gone."""
    for _ in range(5):
        lab.kubelet.run()
        look(lab)
    assert lab.canary is None
