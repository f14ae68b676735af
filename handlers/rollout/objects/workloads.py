"""The primary: how it is cloned from the target, and how it is given a new version.

Rules from Flagger's canary/deployment_controller.go and canary/daemonset_controller.go. Functions give the whole object
as it must be; the caller sends the difference.
"""

from collections.abc import Mapping
from typing import Any

from handlers.errors import BadCanary
from handlers.rollout.objects import DAEMONSET, Object, annotations, labels, spec
from handlers.rollout.objects.configs import NONE, Configs, said, with_copies
from handlers.rollout.objects.daemonsets import without_scale
from handlers.rollout.objects.ownership import (
    PREFIX,
    ROLLOUT_MANAGERS,
    copied_annotations,
    copied_labels,
    fields_of,
    generated,
    including,
    kept_by,
    managed_fields,
    with_metadata,
    without_flux,
)
from handlers.rollout.objects.parts import at, each
from handlers.rollout.objects.sides import Sides, named, sides_of
from handlers.rollout.snapshot import Options
from handlers.rollout.spec.canary import Canary

PROMOTED = f"{PREFIX}promoted"
"""Annotation of the primary: the revision that it runs."""

_FOLLOWED = ("progressDeadlineSeconds", "minReadySeconds", "revisionHistoryLimit", "strategy", "updateStrategy")
# a paused primary would never roll
_SCALERS = ("kube-controller-manager", "keda-operator", "keda")
"""The field managers of what scales workloads by their load."""
_OWN = ("replicas", "selector", "template", "paused")


def create_primary(  # noqa: PLR0913  what a version is made of
    canary: Canary, target: Object, options: Options, promoted: str, configs: Configs = NONE, *, replicas: int = 0
) -> dict[str, Any]:
    """A new primary that runs what the target runs (createPrimaryDeployment). `promoted` is the target's revision.

    `replicas`: how many its owner asked for before, for a target that has none now.

    Raises BadCanary when the target has no label to select by, or is a DaemonSet that does not roll by itself.
    """
    sides = sides_of(target, None, options.selector_labels)
    check_strategy(target)
    carried = {key: item for key, item in spec(target).items() if key not in _OWN}
    if canary.target_kind is not DAEMONSET:
        carried["replicas"] = _replicas(target) or replicas or 1
    carried["selector"] = {"matchLabels": dict(sides.primary)}
    carried["template"] = _template(target, sides, configs)
    new = with_metadata(
        generated(canary.primary, canary, None),
        labels=copied_labels(labels(target), options.include_label_prefixes) | sides.own,
        annotations=copied_annotations(annotations(target)) | {PROMOTED: promoted},
    )
    return {**new, "spec": carried}


def promote_primary(  # noqa: PLR0913, PLR0917  what a version is made of
    canary: Canary, target: Object, primary: Object, options: Options, promoted: str, configs: Configs = NONE
) -> dict[str, Any]:
    """The primary with the version of the target (Promote). `promoted` is the target's revision.

    Flagger drops all other annotations and labels of the primary; here they stay. Its random `flagger-id` in the pod
    template is left out: it makes the primary roll even when nothing has changed, and an equal template need not roll.
    The replicas are the target's, unless it has none or the primary has a scaler. Raises BadCanary when the target has
    no label to select by.
    """
    sides = sides_of(target, primary, options.selector_labels)
    kept = {key: item for key, item in spec(primary).items() if key not in _FOLLOWED}
    carried = {key: item for key, item in spec(target).items() if key not in _OWN}
    if (replicas := _replicas(target)) and not canary.autoscaler:
        carried["replicas"] = replicas
    carried["template"] = _template(target, sides, configs)
    followed = copied_annotations(including(annotations(target), options.include_label_prefixes))
    new = with_metadata(
        generated(canary.primary, canary, primary),
        labels={**labels(primary), **copied_labels(labels(target), options.include_label_prefixes), **sides.own},
        annotations={**annotations(primary), **followed, PROMOTED: promoted, **kept_by(primary, canary)},
    )
    return {**new, "spec": kept | carried}


