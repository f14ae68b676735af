"""The primary: how it is cloned from the target, and how it is given a new version.

Rules from Flagger's canary/deployment_controller.go and canary/daemonset_controller.go. Functions give the whole object
as it must be; the caller sends the difference.
"""

from typing import Any

from handlers.errors import BadCanary
from handlers.rollout.objects import DAEMONSET, Object, annotations, labels, metadata, spec
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
from handlers.rollout.snapshot import Options
from handlers.rollout.spec.canary import Canary

PROMOTED = f"{PREFIX}promoted"
"""Annotation of the primary: the revision that it runs."""

_FOLLOWED = ("progressDeadlineSeconds", "minReadySeconds", "revisionHistoryLimit", "strategy", "updateStrategy")
# a paused primary would never roll
_OWN = ("replicas", "selector", "template", "paused")


def selector_label(target: Object, labels: tuple[str, ...]) -> tuple[str, str]:
    """The label, and its value, that tells the pods of the target from others (getSelectorLabel). Raises BadCanary."""
    selected = (spec(target).get("selector") or {}).get("matchLabels") or {}
    for label in labels:
        if label in selected:
            return label, selected[label]
    raise BadCanary(
        f"spec.targetRef: {_named(target)} selects its pods by "
        f"{sorted(selected)}; spec.selector.matchLabels must contain one of {', '.join(labels)}"
    )


def create_primary(
    canary: Canary, target: Object, options: Options, promoted: str, configs: Configs = NONE
) -> dict[str, Any]:
    """A new primary that runs what the target runs (createPrimaryDeployment). `promoted` is the target's revision.

    Raises BadCanary when the target has no label to select by, or is a DaemonSet that does not roll by itself.
    """
    label, value = _primary_label(target, options)
    _check_strategy(target)
    carried = {key: item for key, item in spec(target).items() if key not in _OWN}
    if canary.target_kind is not DAEMONSET:
        carried["replicas"] = _replicas(target) or 1
    carried["selector"] = {"matchLabels": {label: value}}
    carried["template"] = _template(target, options, configs)
    new = with_metadata(
        generated(canary.primary, canary, None),
        labels=copied_labels(labels(target), options.include_label_prefixes) | {label: value},
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
    label, value = _primary_label(target, options)
    kept = {key: item for key, item in spec(primary).items() if key not in _FOLLOWED}
    carried = {key: item for key, item in spec(target).items() if key not in _OWN}
    if (replicas := _replicas(target)) and not canary.autoscaler:
        carried["replicas"] = replicas
    carried["template"] = _template(target, options, configs)
    followed = copied_annotations(including(annotations(target), options.include_label_prefixes))
    new = with_metadata(
        generated(canary.primary, canary, primary),
        labels={**labels(primary), **copied_labels(labels(target), options.include_label_prefixes), label: value},
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


def _named(workload: Object) -> str:
    meta = metadata(workload)
    return f"{workload.get('kind', 'Deployment')} {meta.get('namespace', '')}/{meta.get('name', '')}"


def _check_strategy(target: Object) -> None:
    kind = (spec(target).get("updateStrategy") or {}).get("type") or "RollingUpdate"
    if kind != "RollingUpdate":
        raise BadCanary(f"spec.targetRef: {_named(target)} must have RollingUpdate strategy but have {kind}")


def wrote_replicas(obj: Object) -> bool:
    """Whether the last who wrote `spec.replicas` is us, or was Flagger before us: nobody else's scaling is undone."""
    writers = [entry for entry in managed_fields(obj) if fields_of(entry, "f:spec", "f:replicas") is not None]
    # times are whole seconds; within one, somebody else is taken for the later
    last = max(
        writers, key=lambda entry: (entry.get("time") or "", entry.get("manager") not in ROLLOUT_MANAGERS), default=None
    )
    return last is not None and last.get("manager") in ROLLOUT_MANAGERS


def _primary_label(target: Object, options: Options) -> tuple[str, str]:
    label, value = selector_label(target, options.selector_labels)
    return label, f"{value}-primary"


def _replicas(workload: Object) -> int:
    return int(spec(workload).get("replicas") or 0)


def _template(target: Object, options: Options, configs: Configs) -> dict[str, Any]:
    """The target's pod template, told apart by label and by the terms that spread its pods."""
    template = without_scale(spec(target).get("template") or {})
    label, value = _primary_label(target, options)
    new = with_metadata(
        template,
        # pods keep the labels that a copy of an object drops: network policies and monitors select by them
        labels=without_flux(labels(template)) | {label: value},
        annotations={**copied_annotations(annotations(template)), **said(configs)},
    )
    pod = with_copies(spec(template), configs.copies)
    return {**new, "spec": _pod_spec(pod, str(metadata(target).get("name", "")), options.selector_labels)}


def _pod_spec(pod: Object, name: str, keys: tuple[str, ...]) -> dict[str, Any]:
    """Terms about the target's pods become terms about the primary's (getPrimaryDeploymentTemplateSpec)."""

    def term(obj: Object) -> Object:
        return at(obj, "labelSelector", lambda selector: _selector(selector, name, keys))

    def anti_affinity(obj: Object) -> Object:
        preferred = "preferredDuringSchedulingIgnoredDuringExecution"
        obj = at(obj, preferred, each(lambda weighted: at(weighted, "podAffinityTerm", term)))
        return at(obj, "requiredDuringSchedulingIgnoredDuringExecution", each(term))

    pod = at(pod, "topologySpreadConstraints", each(term))
    return dict(at(pod, "affinity", lambda affinity: at(affinity, "podAntiAffinity", anti_affinity)))


def _selector(selector: Object, name: str, keys: tuple[str, ...]) -> Object:
    def renamed(key: str, value: Any) -> Any:
        return f"{value}-primary" if key in keys and value == name else value

    def expression(obj: Object) -> Object:
        return at(obj, "values", lambda values: [renamed(obj["key"], value) for value in values])

    selector = at(selector, "matchLabels", lambda pairs: {key: renamed(key, value) for key, value in pairs.items()})
    return at(selector, "matchExpressions", each(expression))
