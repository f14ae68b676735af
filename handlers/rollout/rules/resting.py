"""Before the first rollout and between rollouts: bootstrap, rest, drift, and going back to what is promoted."""

from dataclasses import replace

from handlers.rollout import facts
from handlers.rollout.actions import (
    Action,
    ApexService,
    CopyConfigs,
    CreatePrimary,
    PauseScaler,
    Route,
    RouteTargets,
    ScalePrimary,
    ScaleToZero,
    WorkloadServices,
)
from handlers.rollout.checks import Findings
from handlers.rollout.decision import Decision, normal, nothing, put_back, settle, stepped, waiting, warning
from handlers.rollout.facts import leftover
from handlers.rollout.rules.moving import kept_up
from handlers.rollout.rules.scaling import pods_go, scaler
from handlers.rollout.snapshot import Snapshot
from handlers.rollout.stages import HOLD
from handlers.rollout.state import Intent, Message, Phase
from handlers.rollout.timing import DRAIN, drained

_SCALER = "autoscaler"


def bootstrap(s: Snapshot, findings: Findings) -> Decision:
    """Clone the primary from what runs; once it is ready let it serve, and only then take the target away."""
    assert s.target  # noqa: S101  the stage says so
    if kept := kept_up(s):
        return kept
    if s.primary is None or not s.primary.promoted:
        return Decision(
            told="make the primary from what runs",
            intent=Intent.BOOTSTRAP,
            meanwhile=replace(s.known, phase=Phase.INITIALIZING),
            # what serves goes on serving by the Services that are there until the primary is ready
            actions=(*(() if s.known.former else (WorkloadServices(),)), CreatePrimary(s.target.revision)),
            state=stepped(
                s,
                phase=Phase.INITIALIZING,
                revision=s.target.revision,
                promoted=s.target.revision,
                replicas=s.target.replicas or s.known.replicas,
            ),
            messages=(*_taken_over(s), *(() if s.canary.skip_analysis else _providers(findings))),
            findings=tuple(findings),
        )
    if not s.primary.ready:
        told = f"wait for {s.primary_text}: {s.primary.why}"
        held = waiting(s, "primary", s.primary_trouble, told=told, timed=False)
        return replace(held, actions=(ScalePrimary(s.known.replicas or 1),)) if s.primary.stopped else held
    return _initialized(s)


def _taken_over(s: Snapshot) -> tuple[Message, ...]:
    """A primary that was there before us goes on serving; without `.status` nobody knows what else was under way."""
    if s.primary is None:
        return ()
    text = f"Taking over {s.primary_text}: it serves as what is promoted"
    if s.carried:
        text += f"; the canary has {s.carried}% of the traffic, a rollout under way begins again"
    return (normal(Phase.INITIALIZING, text),)


def _providers(findings: Findings) -> tuple[Message, ...]:
    """Flagger asks once, at the beginning, whether the metric servers answer, and only says so; also of none at all."""
    for finding in findings:
        if not finding.passed:
            return (warning(Phase.INITIALIZING, f"Error checking metric providers: {finding.text}"),)
    return (normal(Phase.INITIALIZING, "all the metrics providers are available!"),)


def _initialized(s: Snapshot) -> Decision:
    """Pods that had clients go with the next event, those that had none at once."""
    called = s.reached or bool(s.known.former) or (s.target is not None and s.target.called)
    replicas = facts.given(s)
    return Decision(
        told="the primary is ready: Services and routes go to it, the target to 0",
        intent=Intent.BOOTSTRAP,
        actions=(
            *scaler(s),
            *((ScalePrimary(replicas),) if replicas else ()),
            *(WorkloadServices(), ApexService(), RouteTargets(), Route(0)),
            *(() if called else (ScaleToZero(),)),
        ),
        state=stepped(
            s,
            phase=Phase.INITIALIZED,
            rest=Phase.INITIALIZED,
            weight=0,
            mirrored=False,
            revision=s.promoted,
            promoted=s.promoted,
            replicas=replicas or s.known.replicas or (s.target.replicas if s.target else 0),
            waiting=DRAIN if called else "",
        ),
        messages=(normal(Phase.INITIALIZED, f"Initialization done! {s.name}"),),
    )


def at_rest(s: Snapshot, _: Findings) -> Decision:
    """Nothing to do. A failed canary whose target went back to the promoted revision has acknowledged it."""
    revision = s.target.revision if s.target else ""
    # without a primary that serves nothing is taken away
    going = not drained(s.known, s.now, s.canary.analysis.interval) or (leftover(s) and not s.primary_can_serve)
    draining = s.known.waiting == DRAIN and going
    waiting_for = DRAIN if draining else ""
    if s.known.phase is Phase.FAILED and revision == s.promoted and s.known.revision != revision:
        told = "the target is back at the promoted revision"
        return Decision(told=told, state=settle(s, revision=revision, promoted=s.promoted, waiting=waiting_for))
    decision = nothing(s, "nothing to do")
    if s.known.waiting in (DRAIN, _SCALER) or s.known.waiting.startswith(HOLD):  # it is over, there, or taken back
        return replace(decision, state=settle(s, waiting=waiting_for))
    return decision