def mark_primary(canary: Canary, primary: Object, promoted: str) -> dict[str, Any]:
    """The primary as it is, said to run this revision: for one that was there before its Canary was ours."""
    marks = {PROMOTED: promoted, **kept_by(primary, canary)}
    return with_metadata(primary, labels=labels(primary), annotations={**annotations(primary), **marks})


def scale_up_replicas(target: Object, primary: Object) -> int:
    """How many replicas a resting target is given: its own if it has any, else the primary's (ScaleFromZero)."""
    return _replicas(target) or _replicas(primary) or 1


def check_strategy(target: Object) -> None:
    """Raise BadCanary for a DaemonSet whose pods nobody replaces when a version is new (daemonset_controller.go)."""
    kind = (spec(target).get("updateStrategy") or {}).get("type") or "RollingUpdate"
    if kind != "RollingUpdate":
        raise BadCanary(f"spec.targetRef: {named(target)} must have RollingUpdate strategy but have {kind}")


def wrote_replicas(obj: Object) -> bool:
    """Whether the last who wrote `spec.replicas` is us, or was Flagger before us: nobody else's scaling is undone."""
    writers = [entry for entry in managed_fields(obj) if fields_of(entry, "f:spec", "f:replicas") is not None]
    # times are whole seconds; within one, somebody else is taken for the later
    last = max(
        writers, key=lambda entry: (entry.get("time") or "", entry.get("manager") not in ROLLOUT_MANAGERS), default=None
    )
    return last is not None and last.get("manager") in ROLLOUT_MANAGERS


def stopped_by_hand(obj: Object) -> bool:
    """Whether a person, and no scaler, has taken all pods of a workload away."""
    if spec(obj).get("replicas") != 0:
        return False
    writers = [entry for entry in managed_fields(obj) if fields_of(entry, "f:spec", "f:replicas") is not None]
    last = max(writers, key=lambda entry: entry.get("time") or "", default={})
    return last.get("manager") not in _SCALERS


def _replicas(workload: Object) -> int:
    return int(spec(workload).get("replicas") or 0)


def _template(target: Object, sides: Sides, configs: Configs) -> dict[str, Any]:
    """The target's pod template, told apart by label and by the terms that spread its pods."""
    template = without_scale(spec(target).get("template") or {})
    new = with_metadata(
        template,
        # pods keep the labels that a copy of an object drops: network policies and monitors select by them
        labels=without_flux(labels(template)) | sides.own,
        annotations={**copied_annotations(annotations(template)), **said(configs)},
    )
    pod = with_copies(spec(template), configs.copies)
    return {**new, "spec": _pod_spec(pod, labels(template), sides.own)}


def _pod_spec(pod: Object, theirs: Mapping[str, str], own: Mapping[str, str]) -> dict[str, Any]:
    """Terms about the target's pods become terms about the primary's.

    Flagger renames a value that is the Deployment's name (getPrimaryDeploymentTemplateSpec); here it is any label of
    the target's own pods (`theirs`) that the primary's have with another value (`own`).
    """

    def term(obj: Object) -> Object:
        return at(obj, "labelSelector", lambda selector: _selector(selector, theirs, own))

    def anti_affinity(obj: Object) -> Object:
        preferred = "preferredDuringSchedulingIgnoredDuringExecution"
        obj = at(obj, preferred, each(lambda weighted: at(weighted, "podAffinityTerm", term)))
        return at(obj, "requiredDuringSchedulingIgnoredDuringExecution", each(term))

    pod = at(pod, "topologySpreadConstraints", each(term))
    return dict(at(pod, "affinity", lambda affinity: at(affinity, "podAntiAffinity", anti_affinity)))


def _selector(selector: Object, theirs: Mapping[str, str], own: Mapping[str, str]) -> Object:
    def renamed(key: str, value: Any) -> Any:
        return own[key] if key in own and theirs.get(key) == value else value

    def expression(obj: Object) -> Object:
        return at(obj, "values", lambda values: [renamed(obj["key"], value) for value in values])

    selector = at(selector, "matchLabels", lambda pairs: {key: renamed(key, value) for key, value in pairs.items()})
    return at(selector, "matchExpressions", each(expression))
