"""The Canary is being deleted and wants everything back as it was: `spec.revertOnDeletion`.

As Flagger's controller/finalizer.go, by ticks: the target gets its pods, and only when they are ready the traffic.
What we made goes with its owner afterwards; until then it leads to the target, so that no order of deletion matters.
"""

from dataclasses import replace

from handlers.rollout.actions import RestoreRoutes, RestoreService, ScaleToPrimary
from handlers.rollout.checks import Findings
from handlers.rollout.decision import Decision, normal, nothing, overdue, settle, stepped, waiting, warning
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.state import Intent, Phase

RESTORED = "release"
"""What a state waits for when everything is back and only the finalizer is left."""


def terminating(s: Snapshot, _: Findings) -> Decision:
    """Pods, then traffic, then the finalizer; the last in any case when the deadline has passed."""
    if s.known.phase is Phase.TERMINATING and s.known.waiting == RESTORED:
        return replace(nothing(s, "release it"), release=True)
    if not s.canary.revert_on_deletion:
        return _released(s, "release it: nothing is to be put back")
    if s.target is None:
        return _released(s, "the target is gone: restore the routes", RestoreRoutes())
    if s.known.phase is not Phase.TERMINATING:
        return _begin(s)
    if s.target.ready:
        return _restore(s, "the target is ready: restore Service and routes")
    if overdue(s):
        late = _restore(s, "the deadline has passed: restore Service and routes all the same")
        text = f"{s.target_text} is not ready in time, {s.name} goes all the same: {s.target.why}"
        return replace(late, messages=(warning(Phase.TERMINATING, text), *late.messages))
    if s.target.replicas == 0:
        again = "give the target its pods again"
        return Decision(told=again, intent=Intent.REVERT, actions=(ScaleToPrimary(),), state=settle(s))
    text = f"{s.target_text} not ready: {s.target.why}"
    return waiting(s, "target", text, told=text)


def _begin(s: Snapshot) -> Decision:
    told = f"Terminating canary {s.name}"
    state = stepped(s, phase=Phase.TERMINATING, deadline=s.now + s.canary.progress_deadline)
    return Decision(
        told=told,
        intent=Intent.REVERT,
        meanwhile=replace(s.known, phase=Phase.TERMINATING, deadline=state.deadline),
        actions=(ScaleToPrimary(),),
        state=state,
        messages=(normal(Phase.TERMINATING, told),),
    )


def _restore(s: Snapshot, told: str) -> Decision:
    return _released(s, told, RestoreService(), RestoreRoutes())


def _released(s: Snapshot, told: str, *actions: RestoreService | RestoreRoutes) -> Decision:
    text = f"Terminated canary {s.name}"
    return Decision(
        told=told,
        intent=Intent.REVERT,
        actions=actions,
        state=stepped(s, phase=Phase.TERMINATING, waiting=RESTORED),
        messages=(normal(Phase.TERMINATING, text),),
        release=True,
    )
