"""One Canary in the words of `serinus why`: the state, what comes next, and the steps that led here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from handlers.errors import BadCanary
from handlers.rollout import firing, history, state
from handlers.rollout.commands import pause, retry
from handlers.rollout.firing import Firing
from handlers.rollout.freeze import NOWHERE, Namespace, frozen
from handlers.rollout.objects import Object, annotations, metadata, spec, status
from handlers.rollout.objects.ownership import PREFIX
from handlers.rollout.refusal import REFUSED, shown
from handlers.rollout.spec import canary as canaries
from handlers.rollout.spec.analysis import Hook
from handlers.rollout.spec.canary import FINALIZER, Canary
from handlers.rollout.stages import ADVANCING, HOLD
from handlers.rollout.state import Phase, State
from handlers.rollout.timing import DRAIN, due, slack
from handlers.rollout.weights import FULL
from handlers.rollout.written import time_text

NO_PHASE = "-"
"""Stands for the phase of a canary that nobody has looked at."""
_AT_REST = {
    Phase.INITIALIZED: "at rest until the target shows a new revision",
    Phase.SUCCEEDED: "at rest until the target shows a new revision",
    Phase.FAILED: "at rest until the target shows another revision, or serinus.dev/retry a new value",
}

_INVALID = "no step before the Canary is valid"
_SUSPENDED = "suspended by spec.suspend"
_LET_GO = "the next event: nothing holds it any more"
_FINALIZED = "its finalizer goes when a tick finds all put back, or the deadline passed"
_WEBHOOK = "webhook "
_APPROVES = (
    (Hook.CONFIRM_ROLLOUT, " to approve the rollout"),
    (Hook.CONFIRM_TRAFFIC_INCREASE, " to approve more traffic"),
    (Hook.CONFIRM_PROMOTION, " to approve the promotion"),
)
_AWAITED = {
    "canary": "the canary's pods to become ready",
    "primary": "the primary's pods to become ready",
    "target": "the target to be there and ready",
    "autoscaler": "the autoscaler that spec.autoscalerRef names",
    "rollback": "a ready pod of the primary, to roll back to",
    "release": "Kubernetes to remove the Canary",
    DRAIN: "every mesh to hear that no request goes to the canary",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A Canary as it stands.

    `next` is what comes next in words, `due` when (None: it waits for something else than time). `weight`: of `.status`
    when the state cannot be read. `hold`: why nothing may advance now; `unseen`: why it is not known whether the
    namespace is frozen. `alerts`: those that are known to fire, the longest first. `tell_after`: when what is `untold`
    is tried again. `marks` are the annotations with which a user steers Serinus, `problems` what cannot be read.
    `steps`: the history, oldest first. `of_iterations`, `mirror_weight`: how many there are to be, and percent of the
    requests, as the spec says it now.
    """

    namespace: str
    name: str
    target: str
    phase: str
    weight: int = 0
    mirrored: bool = False
    matched: bool = False
    mirror_weight: int = FULL
    iterations: int = 0
    of_iterations: int = 0
    revision: str = ""
    promoted: str = ""
    failed: int = 0
    threshold: int | None = None
    waiting: str = ""
    until: datetime | None = None
    started: datetime | None = None
    stepped: datetime | None = None
    next: str = ""
    due: datetime | None = None
    hold: str = ""
    unseen: str = ""
    alerts: tuple[Firing, ...] = ()
    untold: int = 0
    tell_after: datetime | None = None
    marks: Mapping[str, str]
    problems: tuple[str, ...] = ()
    steps: Sequence[Mapping[str, Any]] = ()

    @property
    def ref(self) -> str:
        """namespace/name."""
        return f"{self.namespace}/{self.name}"

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON; times in RFC 3339, null where there is none."""
        data: dict[str, Any] = {field: getattr(self, field) for field in self.__slots__}
        times = {key: time_text(value) for key, value in data.items() if isinstance(value, datetime)}
        lists = {"problems": list(self.problems), "marks": dict(self.marks), "steps": list(self.steps)}
        lists["alerts"] = [firing.dump(alert) for alert in self.alerts]
        return {**data, **times, **lists, "weight": {"primary": FULL - self.weight, "canary": self.weight}}


def view(
    obj: Object, now: datetime, *, scale: float = 1, provider: str = "istio", namespace: Namespace = NOWHERE
) -> View:
    """A Canary as it stands; what cannot be read is among its problems. `scale`, `provider`: the handlers'."""
    canary, problems = _spec(obj, scale, provider)
    known: State | None = None
    try:
        known = state.load(annotations(obj))
    except BadCanary as error:
        problems = (*problems, str(error))
    if (refused := annotations(obj).get(REFUSED, "")) and refused not in map(shown, problems):
        problems = (*problems, refused)
    found = View(
        namespace=str(metadata(obj).get("namespace", "")),
        name=str(metadata(obj).get("name", "")),
        target=_target(obj),
        phase=str(status(obj).get("phase") or NO_PHASE),
        weight=_told_weight(obj),
        threshold=canary.analysis.threshold if canary else None,
        next=_INVALID if problems else "waits for the first event that makes Serinus look at it",
        hold=_hold(obj, canary, now, namespace) or _held_by_alert(known, now, scale),
        unseen=namespace.unseen,
        alerts=_firing(known, now, scale),
        marks=_marks(obj),
        problems=problems,
        steps=tuple(history.load(annotations(obj))),
    )
    return _stateful(found, canary, known, now) if known else found


