"""Held where it is, by a user or by an alert: nothing starts, advances or is promoted; what goes back still does."""

from dataclasses import replace

from handlers.rollout.checks import Findings
from handlers.rollout.decision import Decision, counted, normal, settle, stepped
from handlers.rollout.rules.advance import held
from handlers.rollout.rules.rollback import as_it_is
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.stages import ACTIVE, HOLD
from handlers.rollout.state import Message
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


def _held_before(s: Snapshot, stop: Decision) -> Decision:
    """A check that fails meanwhile ends no hold: it is not told anew when the next one passes."""
    if stop.state.phase is not s.known.phase or stop.state.waiting or not s.known.waiting.startswith(HOLD):
        return stop
    return replace(stop, state=replace(stop.state, waiting=s.known.waiting))


def _said(s: Snapshot) -> tuple[Message, ...]:
    if s.known.waiting == f"{HOLD}{s.hold}":
        return ()
    return (normal(s.known.phase, f"Halt {s.name} advancement {s.hold}"),)
