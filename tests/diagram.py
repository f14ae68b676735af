"""The phases of a canary as a diagram, found by deciding over all kinds of snapshots."""

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from handlers.rollout.checks import Check, Finding, HookCheck, Outcome
from handlers.rollout.snapshot import Cause, CauseKind, Primary, Snapshot, Target
from handlers.rollout.spec.analysis import Analysis, Hook, Webhook
from handlers.rollout.spec.canary import Canary, CanaryService
from handlers.rollout.stages import stage_of
from handlers.rollout.state import Phase, State
from handlers.rollout.table import checks, decide
from handlers.rollout.weights import Weights

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def diagram() -> str:
    """Mermaid's text: the phases, and which situation leads from one to another."""
    edges: dict[tuple[str, str], list[str]] = {}
    for before, stage, after in sorted(set(_transitions())):
        edges.setdefault((before, after), []).append(stage)
    lines = [f"    {before} --> {after}: {' / '.join(stages)}" for (before, after), stages in edges.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> Initializing: bootstrap", *lines, "```"])


def _transitions() -> Iterator[tuple[str, str, str]]:
    for snapshot in _snapshots():
        stage = stage_of(snapshot)
        for found in _findings(checks(snapshot, stage)):
            decision = decide(snapshot, stage, found)
            after = decision.state.phase
            if after is not snapshot.known.phase and not decision.refused:
                yield snapshot.known.phase.value, stage.value, after.value


def _findings(asked: Sequence[Check]) -> Iterator[list[Finding]]:
    """All go on; and each in turn is the one that does not."""
    goes_on = [Finding(check=check, outcome=_answer(check, going_on=True)) for check in asked]
    yield goes_on
    for index, check in enumerate(asked):
        yield [*goes_on[:index], Finding(check=check, outcome=_answer(check, going_on=False))]


def _answer(check: Check, *, going_on: bool) -> Outcome:
    back = isinstance(check, HookCheck) and check.hook.type is Hook.ROLLBACK
    return Outcome.REFUSED if back is going_on else Outcome.PASSED


def _snapshots() -> Iterator[Snapshot]:
    spec = {"uid": "u", "generation": 1, "target_name": "app", "service": CanaryService(apex="app", port=80)}
    hooks = tuple(Webhook(type=kind, name=kind.value, url="http://hook") for kind in Hook)
    analysis = Analysis(step_weight=50, webhooks=hooks)
    canary = Canary(namespace="shop", name="app", analysis=analysis, **spec)  # type: ignore[arg-type]  # all of it is right
    revisions, phases = ("old", "new", "newer"), [phase for phase in Phase if phase is not Phase.TERMINATING]
    readiness = itertools.product((True, False), (True, False), (True, False))
    for phase, shows, weight, promoted, (ready, primary_ready, late), kind in itertools.product(
        phases, revisions, (0, 50, 100), ("old", "new"), list(readiness), (CauseKind.TICK, CauseKind.ALERT)
    ):
        rest = phase in (Phase.INITIALIZING, Phase.INITIALIZED, Phase.SUCCEEDED, Phase.WAITING)
        copied = phase in (Phase.PROMOTING, Phase.FINALISING) or (phase is Phase.FAILED and weight > 0)
        if (rest and weight) or copied != (promoted == "new"):
            continue
        state = State(
            phase=phase,
            weight=weight,
            revision="old" if rest else "new",
            promoted=promoted,
            started=NOW - timedelta(hours=1),
            deadline=NOW - timedelta(seconds=1) if late else None,
        )
        yield Snapshot(
            now=NOW,
            cause=Cause(kind=kind, alert="a", alert_started=NOW, text="an alert is firing"),
            canary=canary,
            state=state,
            target=Target(revision=shows, replicas=1, ready=ready, pods=int(ready), ours=True),
            primary=Primary(promoted=promoted, ready=primary_ready, pods=1),
            routes=Weights(100 - weight, weight),
        )
