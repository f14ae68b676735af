"""The labels that tell the pods of a target from those of its primary, and by which Services find those of either side.

Flagger selects by one label (canary/util.go, getSelectorLabel), and so meets the pods of every workload that shares it.
Here a Service selects by all labels of the target's selector; the one by which the sides differ has another value on
the primary's side.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from handlers.errors import BadCanary
from handlers.rollout.objects import Object, labels, metadata, spec

SUFFIX = "-primary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """How the two sides are told apart.

    `label`: the name of the label by which they differ. `target`, `primary`: by which labels a Service finds the pods
    of that side. `own`: the labels that the primary's pods have in place of the target's, or beside them.
    """

    label: str
    target: Mapping[str, str]
    primary: Mapping[str, str]
    own: dict[str, str]


def matched(workload: Object) -> Mapping[str, str]:
    """The labels by which a workload selects its pods."""
    return (spec(workload).get("selector") or {}).get("matchLabels") or {}


def pod_labels(workload: Object) -> Mapping[str, str]:
    """The labels that a workload gives its pods."""
    return labels(spec(workload).get("template") or {})


def sides_of(target: Object, primary: Object | None, accepted: tuple[str, ...]) -> Sides:
    """How the pods of a target and of its primary are told apart. `accepted`: `SERINUS_SELECTOR_LABELS`.

    A primary that is there decides, for its selector can never be changed: by another setting, or for a target that
    was made anew with another selector, its pods keep the labels by which it selects them. Raises BadCanary when the
    target has no label to tell it by, or when a Service for one side would find the pods of the other.
    """
    wanted, kept = matched(target), matched(primary or {})
    label = _label_of(wanted, kept) or selector_label(target, accepted)
    own = {label: f"{wanted.get(label, '')}{SUFFIX}", **kept}
    if primary is None:
        found = Sides(label=label, target=wanted, primary={**wanted, **own}, own=own)
    else:
        there = pod_labels(primary)
        names = {**wanted, **kept}
        chosen = {name: there[name] for name in names if name in there}
        found = Sides(label=label, target=wanted, primary=chosen, own=own)
    _check_apart(found, target, primary)
    return found


def _label_of(wanted: Mapping[str, str], kept: Mapping[str, str]) -> str:
    """The label by which a primary was told from the target when it was made; empty when that cannot be seen."""
    return next((name for name in kept if name in wanted and kept[name] == f"{wanted[name]}{SUFFIX}"), "")


def selector_label(target: Object, accepted: tuple[str, ...]) -> str:
    """The first accepted label that a target selects its pods by (getSelectorLabel). Raises BadCanary."""
    selected = matched(target)
    for label in accepted:
        if label in selected:
            return label
    raise BadCanary(
        f"spec.targetRef: {named(target)} selects its pods by "
        f"{sorted(selected)}; spec.selector.matchLabels must contain one of {', '.join(accepted)}"
    )


def _check_apart(sides: Sides, target: Object, primary: Object | None) -> None:
    theirs = {**pod_labels(target), **sides.own} if primary is None else pod_labels(primary)
    if selects(sides.target, theirs) or selects(sides.primary, pod_labels(target)):
        name = named(primary) if primary else f"its primary, which would have {sides.own}"
        raise BadCanary(
            f"spec.targetRef: the pods of {named(target)} and those of {name} cannot be told apart by the labels "
            f"{dict(sides.target)}; give the target a selector with another value of {sides.label}"
        )


def selects(selector: Mapping[str, str], given: Mapping[str, str]) -> bool:
    """Whether a Service with this selector leads to pods with these labels; one without a selector leads nowhere."""
    return bool(selector) and selector.items() <= given.items()


def named(workload: Object) -> str:
    """A workload as messages name it."""
    meta = metadata(workload)
    return f"{workload.get('kind', 'Deployment')} {meta.get('namespace', '')}/{meta.get('name', '')}"
