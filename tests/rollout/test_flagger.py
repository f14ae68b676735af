"""What Flagger writes, read as it means it."""

from datetime import timedelta
from typing import Any

import pytest

from handlers.rollout.objects.flagger import checksum, same_template, touched

INTERVAL = timedelta(seconds=30)
LOOKED = "2026-03-04T12:00:00Z"


def written(at: str, manager: str = "kubectl", fields: dict[str, Any] | None = None) -> dict[str, Any]:
    """An entry of managedFields."""
    owned = {"f:spec": {"f:template": {}}} if fields is None else fields
    return {"manager": manager, "time": at, "fieldsV1": owned}


def a_canary(**status: Any) -> dict[str, Any]:
    """A Canary with this status."""
    return {"metadata": {}, "status": status}


def a_target(*entries: dict[str, Any], kind: str = "Deployment") -> dict[str, Any]:
    """A target with these writers."""
    return {"kind": kind, "metadata": {"managedFields": list(entries)}}


LONG_AGO, JUST_NOW, SINCE = "2026-03-04T11:59:29Z", "2026-03-04T11:59:30Z", "2026-03-04T12:10:00Z"
REPLICAS: dict[str, Any] = {"f:spec": {"f:replicas": {}}}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param(a_target(written(LONG_AGO)), False, id="seen an interval before"),
        pytest.param(a_target(written(JUST_NOW)), True, id="perhaps while Flagger asked"),
        pytest.param(a_target(written(SINCE)), True, id="since then"),
        pytest.param(a_target(written(LONG_AGO), written(SINCE, "argocd")), True, id="the last of several"),
        pytest.param(a_target(written(LONG_AGO), written(SINCE, "hpa", REPLICAS)), False, id="only scaled since"),
        pytest.param(a_target(written(LONG_AGO), written(SINCE, "flagger")), False, id="a DaemonSet scaled by Flagger"),
        pytest.param(a_target(written(LONG_AGO), written(SINCE, "serinus")), False, id="or by us"),
        pytest.param(a_target(), True, id="nobody knows who wrote it"),
        pytest.param(a_target(written("noon")), True, id="nor when"),
        pytest.param(
            a_target(written(SINCE, fields={"f:spec": {"f:ports": {}}}), kind="Service"), True, id="a Service"
        ),
    ],
)
def test_a_target_is_touched_unless_it_was_seen(target: dict[str, Any], expected: bool) -> None:
    """Flagger compares the target at each interval, so what is older than one was seen."""
    assert touched(target, a_canary(lastTransitionTime=LOOKED), INTERVAL, {}) is expected


@pytest.mark.parametrize("status", [{}, {"lastTransitionTime": "noon"}, {"lastTransitionTime": "2026-03-04T12:00:00"}])
def test_without_a_time_nothing_is_sure(status: dict[str, Any]) -> None:
    """A status that somebody has made by hand."""
    assert touched(a_target(written(LONG_AGO)), a_canary(**status), INTERVAL, {})


@pytest.mark.parametrize(
    ("entries", "told", "expected"),
    [
        pytest.param([("flagger", "status", LOOKED)], LONG_AGO, False, id="Flagger's own clock is behind"),
        pytest.param([("flagger", "status", JUST_NOW)], SINCE, True, id="or ahead"),
        pytest.param([("kubectl", "status", SINCE), ("flagger", "", SINCE)], JUST_NOW, True, id="not by others"),
    ],
)
def test_flaggers_look_is_told_by_the_clock_that_tells_pushes(entries: list[Any], told: str, expected: bool) -> None:
    """The API server's, which says when Flagger last wrote the status."""
    fields = [{"manager": manager, "subresource": part, "time": at} for manager, part, at in entries]
    canary = {**a_canary(lastTransitionTime=told), "metadata": {"managedFields": fields}}
    assert touched(a_target(written(LONG_AGO)), canary, INTERVAL, {}) is expected


CONFIG = {"data": {"b": "2", "a": "<1> & \u00e9\u2028"}}


@pytest.mark.parametrize(
    ("known", "configs", "expected"),
    [
        pytest.param(None, {"configmap/c": CONFIG}, False, id="Flagger does not track any"),
        pytest.param({"configmap/c": checksum(CONFIG)}, {"configmap/c": CONFIG}, False, id="as it was"),
        pytest.param({"configmap/c": checksum(CONFIG)}, {"configmap/c": {"data": {}}}, True, id="changed"),
        pytest.param({"configmap/c": checksum(CONFIG)}, {"configmap/c": None}, True, id="gone"),
        pytest.param({"configmap/d": checksum(CONFIG)}, {"configmap/c": CONFIG}, True, id="another one"),
    ],
)
def test_a_changed_config_touches_a_target(known: Any, configs: dict[str, Any], expected: bool) -> None:
    """By Flagger's own checksums in `.status.trackedConfigs`."""
    canary = a_canary(lastTransitionTime=LOOKED, trackedConfigs=known)
    assert touched(a_target(written(LONG_AGO)), canary, INTERVAL, configs) is expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        # from config_tracker.go's checksum, run with Go's encoding/json and crypto/sha256
        pytest.param({"k": "a"}, "0bb8c38426d51ae9", id="plain"),
        pytest.param({"b": "2", "a": "<1> & \u00e9\u2028"}, "0a6cb2371aa3a7f4", id="sorted, and escaped as for HTML"),
        pytest.param(None, "74234e98afe7498f", id="none"),
    ],
)
def test_a_checksum_is_flaggers(data: Any, expected: str) -> None:
    """Values computed by Flagger's Go code."""
    assert checksum({"data": data} if data is not None else {}) == expected


def a_template(*, image: str = "app:v1", annotations: Any = None, **pod: Any) -> dict[str, Any]:
    """A primary's pod template."""
    meta = {"labels": {"app": "app-primary"}, "annotations": annotations or {}}
    return {"metadata": meta, "spec": {"containers": [{"name": "app", "image": image}], **pod}}


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(a_template(annotations={"flagger-id": "1"}), True, id="an id that is drawn"),
        pytest.param(a_template(annotations={"serinus.dev/configs": "{}"}), True, id="what we have noted"),
        pytest.param(a_template(nodeSelector={"flagger.app/scale-to-zero": "true"}), True, id="a DaemonSet's scale"),
        pytest.param(a_template(annotations={"kubectl.kubernetes.io/restartedAt": "now"}), False, id="restarted"),
        pytest.param(a_template(image="app:v2"), False, id="another image"),
        pytest.param(a_template(nodeSelector={"disk": "ssd"}), False, id="other nodes"),
    ],
)
def test_templates_are_the_same_version_whoever_made_them(other: dict[str, Any], same: bool) -> None:
    """What is only bookkeeping makes no difference; everything else is another version."""
    assert same_template(a_template(), other) is same
