"""What answers forbid: a rollback asked for, patience asked for, a gate closed, a check failed."""

from collections.abc import Mapping

from handlers.rollout import commands
from handlers.rollout.actions import Action, Route
from handlers.rollout.checks import Finding, Findings, HookCheck, Outcome
from handlers.rollout.decision import Decision, counted, failed_outcomes, settle, stepped, warning
from handlers.rollout.rules.rollback import as_it_is, checks_failed, roll_back
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.spec.analysis import Hook
from handlers.rollout.stages import ACTIVE
from handlers.rollout.state import Intent, Message, Phase
from handlers.rollout.timing import step_time
from handlers.rollout.wording import of_findings

_GATES = frozenset({Hook.CONFIRM_ROLLOUT, Hook.CONFIRM_TRAFFIC_INCREASE, Hook.CONFIRM_PROMOTION})


def _hook(finding: Finding) -> Hook | None:
    return finding.check.hook.type if isinstance(finding.check, HookCheck) else None


def telling(s: Snapshot, findings: Findings, begun: tuple[Message, ...] = ()) -> tuple[Message, ...]:
    """What to tell about the findings; the beginning of an analysis is told after the rollback webhooks' answers."""
    back = [finding for finding in findings if _hook(finding) is Hook.ROLLBACK]
    rest = [finding for finding in findings if _hook(finding) is not Hook.ROLLBACK]
    return (*of_findings(s, back), *begun, *of_findings(s, rest))


def held(s: Snapshot, findings: Findings, begun: tuple[Message, ...] = ()) -> Decision | None:
    """What the findings forbid: rollback asked for, patience asked for, a gate closed, a check failed. None: go on."""
    if any(_hook(finding) is Hook.ROLLBACK and finding.passed for finding in findings):
        told = (*telling(s, findings), warning(s.known.phase, f"Rolling back {s.name} manual webhook invoked"))
        return roll_back(s, "a rollback webhook asked for it", said=told, findings=findings)
    trouble = [f for f in failed_outcomes(findings) if _hook(f) is not Hook.ROLLBACK]
    if not trouble:
        return None
    last, said = trouble[-1], telling(s, findings, begun)
    if last.outcome is Outcome.NOT_YET:
        return _patience(s, findings, said, _name(last))
    if _hook(last) in _GATES:
        return _gate_closed(s, findings, said, last)
    return checks_failed(s, findings, said)


def _name(finding: Finding) -> str:
    return finding.check.hook.name if isinstance(finding.check, HookCheck) else finding.check.metric.name


def _patience(s: Snapshot, findings: Findings, said: tuple[Message, ...], name: str) -> Decision:
    # not a new step: it is asked again with the same number, and so with the same Idempotency-Key
    told = f"wait: webhook {name} has taken the work and is not done yet"
    now = step_time(s.known, s.now, s.canary.analysis.interval)
    actions, weight = _as_they_were(s)
    return Decision(
        told=told,
        intent=Intent.RAISE,
        actions=actions,
        state=settle(s, stepped=now, weight=weight, waiting=f"webhook {name}"),
        messages=said,
        findings=tuple(findings),
    )


def _as_they_were(s: Snapshot) -> tuple[tuple[Action, ...], int]:
    """Routes are put back to the state's weight within each step of a run (protocol rule 15).

    Before a run, a revision that nobody has approved gets no traffic, not even what its predecessor held.
    """
    if s.known.phase in ACTIVE:
        return (as_it_is(s),), s.known.weight
    return ((Route(0),), 0) if s.carried and s.primary_can_serve else ((), s.known.weight)


def _gate_closed(s: Snapshot, findings: Findings, said: tuple[Message, ...], gate: Finding) -> Decision:
    phase = {Hook.CONFIRM_ROLLOUT: Phase.WAITING, Hook.CONFIRM_PROMOTION: Phase.WAITING_PROMOTION}.get(
        _hook(gate) or Hook.EVENT, s.known.phase
    )
    # Flagger says so once on entering a waiting phase, and at each look for a traffic increase (scheduler_hooks.go)
    again = phase is s.known.phase and phase in (Phase.WAITING, Phase.WAITING_PROMOTION)
    failed = s.known.failed if phase is Phase.WAITING else counted(s)
    actions, weight = _as_they_were(s)
    now = {"phase": phase, "weight": weight, "failed": failed, "waiting": f"webhook {_name(gate)}"}
    if phase is Phase.WAITING_PROMOTION and s.canary.analysis.iterations:
        # the last iteration comes again before the gate is asked again (scheduler_hooks.go, runConfirmPromotionHooks)
        now["iterations"] = s.canary.analysis.iterations - 1
    if phase is Phase.WAITING:
        now["seen"] = seen_at_start(s)
    return Decision(
        told=f"wait: webhook {_name(gate)} has not approved",
        intent=Intent.RAISE,
        actions=actions,
        state=stepped(s, **now),
        messages=said[:-1] if again else said,
        findings=tuple(findings),
    )


def seen_at_start(s: Snapshot) -> Mapping[str, str]:
    """Commands from before a run are not about it; those given while it waited for approval are."""
    return s.known.seen if s.known.phase is Phase.WAITING else commands.marks(s.canary.annotations)
