"""A Service leads to the port on which the pods of its own side listen."""

from typing import Any

import pytest

from handlers.rollout.objects.ports import moves, target_port
from handlers.rollout.objects.replacement import leaves_a_gap
from tests.rollout.services import canary


def listening(*ports: dict[str, Any], box: str = "app", **spec: Any) -> dict[str, Any]:
    """A workload with a container that declares these ports."""
    return {
        "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": box, "ports": list(ports)}]}}, **spec}
    }


OLD, NEW = {"containerPort": 8080}, {"containerPort": 9090}
WEB, WEB_NEW = {"name": "web", **OLD}, {"name": "web", **NEW}


@pytest.mark.parametrize(
    ("wanted", "target", "primary", "there", "expected"),
    [
        pytest.param(9090, [NEW], [NEW], 9090, 9090, id="both listen there"),
        pytest.param(9090, [NEW], [OLD], 8080, 8080, id="the primary listens where it did"),
        pytest.param(9090, [NEW], [OLD], None, 8080, id="the same, and its Service is gone: by its place"),
        pytest.param(9090, [WEB_NEW], [{"name": "a", "containerPort": 1}, WEB], None, 8080, id="by its name"),
        pytest.param(9090, [NEW], [], None, 9090, id="it declares nothing"),
        pytest.param(9090, [], [OLD], 8080, 9090, id="nor does the target: the spec is right"),
        pytest.param("web", [WEB_NEW], [WEB], "web", "web", id="a name is looked up for each pod"),
        pytest.param("web", [WEB_NEW], [OLD], 8080, 8080, id="a name that only the new version has"),
        pytest.param(9090, [OLD, NEW], [OLD], None, 9090, id="another port, which only the new version has"),
        pytest.param(9090, [NEW], [OLD], 7070, 8080, id="the Service leads to neither"),
        pytest.param("wbe", [WEB_NEW], [WEB], "web", "web", id="a name that nobody has leads nowhere"),
        pytest.param("wbe", [WEB_NEW], [WEB], 8080, 8080, id="nor does it where a number was said"),
        pytest.param("wbe", [WEB], [WEB], None, "wbe", id="there is nothing to keep"),
    ],
)
def test_the_port_of_a_side(
    wanted: int | str, target: list[Any], primary: list[Any], there: int | str | None, expected: int | str
) -> None:
    """What the spec names, if the primary declares it; or where it stands instead."""
    service = canary(port=80, targetPort=wanted).service
    existing = [] if there is None else [{"name": "http", "port": 80, "targetPort": there}]
    assert target_port(service, listening(*target), listening(*primary), existing) == expected


def test_the_service_of_the_target_keeps_its_port_as_well() -> None:
    """The name that the spec says by mistake would lead nobody to the canary either; a new one of the port is found."""
    service, target = canary(port=80, portName="web", targetPort="wbe").service, listening(WEB)
    assert target_port(service, target, target, [{"name": "http", "port": 80, "targetPort": 8080}]) == 8080


def test_another_container_says_nothing() -> None:
    """Ports are compared within containers of one name."""
    service = canary(port=80, targetPort=9090).service
    assert target_port(service, listening(NEW), listening(OLD, box="other"), []) == 9090


@pytest.mark.parametrize(("before", "moved"), [(OLD, True), (NEW, False)])
def test_a_version_that_listens_elsewhere_leaves_a_gap(before: dict[str, Any], moved: bool) -> None:
    """No Service leads to old and new pods at once."""
    spec = canary(port=80, targetPort=9090)
    assert moves(spec.service, listening(NEW), listening(before)) is moved
    assert leaves_a_gap(spec, listening(NEW), listening(before)) is moved


def rolling(unavailable: Any, surge: Any) -> dict[str, Any]:
    """How a Deployment replaces its pods."""
    return {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": unavailable, "maxSurge": surge}}


@pytest.mark.parametrize(
    ("strategy", "replicas", "gap"),
    [
        pytest.param({}, 1, False, id="as Kubernetes does by itself"),
        pytest.param({"type": "Recreate"}, 1, True, id="Recreate"),
        pytest.param(rolling("100%", 1), 3, True, id="all may go"),
        pytest.param(rolling("99%", 1), 3, False, id="one stays"),
        pytest.param(rolling(1, 0), 1, True, id="the only one"),
        pytest.param(rolling(0, 0), 1, True, id="one goes where neither is allowed"),
        pytest.param(rolling("25%", 0), 1, True, id="rounded down to none"),
        pytest.param(rolling(1, 0), 2, False, id="one of two"),
        pytest.param({"type": "Recreate"}, 0, True, id="with no pods it may get some"),
        pytest.param(rolling(1, 0), 0, False, id="no pods, no gap"),
    ],
)
def test_pods_of_a_deployment_that_all_go_leave_a_gap(strategy: dict[str, Any], replicas: int, gap: bool) -> None:
    """Rules of Kubernetes' deployment/util."""
    target = listening(OLD, strategy=strategy)
    primary = {**listening(OLD), "spec": {**listening(OLD)["spec"], "replicas": replicas}}
    assert leaves_a_gap(canary(targetPort=8080), target, primary) is gap


@pytest.mark.parametrize(
    ("rolling_update", "nodes", "gap"),
    [
        pytest.param({}, 3, False, id="one node after the other"),
        pytest.param({"maxUnavailable": "100%"}, 3, True, id="all at once"),
        pytest.param({"maxUnavailable": 3}, 3, True, id="as many as there are"),
        pytest.param({}, 1, False, id="a single node cannot do it otherwise"),
    ],
)
def test_pods_of_a_daemonset(rolling_update: dict[str, Any], nodes: int, gap: bool) -> None:
    """Counted by the nodes that it runs on."""
    target = {**listening(OLD, updateStrategy={"rollingUpdate": rolling_update}), "kind": "DaemonSet"}
    primary = {**listening(OLD), "status": {"desiredNumberScheduled": nodes}}
    assert leaves_a_gap(canary(targetPort=8080), target, primary) is gap
