"""What was seen: the parts that the view, the judgement and the summary are made from. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, TypeVar

from handlers.sandbox.demo.story import Act
from handlers.sandbox.traffic import SERVER_ERROR, Answer

SLOW_SECONDS = 1.0
"""From which on an answer counts as slow where latencies are as usual."""

T = TypeVar("T")

Step = Mapping[str, Any]
"""An entry of `serinus.dev/history`."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened, `at` seconds after the start; `who` says where it was seen."""

    at: float
    who: str
    text: str

    @property
    def line(self) -> str:
        """As a line of a log."""
        return f"{self.at:6.2f}s  {self.who:<10}  {self.text}"


@dataclass(frozen=True, slots=True)
class Counters:
    """Requests that Envoy has sent to each side since it started."""

    primary: int = 0
    canary: int = 0

    def since(self, before: "Counters") -> "Counters":
        """Those that came after."""
        return Counters(self.primary - before.primary, self.canary - before.canary)

    @property
    def total(self) -> int:
        """To both."""
        return self.primary + self.canary

    @property
    def share(self) -> float | None:
        """The canary's share in percent; None without requests."""
        return 100 * self.canary / self.total if self.total else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """A weight that the VirtualService was given, and Envoy's counters at that moment."""

    at: float
    weight: int
    counters: Counters


@dataclass(frozen=True, slots=True)
class Split:
    """The requests at Envoy while the VirtualService said `weight` percent."""

    weight: int
    requests: Counters


def splits(routed: Sequence[Routed]) -> tuple[Split, ...]:
    """The measured split of each weight above 0, from one change of the VirtualService to the next."""
    return tuple(Split(one.weight, after.counters.since(one.counters)) for one, after in pairwise(routed) if one.weight)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How an act went: what the history, the VirtualService and the primary said from its push to its end."""

    act: Act
    seconds: float
    steps: Sequence[Step]
    routed: Sequence[Routed]
    primary: str

    @property
    def phases(self) -> tuple[str, ...]:
        """Phases in their order, each once."""
        return distinct(str(step.get("phase", "")) for step in self.steps)

    @property
    def weights(self) -> tuple[int, ...]:
        """The canary's weights above 0 in their order, from the VirtualService."""
        return tuple(weight for weight in distinct(routed.weight for routed in self.routed) if weight)

    @property
    def last(self) -> Step:
        """The step that ended it: the last one with a decision that changed the phase."""
        ending = [step for step in self.steps if step.get("phase") == self.act.end]
        return ending[0] if ending else {}

    @property
    def failed_checks(self) -> int:
        """Failed checks in a row at the end, as the analysis counts them: a passed one resets the count."""
        count = 0
        for step in self.steps:
            if asked(step):
                count = count + 1 if failing(step) else 0
        return count


def asked(step: Step) -> list[Mapping[str, Any]]:
    """The metrics that a step asked for."""
    return [check for check in step.get("checks", ()) if "metric" in check]


def failing(step: Step) -> list[Mapping[str, Any]]:
    """The metrics of a step that were out of their range or had no value."""
    return [check for check in asked(step) if check.get("outcome") != "passed"]


def limits(check: Mapping[str, Any]) -> str:
    """`at least 99`, `at most 500`, as far as there are limits."""
    low, high = check.get("min"), check.get("max")
    words = [f"at least {low:g}" if low is not None else "", f"at most {high:g}" if high is not None else ""]
    return ", ".join(filter(None, words))


def value_of(check: Mapping[str, Any]) -> str:
    """What was measured; the outcome where there is no value."""
    value = check.get("value")
    return f"{value:.2f}" if value is not None else str(check.get("outcome", ""))


def distinct(items: Iterable[T]) -> tuple[T, ...]:
    """Items without repetitions of the one before."""
    found: list[T] = []
    for item in items:
        if not found or found[-1] != item:
            found.append(item)
    return tuple(found)


@dataclass(slots=True)
class Tally:
    """What the client has seen, counted as it comes; versions by the tags of their images."""

    limit: float = SLOW_SECONDS
    sent: int = 0
    versions: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    slow: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)

    def add(self, answers: Sequence[Answer]) -> None:
        """Count these too."""
        self.sent += len(answers)
        for answer in answers:
            if answer.lost:
                self.lost[f"{answer.status or ''} {answer.error}".strip()] += 1
                continue
            self.versions[answer.version] += 1
            self.failed[answer.version] += answer.status >= SERVER_ERROR
            self.slow[answer.version] += answer.seconds > self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescue:
    """From an alert to no traffic for the canary, in seconds after the alert fired in Prometheus.

    `waited`: how long before that the canary got its first request; `told`: the handlers' step began; `routed`: the
    VirtualService was seen with weight 0; `sent`: the client's last request that the canary got; `answered`: its last
    answer.
    """

    waited: float
    told: float
    routed: float
    sent: float
    answered: float


def rescue(seen: Seen, answers: Iterable[Answer], began: datetime, client: float) -> Rescue | None:
    """Measure it; None when there was no alert or no such traffic.

    `began` is the time at second 0 of `Routed.at`, `client` the second at which the client began.
    """
    event = str(seen.last.get("event", ""))
    if seen.last.get("cause") != "alert" or "/" not in event:
        return None
    fired = (datetime.fromisoformat(event.rpartition("/")[2]) - began).total_seconds()
    told = (datetime.fromisoformat(seen.last["at"]) - began).total_seconds()
    zero = [routed.at for routed in seen.routed if routed.weight == 0 and routed.at > fired]
    mine = [answer for answer in answers if answer.version == seen.act.tag]
    if not zero or not mine:
        return None
    return Rescue(
        waited=fired - client - min(answer.at for answer in mine),
        told=told - fired,
        routed=zero[0] - fired,
        sent=client + max(answer.at for answer in mine) - fired,
        answered=client + max(answer.at + answer.seconds for answer in mine) - fired,
    )
