"""What must hold at every single write, whoever makes it (design: invariants 1, 2, 3, 5 and 12)."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from handlers.rollout.commands import PROMOTE
from handlers.rollout.objects import Object
from handlers.rollout.objects.configs import COPIED, carried
from handlers.rollout.objects.daemonsets import scaled_to_zero
from handlers.rollout.state import Intent, Phase
from tests.fakes import WRITES
from tests.lab import Lab
from tests.protocol.harness import ROUTE, Watcher, revision_of, state_of

MAX_WEIGHT = 60
INTERVAL = timedelta(seconds=10)
SLACK = timedelta(seconds=1)
TRANSITIONS = ("New revision", "Advance", "Copying", "Routing", "completed", "Rolling back", "Canary failed")


@dataclass
class Observer:
    """Looks at the cluster after each call and writes down what is wrong."""

    lab: Lab
    broken: list[str] = field(default_factory=list)
    intended: set[str] = field(default_factory=set)
    passed: set[str] = field(default_factory=set)
    raised: datetime | None = None
    weight: int = 0
    reached: bool = False
    limit: int = MAX_WEIGHT
    strayed: int | None = None
    promoted: str = ""
    config: object = None

    def __post_init__(self) -> None:
        self.weight, self.reached = shares(self.lab)[1], reached(self.lab)
        if PROMOTE in (self.lab.canary["metadata"].get("annotations") or {}):
            self.passed.add(revision_of(self.lab))
        self.limit = int(self.lab.canary["spec"]["analysis"].get("maxWeight", 100))
        self.promoted = self._promoted()
        self.config = (self.lab.get("v1/configmaps/app-config-primary") or {}).get("data")

    @property
    def watcher(self) -> Watcher:
        """What to hand to processes that are let go freely."""
        return Watcher(after=self.after)

    def after(self, verb: str, path: str) -> None:
        """To be called after each call of anybody; what a user does is an `edit`."""
        if verb == "edit" and shares(self.lab)[1] != self.weight:
            self.strayed = shares(self.lab)[1]
        if verb == "query":
            self._asked()
        if verb not in WRITES:
            return
        if "virtualservices" in path:
            self._routed()
        elif path.endswith(("/deployments/app", "/daemonsets/app")):
            self._scaled()
        elif path.endswith(("/deployments/app-primary", "/daemonsets/app-primary")):
            self._copied()
        elif path.endswith("/configmaps/app-config-primary"):
            self._configured()
        elif path.endswith("/canaries/app"):
            self._swapped()

    def _must(self, holds: bool, what: str) -> None:
        if not holds:
            self.broken.append(what)

    def _asked(self) -> None:
        claim, target = state_of(self.lab).claim, revision_of(self.lab)
        if claim and claim.intent is Intent.PROMOTE and claim.revision == target:
            self.passed.add(target)

    def _routed(self) -> None:
        primary, weight = shares(self.lab)
        if weight == self.strayed:
            return  # only the fence is ours yet, the weights are still the user's
        before, self.weight = self.weight, weight
        newly, self.reached = not self.reached and reached(self.lab), reached(self.lab)
        self._must(primary + weight == 100 and 0 <= weight <= self.limit, f"1: weights {primary}/{weight}")
        self._must(not newly or _ready(self.lab.target) > 0, "1: requests for the canary, but it has no ready pod")
        if weight > before:
            self._raised(before, weight)
        if weight < before:
            self._must(_ready(self.lab.primary) > 0, f"1: {before} to {weight}, but the primary has no ready pod")

    def _raised(self, before: int, weight: int) -> None:
        now, revision = self.lab.clock.moment, state_of(self.lab).revision
        self._must(_ready(self.lab.target) > 0, f"1: {before} to {weight}, but the canary has no ready pod")
        late = self.raised is None or now >= self.raised + INTERVAL - SLACK
        self._must(late, f"2: {before} to {weight} at {now}, and the last raise was at {self.raised}")
        self._must(revision not in self.intended, f"3: {before} to {weight} after the intent to roll {revision} back")
        self.raised = now

    def _scaled(self) -> None:
        gone = _gone(self.lab.target)
        self._must(not (gone and self.reached), f"1: the target goes to 0, and requests get to it: {self.weight} %")

    def _copied(self) -> None:
        before, self.promoted = self.promoted, self._promoted()
        if self.promoted != before:
            self._must(self.promoted in self.passed, f"5: {self.promoted} was copied and had not passed its last step")
            self._must(self.promoted not in self.intended, f"3: {self.promoted} was copied after its rollback's intent")

    def _configured(self) -> None:
        state = state_of(self.lab)
        copy = self.lab.get("v1/configmaps/app-config-primary")["data"]
        if copy != self.config and not self._put_back():
            self._must(state.revision in self.passed, f"5: {copy} was copied and had not passed its last step")
            self._must(state.revision not in self.intended, f"3: {copy} was copied after its rollback's intent")
        self.config = copy

    def _put_back(self) -> bool:
        """Whether the copy says again what the primary was made with."""
        copy, made_with = self.lab.get("v1/configmaps/app-config-primary"), carried(self.lab.primary or {})
        return bool(copy["metadata"]["annotations"][COPIED] == made_with.get("configmap/app-config"))

    def _swapped(self) -> None:
        state = state_of(self.lab)
        if state.claim and state.claim.intent is Intent.ROLLBACK:
            self.intended.add(state.revision)
        self._must(0 <= state.weight <= self.limit, f"1: the state says {state.weight} %")
        if self.config is not None and not state.claim and state.phase is Phase.PROGRESSING:
            self._must(not carried(self.lab.primary) or self._put_back(), "19: a run goes on with half a copy")

    def _promoted(self) -> str:
        return str(((self.lab.primary or {}).get("metadata", {}).get("annotations") or {}).get("serinus.dev/promoted"))


def shares(lab: Lab) -> tuple[int, int]:
    """What primary and canary get in percent: of all requests, or under A/B testing of those that match."""
    rules = _rules(lab)
    both = [rule for rule in rules if any(_to_canary(side) for side in rule["route"])]
    sides = (both or rules)[-1]["route"] if rules else []
    canary = sum(side.get("weight", 100) for side in sides if _to_canary(side))
    return (sum(side.get("weight", 100) for side in sides) or 100) - canary, canary


def reached(lab: Lab) -> bool:
    """Whether any request gets to the canary: by weight, by a header, by a cookie or as a copy."""
    sent = any(side.get("weight", 100) and _to_canary(side) for rule in _rules(lab) for side in rule.get("route") or ())
    return sent or any("mirror" in rule for rule in _rules(lab))


def _rules(lab: Lab) -> list[Object]:
    route = lab.get(ROUTE)
    return [rule for key in ("http", "tcp") for rule in route["spec"].get(key) or ()] if route else []


def _to_canary(side: Object) -> bool:
    return str(side["destination"]["host"]).endswith("-canary")


def _ready(workload: Object) -> int:
    status = workload.get("status", {})
    return 0 if _gone(workload) else int(status.get("availableReplicas") or status.get("numberAvailable") or 0)


def _gone(workload: Object) -> bool:
    """Whether its pods have been taken away."""
    return workload["spec"].get("replicas") == 0 or scaled_to_zero(workload)


def told_twice(lab: Lab) -> list[str]:
    """Transitions that were told more than once."""
    said = Counter(event for event in lab.events if any(words in event for words in TRANSITIONS))
    return [event for event, times in said.items() if times > 1]
