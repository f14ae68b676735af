"""The one message about what a step has changed, with its reason and what was measured: see docs/events.md."""

from collections.abc import Mapping, Sequence
from typing import Any

from handlers.rollout import history
from handlers.rollout.checks import Finding, HookCheck, MetricCheck, Outcome
from handlers.rollout.decision import Decision
from handlers.rollout.snapshot import CauseKind, Snapshot
from handlers.rollout.spec.alerts import Severity
from handlers.rollout.spec.analysis import Hook
from handlers.rollout.stages import ACTIVE
from handlers.rollout.state import Intent, Kind, Message, Phase
from handlers.rollout.transition import Transition
from handlers.rollout.wording import comparison

CHECKS_KEPT = 12
Said = tuple[str, Severity | None, str]
"""Topic, severity, text. Without a severity messengers are not told, only whoever takes CloudEvents."""

TOPICS: Mapping[str, str] = {
    "initialized": "the primary is ready and serves: rollouts may begin",
    "progressing": "a new revision is being analysed, or another one in the middle of a rollout",
    "waiting": "a `confirm-rollout` webhook has not approved",
    "advanced": "the canary gets another share of the traffic, or the next iteration",
    "halted": "a check failed, and fewer than `threshold` have",
    "waitingtraffic": "a `confirm-traffic-increase` webhook has not approved",
    "waitingpromotion": "a `confirm-promotion` webhook has not approved",
    "promoting": "all checks have passed, the revision is copied to the primary",
    "finalising": "all traffic is on the primary again",
    "succeeded": "the rollout is over, the primary runs the revision",
    "failed": "rolled back, or the primary failed on the new revision; the reason says why",
    "waitingrollback": "a rollback has to wait: the primary has no ready pod, and the canary goes on serving",
    "cancelled": "the target is back at the promoted revision",
    "alerted": "an alert came too late for a rollback",
    "terminating": "the Canary is being deleted, with `revertOnDeletion`",
}
"""The topics and when they occur; a phase that is not here has its own name in lower case as topic."""

SEVERITIES: Mapping[str, str] = {
    "initialized": "info",
    "progressing": "info",
    "waiting": "warn",
    "waitingtraffic": "warn",
    "waitingpromotion": "warn",
    "promoting": "info",
    "succeeded": "info",
    "failed": "error; warn if a rollback webhook asked for it",
    "waitingrollback": "error",
    "cancelled": "info",
    "alerted": "warn",
}
"""How much the topics matter that messengers are told of."""

_ENTERED: Mapping[Phase, Said] = {
    Phase.INITIALIZED: ("initialized", Severity.INFO, "New {kind} detected, initialization completed."),
    Phase.WAITING: ("waiting", Severity.WARN, "Canary is waiting for approval."),
    Phase.WAITING_PROMOTION: ("waitingpromotion", Severity.WARN, "Canary promotion is waiting for approval."),
    Phase.PROMOTING: ("promoting", Severity.INFO, "Canary analysis passed, promoting the new revision."),
    Phase.SUCCEEDED: ("succeeded", Severity.INFO, "Canary analysis completed successfully, promotion finished."),
}
"""Flagger's sentences and severities (scheduler.go, scheduler_hooks.go); it is silent about Promoting."""
_SKIPPED: Mapping[Phase, str] = {
    Phase.PROMOTING: "Canary analysis is skipped, promoting the new revision.",
    Phase.SUCCEEDED: "Canary analysis was skipped, promotion finished.",
}
GATES = frozenset({Hook.CONFIRM_ROLLOUT, Hook.CONFIRM_TRAFFIC_INCREASE, Hook.CONFIRM_PROMOTION})
_SPOKEN = ("failed checks threshold", "progress deadline")


def announcement(s: Snapshot, decision: Decision) -> Message | None:
    """What to tell about a step, None when it has changed nothing that matters to others."""
    said = _said(s, decision)
    if said is None:
        return None
    topic, severity, text = said
    state = decision.state
    facts = Transition(
        topic=topic,
        at=s.now,
        weight=state.weight,
        failed=decision.meanwhile.failed if decision.meanwhile and state.phase is Phase.FAILED else state.failed,
        severity=None if _muted(decision.findings) else severity,
        checks=tuple(_check(finding) for finding in _worth_telling(decision.findings)),
    )
    return Message(kind=Kind.TRANSITION, text=text, phase=state.phase, transition=facts)


