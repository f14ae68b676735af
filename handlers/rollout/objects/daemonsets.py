"""A DaemonSet as a target: it has no replicas, so it is "scaled" by a node selector that no node fulfils.

Rules from Flagger's canary/daemonset_controller.go.
"""

from typing import Any

from handlers.rollout.objects import Object, spec

SCALE_TO_ZERO = "flagger.app/scale-to-zero"
"""Label of no node; a DaemonSet that selects by it has no pods."""


def scaled_to_zero(daemonset: Object) -> bool:
    """Whether the pods have been taken away by the node selector."""
    return SCALE_TO_ZERO in _selector(spec(daemonset).get("template") or {})


def scaled(daemonset: Object, *, up: bool) -> dict[str, Any]:
    """The DaemonSet with its pods on all of its nodes, or on none; other node selectors stay."""
    template = without_scale(spec(daemonset).get("template") or {})
    if not up:
        pod = {**spec(template), "nodeSelector": {**_selector(template), SCALE_TO_ZERO: "true"}}
        template = {**template, "spec": pod}
    return {**daemonset, "spec": {**spec(daemonset), "template": template}}


def without_scale(template: Object) -> Object:
    """A pod template without the node selector that is only there to have no pods."""
    selector = _selector(template)
    if SCALE_TO_ZERO not in selector:
        return template
    kept = {key: value for key, value in selector.items() if key != SCALE_TO_ZERO}
    pod = {key: value for key, value in spec(template).items() if key != "nodeSelector"}
    return {**template, "spec": pod | ({"nodeSelector": kept} if kept else {})}


def _selector(template: Object) -> Object:
    return spec(template).get("nodeSelector") or {}
