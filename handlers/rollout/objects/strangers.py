"""Workloads beside a Canary's own whose pods a Service of it would find as well."""

from collections.abc import Collection, Mapping

from handlers.rollout.objects import Object, Ref
from handlers.rollout.objects.sides import Sides, named, pod_labels, selects
from handlers.rollout.spec.canary import Canary


def strangers(canary: Canary, sides: Sides, own: Collection[Ref], there: Mapping[Ref, Object]) -> tuple[str, str]:
    """Another workload with pods that the target's Service would lead to, and one for the primary's Service, each in a
    sentence; empty for none.

    `there`: the workloads of the namespace. `own`: those that are the Canary's, or were before a move.
    """
    return _met(canary, sides.target, own, there), _met(canary, sides.primary, own, there)


def _met(canary: Canary, selector: Mapping[str, str], own: Collection[Ref], there: Mapping[Ref, Object]) -> str:
    for ref, workload in sorted(there.items(), key=lambda item: str(item[0])):
        if ref not in own and selects(selector, pod_labels(workload)):
            found = named({**workload, "kind": ref.kind.name})
            return (
                f"spec.targetRef: a Service for {canary.target} would lead to pods of {found} as well, for these "
                f"have all of its labels {dict(selector)}; give one of the two a label of its own, in "
                "spec.selector.matchLabels and in its pods"
            )
    return ""
