"""From a new revision to the last weight: start, step up, hand over to the promotion."""

from dataclasses import replace
from typing import Any

from handlers.rollout import commands
from handlers.rollout.actions import CopyToPrimary, Route, ScaleUp
from handlers.rollout.checks import Findings
from handlers.rollout.commands import RETRY
from handlers.rollout.decision import (
    Decision,
    counted,
    normal,
    stepped,
    waiting,
    warning,
)
from handlers.rollout.rules.forbidden import held, seen_at_start, telling
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.state import Intent, Message, Phase, State
from handlers.rollout.weights import FULL, following, steps_to
from handlers.rollout.wording import copying, of_findings


def start(s: Snapshot, findings: Findings) -> Decision:
    """A new revision, not refused by anybody: give the target its pods."""
    if stop := held(s, findings):
        return stop
    assert s.target  # noqa: S101  the stage says so
    text = f"New revision detected! Scaling up {s.target_text}"
    unseen = (warning(Phase.PROGRESSING, s.namespace.unseen),) if s.namespace.unseen else ()
    said = (*of_findings(s, findings), *unseen, normal(Phase.PROGRESSING, text))
    return _begin(s, text, Intent.START, said, findings)


def pushed(s: Snapshot, _: Findings) -> Decision:
    """Another revision in the middle of a rollout: back to the primary and start over with it (rules 10 and 12)."""
    text = f"New revision detected! Restarting analysis for {s.target_text}"
    return _begin(s, text, Intent.RESTART, (normal(Phase.PROGRESSING, text),), ())


def _begin(s: Snapshot, told: str, intent: Intent, said: tuple[Message, ...], findings: Findings) -> Decision:
    """Progressing with the target's revision; at the weight held, where nobody else could serve (rule 12)."""
    # while all is on the canary the primary is replaced, by pods that its Service may not lead to yet
    replaced = s.known.phase is Phase.PROMOTING and s.canary_has_all and not (s.primary and s.primary.ready)
    stay = s.carried if replaced or not s.primary_can_serve else 0
    return Decision(
        told=told,
        intent=intent,
        actions=(() if stay else (Route(0),)) + (ScaleUp(),),
        state=stepped(
            s,
            phase=Phase.PROGRESSING,
            weight=stay,
            mirrored=False,
            iterations=0,
            failed=0,
            revision=s.target.revision if s.target else "",
            promoted=s.promoted,
            seen=seen_at_start(s),
            retried=s.canary.annotations.get(RETRY, ""),
            floor=0,
            predecessors=stay > 0,
            started=s.now,
            deadline=s.now + s.canary.progress_deadline,
        ),
        messages=said,
        findings=tuple(findings),
    )


def _begun(s: Snapshot) -> tuple[Message, ...]:
    """Said once, before the canary gets any request (scheduler.go, advanceCanary)."""
    if s.known.weight or s.known.mirrored or s.known.iterations:
        return ()
    return (normal(s.known.phase, f"Starting canary analysis for {s.target_text}"),)


def step_up(s: Snapshot, findings: Findings) -> Decision:
    """The first or the next weight; before the first one mirroring, if that is wanted (scheduler.go, runCanary)."""
    begun = _begun(s)
    if stop := held(s, findings, begun):
        return stop
    mirrored = s.canary.analysis.mirror and not s.known.weight and not s.known.mirrored
    weight = 0 if mirrored else following(s.canary.analysis, s.known.weight)
    text = f"Advance {s.name} canary weight {weight}"
    told = "mirror requests to the canary" if mirrored else f"advance from {s.known.weight} to {weight} %"
    return Decision(
        told=told,
        intent=Intent.RAISE,
        actions=(Route(weight, mirrored),),
        state=_advanced(s, phase=Phase.PROGRESSING, weight=weight, mirrored=mirrored, iterations=0, predecessors=False),
        messages=(*telling(s, findings, begun), normal(s.known.phase, text)),
        findings=tuple(findings),
    )


