"""Alerts that roll nothing back: those that are not about this run are kept and hold it, ended ones are let go."""

from dataclasses import replace

from handlers.rollout import firing
from handlers.rollout.checks import Findings
from handlers.rollout.decision import Decision, normal, stepped, warning
from handlers.rollout.hearing import heard
from handlers.rollout.objects import timestamp
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.stages import ACTIVE, ADVANCING
from handlers.rollout.state import Message


def passed_over(s: Snapshot, _: Findings) -> Decision:
    """An alert that is not about this run, or that was heard before: it is kept, and a step under way keeps its claim.

    Of a canary that nobody has looked at there is nothing to hold, nor a state to keep it in.
    """
    told = "the alert is not about this rollout, or was seen"
    if s.cause.alert_started is None or (s.state is None and s.inherited is None):
        return Decision(told=told, state=s.known, untouched=True)
    said = _untimely(s)
    # one that Flagger has begun is taken over, as by a tick
    state = s.known if s.state else stepped(s, weight=s.known.weight, waiting=s.known.waiting)
    return Decision(
        told=said[0].text if said else told,
        state=replace(state, firing=heard(s, told=bool(said))),
        messages=said,
        looked=s.state is None,
    )


def _untimely(s: Snapshot) -> tuple[Message, ...]:
    """Told once of each alert that is passed over for its time, with both times: clocks may differ."""
    began, started = s.cause.alert_started, s.known.started
    before = firing.known(s.known.firing, s.cause.alert)
    if s.known.phase not in ACTIVE or began is None or started is None or began >= started or (before and before.told):
        return ()
    (kept,) = (alert for alert in heard(s) if alert.key == s.cause.alert)
    holds = kept.holds and s.known.phase in ADVANCING
    text = (
        f"Alert {kept.name} does not roll back {s.name}: it is firing since {timestamp(began)}, "
        f"and this rollout began at {timestamp(started)}" + ("; nothing advances while it fires" if holds else "")
    )
    return (warning(s.known.phase, text),)


def ended(s: Snapshot, _: Findings) -> Decision:
    """An alert that fires no more holds nothing; a step under way keeps its claim."""
    assert s.cause.alert_ended  # noqa: S101  the stage says so
    left = firing.without(s.known.firing, s.cause.alert, s.cause.alert_ended)
    if left == s.known.firing:
        return Decision(told="the end of an alert that holds nothing", state=s.known, untouched=True)
    state = replace(s.known, firing=left)
    text = f"Alert {firing.named(s.cause.alert_name, s.cause.alert)} has ended"
    said = normal(s.known.phase, f"{text}, nothing holds {s.name} any more")
    let_go = s.known.phase in ADVANCING and s.hold and not replace(s, state=state).hold
    return Decision(told=text, state=state, messages=(said,) if let_go else (), looked=False)
