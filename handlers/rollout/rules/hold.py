"""Held where it is, by a user or by an alert: nothing starts, advances or is promoted; what goes back still does."""

from dataclasses import replace

from handlers.rollout.checks import Findings
from handlers.rollout.decision import Decision, counted, normal, settle, stepped, waiting, warning
from handlers.rollout.refusal import REFUSED, shown
from handlers.rollout.rules.forbidden import held
from handlers.rollout.rules.rollback import as_it_is
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.stages import ACTIVE, HOLD
from handlers.rollout.state import Intent, Message
from handlers.rollout.wording import of_findings


def on_hold(s: Snapshot, _: Findings) -> Decision:
    """A new revision that may not start yet: said once."""
    return Decision(told=s.hold, state=settle(s, waiting=f"{HOLD}{s.hold}"), messages=_said(s))


def hold(s: Snapshot, findings: Findings) -> Decision:
    """A run that may not go on: its checks are asked and counted as ever, the weight stays."""
    if stop := held(s, findings):
        return _held_before(s, stop)
    return Decision(
        told=f"hold: {s.hold}",
        actions=(as_it_is(s),) if s.known.phase in ACTIVE else (),
        state=stepped(s, failed=counted(s), waiting=f"{HOLD}{s.hold}"),
        messages=(*of_findings(s, findings), *_said(s)),
        findings=tuple(findings),
    )


def starting(s: Snapshot, findings: Findings) -> Decision:
    """A canary of which only some pods are ready: it is judged and gets no more traffic, until its deadline."""
    assert s.target  # noqa: S101  the stage says so
    why = f"canary {s.canary.target.kind.name.lower()} {s.target_text} not ready: {s.target.why}"
    held_up = waiting(s, "canary", why, told=f"hold: {why}")
    if stop := held(s, findings):
        if stop.intent is Intent.ROLLBACK:
            return stop
        return replace(stop, state=replace(stop.state, waiting="canary", deadline=held_up.state.deadline))
    return replace(
        held_up,
        intent=Intent.RAISE,
        actions=(as_it_is(s),),
        state=stepped(s, failed=counted(s), waiting="canary", deadline=held_up.state.deadline),
        messages=(*of_findings(s, findings), *held_up.messages),
        findings=tuple(findings),
    )


def _held_before(s: Snapshot, stop: Decision) -> Decision:
    """A check that fails meanwhile ends no hold: it is not told anew when the next one passes."""
    if stop.state.phase is not s.known.phase or stop.state.waiting or not s.known.waiting.startswith(HOLD):
        return stop
    return replace(stop, state=replace(stop.state, waiting=s.known.waiting))


def _said(s: Snapshot) -> tuple[Message, ...]:
    if s.known.waiting == f"{HOLD}{s.hold}":
        return ()
    kind = warning if s.mixed else normal
    return (kind(s.known.phase, f"Halt {s.name} advancement {s.hold}"),)


def with_doubt(s: Snapshot, decision: Decision) -> Decision:
    """The decision, with a warning of why nothing may go forward any more; once, in whatever phase."""
    told = shown(s.mixed) == s.canary.annotations.get(REFUSED, "") or any(
        s.mixed in one.text for one in decision.messages
    )
    if not s.mixed or told or decision.untouched or decision.refused:
        return decision
    return replace(decision, messages=(*decision.messages, warning(decision.state.phase, s.mixed)))