def _said(s: Snapshot, decision: Decision) -> Said | None:
    if decision.refused:
        return ("waitingrollback", Severity.ERROR, decision.refused) if decision.state.held != s.known.held else None
    if decision.untouched or _told_before(s):
        return None
    return _phase(s, decision) if decision.state.phase is not s.known.phase else _within(s, decision)


def _told_before(s: Snapshot) -> bool:
    """Whether a rollback is being finished whose reason was written down with its intent."""
    claim = s.known.claim
    topics = {message.transition.topic for message in s.known.outbox if message.transition}
    return claim is not None and claim.intent is Intent.ROLLBACK and "failed" in topics


def _phase(s: Snapshot, decision: Decision) -> Said | None:
    phase = decision.state.phase
    if decision.intent is Intent.CANCEL:
        return "cancelled", Severity.INFO, _last(decision)
    if phase is Phase.FAILED:
        return "failed", _gravity(decision), _why(s, decision)
    if phase is Phase.PROGRESSING:
        return _within(s, decision)  # back from waiting for a promotion is no beginning
    topic, severity, text = _ENTERED.get(phase, (phase.value.lower(), None, decision.told))
    if s.canary.skip_analysis:
        text = _SKIPPED.get(phase, text)
    return topic, severity, text.replace("{kind}", s.canary.target.kind.name)


def _within(s: Snapshot, decision: Decision) -> Said | None:
    """What has changed beside the phase."""
    before, after = s.known, decision.state
    if after.phase is Phase.PROGRESSING and after.started != before.started:
        how = "restarting" if before.phase in ACTIVE else "progressing"
        return "progressing", Severity.INFO, f"New revision detected, {how} canary analysis."
    if after.waiting != before.waiting and _refused(decision.findings, Hook.CONFIRM_TRAFFIC_INCREASE):
        return "waitingtraffic", Severity.WARN, "Canary traffic increase is waiting for approval."
    if after.failed > before.failed:
        return "halted", None, decision.told
    if (after.weight, after.mirrored, after.iterations) != (before.weight, before.mirrored, before.iterations):
        return "advanced", None, decision.told
    if after.alerts != before.alerts and s.cause.kind is CauseKind.ALERT and decision.messages:
        return "alerted", Severity.WARN, _last(decision)
    return None


def _last(decision: Decision) -> str:
    said = (*decision.reasons, *decision.messages)
    return said[-1].text if said else decision.told


def _gravity(decision: Decision) -> Severity:
    """Flagger only warns of a rollback that a webhook has asked for."""
    asked = any(_hook(finding) is Hook.ROLLBACK and finding.passed for finding in decision.findings)
    return Severity.WARN if asked else Severity.ERROR


def _why(s: Snapshot, decision: Decision) -> str:
    """In Flagger's words: `Failed checks threshold reached 3`, `Rolling back manual webhook invoked`."""
    if decision.intent is Intent.FAIL:
        return f"Promotion failed, primary not ready: {s.primary_trouble}"
    if not decision.reasons:
        return _capitalised(decision.told.removeprefix("roll back: "))
    text = decision.reasons[-1].text.removeprefix(f"Rolling back {s.name} ")
    return _capitalised(text) if text.startswith(_SPOKEN) else f"Rolling back {text}"


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _hook(finding: Finding) -> Hook | None:
    return finding.check.hook.type if isinstance(finding.check, HookCheck) else None


def _refused(findings: Sequence[Finding], kind: Hook) -> bool:
    """Whether a webhook has said no; one that asks for patience has not."""
    held = [finding for finding in findings if not finding.passed and finding.outcome is not Outcome.NOT_YET]
    return any(_hook(finding) is kind for finding in held)


def _muted(findings: Sequence[Finding]) -> bool:
    """Whether the gate that holds the canary says `muteAlert`; nothing mutes a rollback."""
    gates = [f.check.hook for f in findings if isinstance(f.check, HookCheck) and not f.passed]
    return any(hook.type in GATES and hook.mute_alert for hook in gates)


def _worth_telling(findings: Sequence[Finding]) -> Sequence[Finding]:
    """The checks of a step, failed ones first; not those rollback webhooks that have asked for nothing."""
    asked = [finding for finding in findings if _hook(finding) is not Hook.ROLLBACK or finding.passed]
    return sorted(asked, key=lambda finding: finding.passed)[:CHECKS_KEPT]


def _check(finding: Finding) -> Mapping[str, Any]:
    data = history.check(finding)
    if isinstance(finding.check, MetricCheck) and finding.value is not None:
        return {**data, "found": comparison(finding.check.metric, finding.value)}
    return data
