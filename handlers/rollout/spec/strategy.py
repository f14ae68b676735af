"""Which strategies go together: what Flagger would silently pass over, or never advance with, is refused by name."""

from collections.abc import Mapping, Sequence

from handlers.errors import BadCanary
from handlers.rollout.objects import Object
from handlers.rollout.spec import match
from handlers.rollout.spec.analysis import Analysis
from handlers.rollout.spec.fields import Field

THRESHOLD_COUNTS = "serinus.dev/threshold-counts"
"""Annotation: `consecutive` or `total`; whether a passed check resets the count of failed ones."""


def check(analysis: Analysis, path: str, routed: Sequence[Object], *, tcp: bool) -> None:
    """Raise BadCanary for fields that contradict each other; `routed`: `spec.service.match`."""
    for name, weight in (
        ("stepWeight", analysis.step_weight),
        ("stepWeights", analysis.step_weights),
        ("maxWeight", analysis.max_weight),
    ):
        if analysis.iterations and weight:
            # Flagger takes iterations (Canary.DeploymentStrategy)
            raise BadCanary(f"{path}.iterations: excludes {name}; a canary advances by iterations or by weights")
    others = (("mirror", analysis.mirror), ("sessionAffinity", analysis.affinity), ("match", analysis.match))
    for name, given in others:
        if tcp and given:
            raise BadCanary(f"{path}.{name}: needs HTTP, and spec.service.appProtocol is tcp")
        if analysis.match and given and name != "match":
            # SetRoutes replaces all other rules by those of the match
            raise BadCanary(f"{path}.match: excludes {name}, which A/B testing cannot do")
    if analysis.match and not analysis.iterations:
        raise BadCanary(f"{path}.match: needs iterations; for requests beside weights use annotation {match.MATCH}")
    match.refuse_conflicts(analysis.match, routed, f"{path}.match")


def testers(
    annotations: Mapping[str, str], analysis: Analysis, routed: Sequence[Object], *, tcp: bool
) -> tuple[Object, ...]:
    """The requests of the annotation `serinus.dev/match`. Raises BadCanary, naming the annotation."""
    requests = match.annotated(annotations.get(match.MATCH, ""))
    path = f"metadata.annotations[{match.MATCH}]"
    if requests and (analysis.iterations or tcp):
        raise BadCanary(f"{path}: needs a canary that advances by weights, over HTTP")
    match.refuse_conflicts(requests, routed, path)
    return requests


def total(annotations: Mapping[str, str]) -> bool | None:
    """Whether a passed check leaves the count of failed ones as it is; None when the annotation does not say."""
    text = annotations.get(THRESHOLD_COUNTS, "")
    if text not in ("", "consecutive", "total"):
        raise Field(text, f"metadata.annotations[{THRESHOLD_COUNTS}]").bad("consecutive or total")
    return text == "total" if text else None
