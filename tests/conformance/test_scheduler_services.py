"""Flagger's scheduler tests of Services: weights (scheduler_svc_test.go) and ports, told through our events."""

import pytest

from handlers.rollout.objects import DEPLOYMENT, Kind
from tests.conformance.podinfo import KINDS, fixture


@pytest.mark.parametrize(
    ("analysis", "primary"),
    [
        ({"stepWeight": 20, "maxWeight": 60}, [100, 80, 60, 40]),
        ({"stepWeight": 50, "maxWeight": 100}, [100, 50, 0]),
        ({"stepWeight": None, "maxWeight": None, "stepWeights": [1, 2, 10, 80]}, [100, 99, 98, 90, 20]),
        ({"stepWeight": None, "maxWeight": None, "stepWeights": [1, 2, 10, 120]}, [100, 99, 98, 90, 0]),
    ],
    ids=["single step", "step of half", "step weights", "step weights over range"],
)
def test_weights(analysis: dict[str, object], primary: list[int]) -> None:
    """The primary's weight goes down as scheduler_svc_test.go says, and the last one is promoted.

    Flagger's TestScheduler_ServicePromotion, TestScheduler_ServicePromotionMaxWeight,
    TestScheduler_ServicePromotionWithWeightsHappyCase, TestScheduler_ServicePromotionWithWeightsOverflow.

    Flagger's linkerd/test-steps.
    """
    lab = fixture(DEPLOYMENT, analysis=analysis)
    lab.until("Initialized")
    lab.push("app:v2")
    seen = []
    for _ in range(len(primary)):
        lab.tick()
        assert lab.weights
        seen.append(lab.weights[0])
    assert seen == primary
    lab.until("Succeeded")


@KINDS
@pytest.mark.parametrize(
    ("port", "target", "found"),
    [
        (9898, 9898, {"http 9898", "http-metrics 8080", "tcp-app-2 8888"}),
        (80, 9898, {"http 80", "http-metrics 8080", "tcp-app-2 8888"}),
        (8081, "http", {"http 8081", "http-metrics 8080", "tcp-app-2 8888"}),
    ],
    ids=["PortDiscovery", "TargetPortNumber", "TargetPortName"],
)
def test_port_discovery(kind: Kind, port: int, target: object, found: set[str]) -> None:
    """All ports of the pods reach the Services; the one of the spec is known by number and by name.

    Flagger's TestScheduler_DeploymentPortDiscovery, TestScheduler_DeploymentTargetPortNumber,
    TestScheduler_DeploymentTargetPortName, TestScheduler_DaemonSetPortDiscovery,
    TestScheduler_DaemonSetTargetPortNumber, TestScheduler_DaemonSetTargetPortName.
    """
    lab = fixture(kind, service={"port": port, "targetPort": target, "portDiscovery": True})
    pod = lab.target["spec"]["template"]
    ports = [("http", 9898), ("http-metrics", 8080), (None, 8888)]
    named = [{"containerPort": number, **({"name": name} if name else {})} for name, number in ports]
    pod["spec"]["containers"][0]["ports"] = named
    lab.edit(f"apps/v1/{lab.plural}/app", {"spec": {"template": pod}})
    lab.kubelet.run()
    lab.until("Initialized")
    for service in ("app", "app-primary", "app-canary"):
        shown = lab.get(f"v1/services/{service}")["spec"]["ports"]
        assert {f"{each['name']} {each['port']}" for each in shown} == found
        assert shown[0]["targetPort"] == target