def _stateful(found: View, canary: Canary | None, known: State, now: datetime) -> View:
    text, moment = _next(canary, known, now, found.hold)
    return replace(
        found,
        phase=known.phase.value,
        weight=known.weight,
        mirrored=known.mirrored,
        matched=known.matched,
        mirror_weight=(canary and canary.analysis.mirror_weight) or FULL,
        iterations=known.iterations,
        of_iterations=canary.analysis.iterations if canary else 0,
        revision=known.revision,
        promoted=known.promoted,
        failed=known.failed,
        waiting=_held(found, known) if known.waiting.startswith(HOLD) else _awaited(canary, known),
        until=known.deadline,
        started=known.started,
        stepped=known.stepped,
        next=text,
        due=moment,
        untold=len(known.outbox),
        tell_after=known.tell_after if known.outbox else None,
    )


def _told_weight(obj: Object) -> int:
    """What `.status` says, which is all that is known of a state that cannot be read."""
    weight = status(obj).get("canaryWeight")
    return weight if isinstance(weight, int) and 0 <= weight <= FULL else 0


def _hold(obj: Object, canary: Canary | None, now: datetime, namespace: Namespace) -> str:
    """Why nothing may advance, as far as it is known."""
    if canary and canary.suspend:
        return _SUSPENDED
    around = NOWHERE if namespace.unread else namespace
    return frozen(annotations(obj), now, around) or pause(annotations(obj))


def _firing(known: State | None, now: datetime, scale: float) -> tuple[Firing, ...]:
    on = [alert for alert in known.firing if alert.on(now, scale)] if known else []
    return tuple(sorted(on, key=lambda alert: (alert.since, alert.key)))


def _held_by_alert(known: State | None, now: datetime, scale: float) -> str:
    """An alert holds what raises a weight or promotes, and no start."""
    return firing.hold(known.firing, now, scale) if known and known.phase in ADVANCING else ""


def _held(found: View, known: State) -> str:
    """What a canary waits for that was held at its last step; nothing but what `next` says while it still is."""
    if found.hold:
        return ""
    return f"the end of this: {known.waiting.removeprefix(HOLD)}" if found.unseen else _LET_GO


def _awaited(canary: Canary | None, known: State) -> str:
    """What it waits for, in words; a gate with what it is to approve."""
    if known.phase is Phase.PROMOTING and known.deadline and not known.waiting:
        return _AWAITED["primary"]
    hooks = canary.analysis.webhooks if canary else ()
    types = {hook.type for hook in hooks if known.waiting == f"{_WEBHOOK}{hook.name}"}
    approval = next((text for kind, text in _APPROVES if kind in types), "")
    return _AWAITED.get(known.waiting, known.waiting) + approval


def _spec(obj: Object, scale: float, provider: str) -> tuple[Canary | None, tuple[str, ...]]:
    try:
        return canaries.parse(obj, scale=scale, provider=provider), ()
    except BadCanary as error:
        return None, (str(error),)


def _target(obj: Object) -> str:
    target = spec(obj).get("targetRef")
    if not isinstance(target, Mapping):
        return "no target"
    return f"{target.get('kind') or 'Deployment'} {target.get('name') or '-'}"


def _marks(obj: Object) -> Mapping[str, str]:
    """Annotations of ours that users write; those that Serinus writes are shown in words."""
    hidden = (state.STATE, history.HISTORY, REFUSED)
    return {
        key: str(value)
        for key, value in sorted(annotations(obj).items())
        if key.startswith(PREFIX) and key not in hidden
    }


def _next(canary: Canary | None, known: State, now: datetime, hold: str) -> tuple[str, datetime | None]:
    """What comes next, and when it is due."""
    if claim := known.claim:
        if now < claim.until:
            return f"a step ({claim.intent.value}) is under way, until", claim.until
        return f"a step ({claim.intent.value}) was broken off; the next event takes over, since", claim.until
    if canary is None:
        return _INVALID, None
    if canary.deleting:
        held = f"; {_FINALIZED}" if FINALIZER in canary.finalizers else ""
        return f"the Canary is being deleted{held}", None
    if canary.suspend:
        return f"{_SUSPENDED}: only rollbacks", None
    if hold:
        return f"{hold}: nothing advances; rollbacks and deadlines go on", None
    if known.phase in _AT_REST and not known.weight:
        return ("starts anew at the next event" if retry(canary.annotations, known) else _AT_REST[known.phase]), None
    interval = canary.analysis.interval
    if known.stepped is None or due(known, now, interval):
        since = known.stepped and known.stepped + interval - slack(interval)
        return "due: the next event makes it", since
    return "due", known.stepped + interval
