"""A canary and everything that a decision rests on, read once and then told, not asked."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from handlers.rollout import firing
from handlers.rollout.commands import pause
from handlers.rollout.freeze import NOWHERE, Namespace, frozen
from handlers.rollout.objects import DAEMONSET
from handlers.rollout.spec.canary import Canary
from handlers.rollout.state import State
from handlers.rollout.weights import FULL, Weights


class CauseKind(Enum):
    """Which kind of event made us look."""

    TICK = "tick"
    SYNC = "sync"
    ALERT = "alert"
    COMMAND = "command"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The event that made us look. Only an alert brings more than *look now*: its key, its start, its text.

    `alert_ended`: since when it fires no more, None while it does. `about` is its label that says which side it is
    about, `workloads` are those that it names.
    """

    kind: CauseKind
    id: str = ""
    alert: str = ""
    alert_name: str = ""
    alert_started: datetime | None = None
    alert_ended: datetime | None = None
    about: str = ""
    workloads: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The workload under test. `pods`: how many could take traffic now. `ours`: we wrote its replicas last.

    `why`: what it waits for, when it is not ready. `exceeded`: Kubernetes itself says it makes no progress. `called`:
    clients reach its pods by the apex Service, which was there before. `strangers`: its Service leads to pods of
    another workload as well, in words.
    """

    revision: str
    replicas: int
    ready: bool
    pods: int
    ours: bool
    exceeded: bool = False
    why: str = ""
    called: bool = False
    strangers: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Primary:
    """The stable copy. `promoted`: the revision its annotation names. `pods`: how many could take traffic now.

    `replicas`: how many it is to have. `stopped`: a person has taken all of them away.
    """

    promoted: str
    ready: bool
    pods: int
    replicas: int = 1
    stopped: bool = False
    exceeded: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The least and the most replicas that the primary's scaler gives it; `most` 0: nobody says."""

    least: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the settings say about decisions."""

    total: bool = False  # failed checks are never reset by a passed one, as Flagger counts
    selector_labels: tuple[str, ...] = ("app", "name", "app.kubernetes.io/name")
    include_label_prefixes: tuple[str, ...] = ()
    config_tracking: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that `decide` knows. `mine`: what the nonces of this very event begin with, once it has left a claim behind.

    `inherited`: where Flagger, or whoever has written `.status`, has left a canary that has no state.
    `drift`: generated objects that were read differ from what the spec says; `rerouted`: in a run, the route does.
    `edited`: what of that somebody else has changed or taken away since it was last looked at, each in a sentence.
    `scaler_missing`: there is none of the name that the spec gives. `scaler_awake`: it would scale a target at rest.
    `copying`: a copy of a config is ahead of the primary, so a promotion has begun that cannot be taken back.
    `astray`: a copy says something else than the primary was made with, and what it said is kept.
    `namespace`: read only where a freeze can matter (`stages.may_be_held`). `scale`: what durations are divided by.
    `mixed`: why nothing may go forward, for traffic would get to other pods than it should, or to none.
    `destination`: the Canary with the target and the Service that its spec names by now, if traffic can move there;
    `returns`: it has a primary with pods from before.
    `gap`: while the primary gets the target's version there may be none of its pods to serve. `bounds`: of its scaler.
    `left`: a route of before the last move is still there. `alike`: so is its primary, and Services cannot tell the
    pods of the new one from those.
    """

    now: datetime
    cause: Cause
    canary: Canary
    state: State | None
    inherited: State | None = None
    target: Target | None
    primary: Primary | None
    routes: Weights | None
    drift: bool = False
    rerouted: bool = False
    edited: tuple[str, ...] = ()
    scaler_missing: bool = False
    scaler_awake: bool = False
    copying: bool = False
    astray: bool = False
    mine: str = ""
    namespace: Namespace = NOWHERE
    scale: float = 1
    options: Options = field(default_factory=Options)
    mixed: str = ""
    destination: Canary | None = None
    returns: bool = False
    gap: bool = False
    bounds: Bounds | None = None
    left: bool = False
    alike: bool = False

    @property
    def known(self) -> State:
        """The state, or the one of a canary that nobody has looked at yet."""
        return self.state or self.inherited or State()

    @property
    def hold(self) -> str:
        """Why nothing may advance or be promoted now, empty when it may."""
        return self.stopped or firing.hold(self.known.firing, self.now, self.scale)

    @property
    def stopped(self) -> str:
        """Why nothing may even start now, empty when it may: a user holds the canary."""
        return self.frozen or pause(self.canary.annotations)

    @property
    def frozen(self) -> str:
        """Why nobody may start, advance or promote anything now, not even by command; empty when one may."""
        return self.mixed or frozen(self.canary.annotations, self.now, self.namespace)

    @property
    def reached(self) -> bool:
        """Whether any request may get to the canary's pods: by weight, or as a copy."""
        mirrored = self.known.mirrored or (self.routes is not None and self.routes.mirrored)
        return bool(self.carried) or mirrored

    @property
    def carried(self) -> int:
        """The canary's share of the traffic: what the routes say, or what they were meant to say."""
        return max(self.known.weight, self.routes.canary if self.routes else 0)

    @property
    def canary_has_all(self) -> bool:
        """Whether every request is meant to go to the canary."""
        return self.known.weight == FULL and not self.known.matched

    @property
    def promoted(self) -> str:
        """The promoted revision is what the primary's annotation says (protocol rule 10)."""
        return self.primary.promoted if self.primary and self.primary.promoted else self.known.promoted

    @property
    def primary_can_serve(self) -> bool:
        """Whether the primary has any ready pod."""
        return self.primary is not None and self.primary.pods > 0

    @property
    def canary_ready(self) -> bool:
        """Whether the target has the pods that it needs."""
        return self.target is not None and self.target.ready

    @property
    def primary_trouble(self) -> str:
        """Why the primary is not ready, as Flagger's messages say it (daemonset_ready.go, IsPrimaryReady)."""
        what = "primary daemonset " if self.canary.target_kind is DAEMONSET else ""
        return f"{what}{self.primary_text} not ready: {self.primary.why if self.primary else 'it is missing'}"

    @property
    def name(self) -> str:
        """The Canary as Flagger's messages name it: name.namespace."""
        return f"{self.canary.name}.{self.canary.namespace}"

    @property
    def target_text(self) -> str:
        """The target as Flagger's messages name it."""
        return f"{self.canary.target_name}.{self.canary.namespace}"

    @property
    def primary_text(self) -> str:
        """The primary as Flagger's messages name it."""
        return f"{self.canary.target_name}-primary.{self.canary.namespace}"