def earn(s: Snapshot, findings: Findings) -> Decision:
    """A weight that the canary got because nobody else could serve: no promotion, and no more of it, before as many
    checks have passed as on the way there.
    """
    if stop := held(s, findings):
        return stop
    count, needed = s.known.iterations + 1, steps_to(s.canary.analysis, s.known.weight) - 1
    text = f"Canary {s.name} has passed {count} of the {needed} checks that lead to weight {s.known.weight}"
    earned = count >= needed
    return Decision(
        told=f"keep the weight: {count} of {needed} checks passed that lead to it",
        intent=Intent.RAISE,
        actions=(Route(s.known.weight),),
        state=_advanced(s, iterations=0 if earned else count, predecessors=not earned),
        messages=(*telling(s, findings), normal(s.known.phase, text)),
        findings=tuple(findings),
    )


def _advanced(s: Snapshot, **changes: Any) -> State:
    return stepped(s, failed=counted(s), **changes)


def iterate(s: Snapshot, findings: Findings) -> Decision:
    """One iteration more: in A/B testing the matched requests go to the canary (scheduler.go, runAB, runBlueGreen)."""
    begun, analysis = _begun(s), s.canary.analysis
    if stop := held(s, findings, begun):
        return stop
    count = s.known.iterations + 1
    # what has traffic of all requests gives it up for the matched ones only to a primary that has pods
    matched = bool(analysis.match) and (s.known.matched or not s.known.weight or s.primary_can_serve)
    weight = FULL if matched else s.known.weight
    mirrored = analysis.mirror and not weight
    text = f"Advance {s.name} canary iteration {count}/{analysis.iterations}"
    return Decision(
        told=f"iteration {count} of {analysis.iterations}",
        intent=Intent.RAISE,
        actions=(Route(weight, mirrored, matched),),
        state=_advanced(s, weight=weight, mirrored=mirrored, matched=matched, iterations=count),
        messages=(*telling(s, findings, begun), normal(s.known.phase, text)),
        findings=tuple(findings),
    )


def switch(s: Snapshot, findings: Findings) -> Decision:
    """Blue/green, all iterations have passed: the canary gets all requests for an interval (runBlueGreen)."""
    if stop := held(s, findings):
        return stop
    mirrored = s.canary.analysis.mirror
    text = "Stop traffic mirroring and route all traffic to canary" if mirrored else "Routing all traffic to canary"
    return Decision(
        told="route all traffic to the canary",
        intent=Intent.RAISE,
        actions=(Route(FULL),),
        state=_advanced(s, weight=FULL, mirrored=False, iterations=s.known.iterations + 1),
        messages=(*telling(s, findings), normal(s.known.phase, text)),
        findings=tuple(findings),
    )


def unmatched(s: Snapshot, _: Findings) -> Decision:
    """`analysis.match` was taken away in the middle of an A/B test: nobody knows which requests were meant, so that the
    same revision begins again with the primary serving all.
    """
    if not s.primary_can_serve:
        return waiting(s, "primary", s.primary_trouble, told=s.primary_trouble, timed=False)
    return _again(s, f"spec.analysis.match was removed! Restarting analysis for {s.target_text}")


def mixed(s: Snapshot, _: Findings) -> Decision:
    """The canary's Service leads to another workload as well: its share goes to the primary, until a user has told the
    two apart, which `Snapshot.mixed` waits for (invariant 13).
    """
    assert s.target  # noqa: S101  the stage says so
    return _again(s, f"Restarting analysis for {s.target_text}: {s.target.strangers}")


def _again(s: Snapshot, text: str) -> Decision:
    """The same revision begins again, with the primary serving all."""
    return Decision(
        told=text,
        intent=Intent.RESTART,
        actions=(Route(0),),
        state=stepped(s, phase=Phase.PROGRESSING, weight=0, mirrored=False, iterations=0),
        messages=(warning(Phase.PROGRESSING, text),),
    )