def adrift(s: Snapshot, findings: Findings) -> Decision:
    """Somebody changed what we make, or a step ended half-way: put it back (protocol rule 14)."""
    actions: list[Action] = [*scaler(s), CopyConfigs(), WorkloadServices(), ApexService(), RouteTargets()]
    state = at_rest(s, findings).state
    if s.primary_can_serve:
        actions.append(Route(0))
        if s.scaler_awake:
            actions.append(PauseScaler())
        if s.reached:  # its pods go with the next event, after every mesh has heard of the route
            state = replace(state, waiting=DRAIN, stepped=s.now, mirrored=False)
        elif leftover(s):
            actions.append(ScaleToZero())
    elif s.routes:  # whoever serves now goes on serving
        actions.append(Route(s.routes.canary, s.routes.mirrored, s.routes.matched))
    said = put_back(s, state.phase)
    return Decision(told="put Services, routes and replicas back", actions=tuple(actions), state=state, messages=said)


def asked_for(s: Snapshot, _: Findings) -> Decision:
    """The target's owner has given a target at rest other replicas: they are for whoever serves, the primary."""
    replicas = facts.asked_for(s)
    text = f"{s.target_text} is at rest and was given {replicas} replicas: {s.primary_text} has them now"
    return Decision(
        told=text,
        actions=(ScalePrimary(replicas), ScaleToZero()),
        state=settle(s, replicas=replicas),
        messages=(normal(s.known.phase, text),),
    )


def astray(s: Snapshot, _: Findings) -> Decision:
    """A promotion has copied configs, was broken off, and its revision is not there any more: no pod of the primary may
    start with contents that its template was not analysed with (protocol rule 19).
    """
    text = f"A promotion of {s.target_text} was broken off, putting back the configs of {s.primary_text}"
    return Decision(told=text, actions=(CopyConfigs(),), state=settle(s), messages=(warning(s.known.phase, text),))


def primary_missing(s: Snapshot, _: Findings) -> Decision:
    """Somebody deleted the primary: make it again, if the target still shows the promoted revision."""
    if s.target and s.target.revision == s.promoted:
        return Decision(
            told="make the primary again from the promoted revision",
            intent=Intent.BOOTSTRAP,
            actions=(CreatePrimary(s.promoted),),
            state=settle(s),
            messages=(warning(s.known.phase, f"{s.primary_text} is missing, making it again"),),
        )
    text = f"{s.primary_text} is missing and the target does not run the promoted revision; push that revision again"
    return waiting(s, "primary", text, told=text, timed=False)


def target_missing(s: Snapshot, _: Findings) -> Decision:
    """There is nothing to roll out; if the canary had traffic, the primary takes it."""
    kind = s.canary.target.kind
    missing = f'{kind.plural}.{kind.group} "{s.canary.target_name}" not found'
    text = f"{kind.name.lower()} {s.target_text} get query error: {missing}"
    held = waiting(s, "target", text, told=text, timed=False)
    if s.carried and s.primary_can_serve:
        return replace(held, actions=(Route(0),), state=replace(held.state, weight=0, mirrored=False))
    return held


def scaler_missing(s: Snapshot, _: Findings) -> Decision:
    """`spec.autoscalerRef` names nothing: say so; whoever serves goes on serving (hpa_reconciler.go)."""
    ref = s.canary.scaler
    assert ref  # noqa: S101  the stage says so
    where = f"{ref.kind.name} {ref.name}.{ref.namespace}"
    text = f'spec.autoscalerRef: {where} get query error: {ref.kind.plural}.{ref.kind.group} "{ref.name}" not found'
    return waiting(s, _SCALER, text, told=text, timed=False)


def reverted(s: Snapshot, _: Findings) -> Decision:
    """The target went back to the promoted revision in the middle of a rollout: the rollout is cancelled."""
    text = f"Rollout cancelled, {s.target_text} is back at the promoted revision"
    return Decision(
        told="cancel: the target is back at the promoted revision",
        intent=Intent.CANCEL,
        actions=(Route(0), *pods_go(s)),
        state=stepped(
            s,
            phase=s.known.rest,
            waiting=DRAIN if s.reached else "",
            weight=0,
            mirrored=False,
            iterations=0,
            failed=0,
            revision=s.promoted,
            promoted=s.promoted,
        ),
        messages=(normal(s.known.rest, text),),
    )
