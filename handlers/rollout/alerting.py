"""What messengers are told about a transition of a canary, whatever they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handlers.rollout.spec.alerts import Severity
from handlers.rollout.spec.canary import Canary
from handlers.rollout.transition import Transition

DESCRIBED = frozenset({"initialized", "progressing"})
"""The topics that say how the canary is going to be analysed (Flagger's calls of `alert` with metadata)."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and a value that stand beside a message (Flagger's `notifier.Field`)."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A message for people."""

    workload: str
    namespace: str
    text: str
    severity: Severity
    facts: tuple[Fact, ...] = ()

    @property
    def title(self) -> str:
        """The canary as Flagger names it."""
        return f"{self.workload}.{self.namespace}"

    @property
    def grave(self) -> bool:
        """Whether it is shown in red."""
        return self.severity is Severity.ERROR


def facts_of(canary: Canary, transition: Transition, cluster: str) -> tuple[Fact, ...]:
    """What stands beside the message: the cluster, how the canary is analysed, and what was measured against limits."""
    named = (Fact("Cluster", cluster),) if cluster else ()
    described = _analysis(canary) if transition.topic in DESCRIBED else ()
    measured = (fact for check in transition.checks if (fact := _measured(check)))
    return (*named, *described, *measured)


def _analysis(canary: Canary) -> tuple[Fact, ...]:
    """As `alertMetadata` in Flagger's events.go."""
    kind, seconds = canary.target.kind.name, canary.progress_deadline.total_seconds()
    return (
        Fact("Target", f"{kind}/{canary.target_name}.{canary.namespace}"),
        Fact("Failed checks threshold", str(canary.analysis.threshold)),
        Fact("Progress deadline", f"{seconds:.0f}s"),
        *_routing(canary),
    )


def _routing(canary: Canary) -> tuple[Fact, ...]:
    analysis = canary.analysis
    if analysis.iterations:
        return (Fact("Traffic routing", "A/B Testing" if analysis.match else "Blue/Green"),)
    if analysis.step_weight:
        return (Fact("Traffic routing", f"Weight step: {analysis.step_weight} max: {analysis.max_weight}"),)
    if analysis.step_weights:
        weights = ",".join(str(weight) for weight in analysis.step_weights)
        return (Fact("Traffic routing", f"Weight steps: {weights} max: {analysis.max_weight}"),)
    return ()


def _measured(check: Mapping[str, Any]) -> Fact | None:
    """A check as `50.00% < 99%`, or what went wrong with it; None for a webhook that has said yes."""
    name, found = check.get("metric") or check.get("webhook"), check.get("found")
    text = check.get("text") or check["outcome"]
    if not name or (not found and check["outcome"] == "passed"):
        return None
    return Fact(str(name), str(found or text))
