"""How fast the story is told: as the machine bears it, by what was measured before it begins. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from handlers.sandbox.demo.story import LIMIT, RATE, SCALE
from handlers.sandbox.process import SandboxError
from handlers.sandbox.traffic import Answer

MARGIN = 5
"""So many times as fast as the limit of latency must the app be at rest: a rollout needs more of the machine."""
SENT = 0.9
"""Of the requests that are due: a client that sends fewer is too slow itself."""
LATE = 0.25
"""Seconds: timers that fire later than this say that nothing else was in time either."""


class Busy(SandboxError):
    """The machine has too much else to do for the story to say anything about the product."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """A way to tell the story on a machine that gives each program at least this `share` of a core, 0..1.

    `scale` divides every duration of the Canary, the alert rules and the senders; `patience` multiplies the limits of
    latency, and what the slow version takes.
    """

    share: float
    scale: float
    patience: int

    @property
    def stretch(self) -> float:
        """How many times as long everything takes as at the fastest pace."""
        return SCALE / self.scale

    @property
    def rate(self) -> float:
        """Requests a second; a window of the analysis has as many of them at every pace."""
        return RATE / self.stretch

    @property
    def window(self) -> float:
        """Seconds of the windows that metrics and alert rules look at, which are written as a minute."""
        return 60 / self.scale

    @property
    def limit(self) -> float:
        """Seconds that an answer may take by the Canary."""
        return LIMIT * self.patience / 1000


PACES = (
    Pace(share=0.6, scale=SCALE, patience=1),
    Pace(share=0.2, scale=20, patience=2),
    Pace(share=0.08, scale=12, patience=4),
    Pace(share=0.03, scale=8, patience=4),
)
"""From the fastest, which is worth watching, to one that takes four minutes and waits for every answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """How the healthy app answered at rest: requests a second, p99 in seconds, and the share of the due ones `sent`."""

    rate: float
    p99: float
    sent: float

    def fits(self, pace: Pace) -> bool:
        """Whether the story can be told at this pace."""
        return self.sent >= SENT and self.p99 <= pace.limit / MARGIN


def measured(rate: float, seconds: float, answers: Sequence[Answer]) -> Measured:
    """From the requests of so many seconds; a lost one is later than any."""
    times = [math.inf if answer.lost else answer.seconds for answer in answers if answer.at < seconds]
    return Measured(rate=rate, p99=p99(times), sent=len(times) / (rate * seconds))


def p99(times: Iterable[float]) -> float:
    """The least that 99 of 100 do not exceed; 0 without any."""
    found = sorted(times)
    return found[math.ceil(len(found) * 0.99) - 1] if found else 0.0


def candidates(share: float) -> Sequence[Pace]:
    """The paces, fastest first, for a machine that gives a program such a share of a core. Raises Busy without any."""
    found = [pace for pace in PACES if share >= pace.share]
    if not found:
        raise Busy(f"a program gets {100 * share:.1f} % of a core, and {100 * PACES[-1].share:.0f} % is the least")
    return found


def hopeless(found: Measured) -> Busy:
    """Why the story cannot be told even at the slowest pace."""
    if found.sent < SENT:
        return Busy(f"only {100 * found.sent:.0f} % of {found.rate:.0f} requests a second could be sent")
    if math.isinf(found.p99):
        return Busy(f"a healthy app, at rest, left more than 1 % of {found.rate:.0f} requests a second unanswered")
    limit = PACES[-1].limit / MARGIN
    return Busy(f"a healthy app, at rest, took {_ms(found.p99)} for its answers (p99), and {_ms(limit)} is the most")


def plainly(share: float, found: Measured, pace: Pace) -> str:
    """What was measured, and what follows from it, in a line."""
    seen = f"a program gets {100 * share:.0f} % of a core, the app at rest answers within {_ms(found.p99)} (p99)"
    told = f"{pace.rate:.0f} requests/s, {pace.scale:g} times as fast as written"
    if pace == PACES[0]:
        return f"{seen}: {told}"
    return f"this machine is busy: {seen}; so {told} (not {SCALE}), latencies may be {pace.patience} times as high"


def too_late(share: float, late: float) -> Busy | None:
    """What shows that something was not there in time because the machine is busy; None when nothing does.

    `share` is what was measured before, `late` how late timers have fired since, in seconds.
    """
    if share < PACES[0].share:
        return Busy(f"a program gets {100 * share:.0f} % of a core")
    return Busy(f"timers fired {_ms(late)} late (p99)") if late > LATE else None


def became_busy(answers: Iterable[Answer], healthy: frozenset[str], late: float, pace: Pace) -> Busy | None:
    """What shows that the machine was too busy while the story was told; None when nothing does.

    `healthy` are the tags of versions that are neither slow nor failing: the worst window of these counts.
    """
    windows: dict[int, list[float]] = {}
    for answer in answers:
        if answer.version in healthy:
            windows.setdefault(int(answer.at / pace.window), []).append(answer.seconds)
    worst = max(map(p99, windows.values()), default=0.0)
    if worst > pace.limit:
        return Busy(f"healthy versions took up to {_ms(worst)} for their answers (p99 of {pace.window:g} s)")
    return too_late(1, late)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