def given_back(s: Snapshot, _: Findings) -> Decision:
    """The primary can serve again: what its revision has not earned goes back to it, and the analysis begins."""
    return Decision(
        told="route all traffic to the primary, which is ready again",
        intent=Intent.RESTART,
        actions=(Route(0),),
        state=stepped(s, weight=0, mirrored=False, iterations=0),
        messages=(normal(s.known.phase, f"Routing all traffic to primary, {s.primary_text} is ready again"),),
    )


def primary_lost(s: Snapshot, _: Findings) -> Decision:
    """Somebody has deleted the primary in a run: the canary, which is all there is, serves until there is one."""
    text = f"Routing all traffic to canary, {s.primary_trouble}"
    return Decision(
        told=text,
        intent=Intent.SHIFT,
        actions=(Route(FULL),),
        state=stepped(s, weight=FULL, mirrored=False, matched=False, iterations=0, predecessors=True),
        messages=(warning(s.known.phase, text),),
    )


def last_step(s: Snapshot, findings: Findings) -> Decision:
    """The highest weight, or the last iteration, has been held for an interval and all checks agree: copy."""
    if stop := held(s, findings):
        return stop
    analysis = s.canary.analysis
    passed = f"{analysis.iterations} iterations have passed"
    return _copy(s, findings, f"promote: {passed if analysis.iterations else f'weight {s.known.weight} % has held'}")


def _copy(s: Snapshot, findings: Findings, told: str) -> Decision:
    if s.gap and not s.canary_has_all and s.canary_ready:
        return _step_aside(s, findings)
    # routes that say more than the state are not put back to a primary without pods
    strayed = s.carried > s.known.weight and not s.primary_can_serve
    route = () if strayed else (Route(s.known.weight, matched=s.known.matched),)
    return Decision(
        told=told,
        intent=Intent.PROMOTE,
        actions=(*route, CopyToPrimary(s.known.revision)),
        state=stepped(
            s,
            phase=Phase.PROMOTING,
            mirrored=False,
            failed=counted(s),
            promoted=s.known.revision,
            deadline=s.now + s.canary.progress_deadline,
            replicas=s.known.replicas if s.canary.autoscaler or not s.target else s.target.replicas,
        ),
        messages=(*of_findings(s, findings), copying(s)),
        findings=tuple(findings),
    )


def _step_aside(s: Snapshot, findings: Findings) -> Decision:
    """The primary will have no pods, or none that its Service leads to, while it gets the new version: what has passed
    all checks serves meanwhile, and the copy is made in the next step.
    """
    text = f"Routing all traffic to canary, {s.primary_text} has no pods to serve while it is updated"
    return Decision(
        told="route all traffic to the canary before the copy",
        intent=Intent.RAISE,
        actions=(Route(FULL),),
        state=_advanced(s, phase=Phase.PROGRESSING, weight=FULL, mirrored=False, matched=False),
        messages=(*of_findings(s, findings), normal(s.known.phase, text)),
        findings=tuple(findings),
    )


def finish_copy(s: Snapshot, _: Findings) -> Decision:
    """All checks had agreed, and configs are copied: to go back would leave them with an old template."""
    decision = _copy(s, (), "finish the copy to the primary that was begun")
    return replace(decision, actions=(CopyToPrimary(s.known.revision),))


def skip_analysis(s: Snapshot, findings: Findings) -> Decision:
    """The spec wants no analysis: copy as soon as the canary is ready; the shift still waits for the primary."""
    if stop := held(s, findings):
        return stop
    return _copy(s, findings, "promote: the analysis is skipped")


def promote_now(s: Snapshot, findings: Findings) -> Decision:
    """The user wants no more analysis: copy what was under it; the shift still waits for the primary."""
    if stop := held(s, findings):
        return stop
    copy = _copy(s, findings, f"promote: asked for by {commands.PROMOTE}")
    if copy.intent is not Intent.PROMOTE:
        return copy
    text = f"Promotion of {s.target_text} asked for by {commands.PROMOTE}, the rest of the analysis is skipped"
    return replace(copy, messages=(normal(s.known.phase, text), *copy.messages))
