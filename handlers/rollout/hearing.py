"""An alert that has just been heard, beside what is known of the canary: is it about this run, and how is it kept?"""

from handlers.rollout import firing
from handlers.rollout.firing import Firing
from handlers.rollout.snapshot import CauseKind, Snapshot


def known(s: Snapshot) -> bool:
    """Whether this firing of the alert was heard before."""
    key = s.cause.alert
    return key in s.known.alerts or firing.known(s.known.firing, key) is not None


def about_this_run(s: Snapshot) -> bool:
    """Whether the alert began since this run did, and was not heard before.

    Clocks differ a little, so one that began right before the run counts as well: if it had been heard by then, it
    would be known.
    """
    began, started = s.cause.alert_started, s.known.started
    if began is None or started is None or known(s):
        return False
    return began >= started - firing.SKEW / s.scale


def heard(s: Snapshot, *, told: bool = False) -> tuple[Firing, ...]:
    """`State.firing` after this event. `told`: a user is told now that the alert rolls nothing back."""
    cause = s.cause
    if cause.kind is not CauseKind.ALERT or cause.alert_started is None or cause.alert_ended:
        return s.known.firing
    before = firing.known(s.known.firing, cause.alert)
    new = Firing(
        key=cause.alert,
        name=firing.named(cause.alert_name, cause.alert),
        since=cause.alert_started,
        heard=s.now,
        holds=not about_primary(s),
        told=told or (before is not None and before.told),
    )
    return firing.with_heard(s.known.firing, new)


def about_primary(s: Snapshot) -> bool:
    """Whether the alert says that it is about the primary: by the label for that, or by the workload that it names."""
    if s.cause.about:
        return s.cause.about == "primary"
    return s.canary.primary.name in s.cause.workloads
