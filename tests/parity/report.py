"""What a performance came to: each scenario's comparison, what it cost, and whether all of it is as it should be."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from tests.controlplane.programs import KUBERNETES, flagger_version
from tests.parity import cost
from tests.parity.audit import Asked
from tests.parity.compare import Comparison, compare
from tests.parity.cost import Look, Range
from tests.parity.performance import Idle, Measured, Part

FILE: Final = Path(__file__).parents[2] / "build" / "parity" / "report.json"
MOST_PER_STEP = 10
STEP = "a weight step"
FIGURES: Final[tuple[tuple[str, str, Callable[[Sequence[Look]], Range | None]], ...]] = (
    ("bootstrap, from a new Canary to Initialized", "weighted-promotes", cost.bootstrap),
    ("a new revision is found, the target scaled up", "weighted-promotes", cost.new_revision),
    (STEP, "weighted-promotes", cost.step),
    ("a failed check", "weighted-metrics-fail", cost.failed_check),
    ("rollback by metrics", "weighted-metrics-fail", cost.rollback),
    ("promotion, from the copy to Succeeded", "weighted-promotes", cost.promotion),
)
"""What is measured, in which scenario, and how."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table of costs; None where there is no such thing. `good`: ours is within its aim."""

    what: str
    flagger: str | None
    serinus: str | None
    good: bool


@dataclass(frozen=True, slots=True)
class Result:
    """All that is told."""

    versions: dict[str, str]
    comparisons: tuple[Comparison, ...]
    costs: tuple[Line, ...]
    seconds: dict[str, float]

    @property
    def good(self) -> bool:
        """Nothing differs but what should, and nothing costs more than it may."""
        return not any(item.unwanted for item in self.comparisons) and all(line.good for line in self.costs)


def judge(measured: Measured) -> Result:
    """Compare and count."""
    flagger, serinus = measured.flagger, measured.serinus
    compared = tuple(
        compare(scenario, flagger.played[scenario.name], serinus.played[scenario.name])
        for scenario in measured.scenarios
    )
    versions = {"kube-apiserver": KUBERNETES, "Flagger": flagger_version(), "Serinus": version("serinus")}
    seconds = {part.player.name: round(part.seconds, 1) for part in (flagger, serinus)}
    return Result(versions, compared, tuple(_costs(flagger, serinus)), seconds)


def _costs(flagger: Part, serinus: Part) -> Iterator[Line]:
    for theirs, ours in zip(flagger.idle, serinus.idle, strict=True):
        yield from _resting((flagger, theirs), (serinus, ours))
    for what, scenario, figure in FIGURES:
        if scenario in flagger.played:
            yield _line(what, *(figure(_looks(part, scenario)) for part in (flagger, serinus)))
    waited = [cost.waiting(_all_looks(part)) for part in (flagger, serinus)]
    if all(waited):
        yield _line("a look that only waits for a pod", *waited)
    if serinus.alert:
        window, usual = serinus.alert, cost.rollback(_all_looks(flagger))
        number = sum(window.begin <= asked.at <= window.end for asked in serinus.asked)
        yield Line("rollback by an alert", None, str(number), good=usual is not None and number < usual.least)


def _resting(*both: tuple[Part, Idle]) -> Iterator[Line]:
    """Idle canaries: all requests, and those that name them."""
    number = both[0][1].number
    theirs, ours = (_per_interval(part, idle, ("", idle.namespace)) for part, idle in both)
    crowd = f"{number} idle canar{'y' if number == 1 else 'ies'}, an interval"
    yield Line(crowd, f"{theirs:.1f}", f"{ours:g}", ours < theirs)
    theirs, ours = (_per_interval(part, idle, (idle.namespace,)) for part, idle in both)
    yield Line("of these, about the canaries themselves", f"{theirs:.1f}", f"{ours:g}", ours == 0)


def _line(what: str, theirs: Range | None, ours: Range | None) -> Line:
    """On a busy machine two turns of Flagger's loop may look like one, and a figure of it is missing then."""
    if ours is None:
        return Line(what, str(theirs) if theirs else None, None, good=False)
    good = (theirs is None or ours.most < theirs.least) and (what != STEP or ours.most <= MOST_PER_STEP)
    return Line(what, str(theirs) if theirs else None, str(ours), good)


def _looks(part: Part, scenario: str) -> list[Look]:
    played = part.played[scenario]
    asked = [one for one in part.asked if one.namespace == played.namespace]
    return cost.looks(asked, part.player.windows(asked), played.seen)


def _all_looks(part: Part) -> list[Look]:
    return [look for name in part.played for look in _looks(part, name)]


def _per_interval(part: Part, idle: Idle, namespaces: Sequence[str]) -> float:
    """Requests that name one of these namespaces; "" is the whole cluster."""
    within = [one for one in part.asked if idle.window.begin <= one.at <= idle.window.end]
    return sum(one.namespace in namespaces for one in within) / idle.intervals


def text(result: Result) -> str:
    """For a terminal."""
    lines = [", ".join(f"{name} {number}" for name, number in result.versions.items()), ""]
    for item in result.comparisons:
        verdict = "DIFFERS" if item.unwanted else "same"
        wanted = ", ".join((*item.deviations, *item.rules))
        lines.append(f"{verdict:<8}{item.scenario:<24}{item.writes:>3} writes{f'  but for {wanted}' if wanted else ''}")
        for difference in item.unwanted:
            lines += [f"          {difference.part}:", *(f"            {line}" for line in difference.lines)]
    lines += ["", f"{'requests to the API server':<50}{'Flagger':>10}{'Serinus':>10}"]
    for line in result.costs:
        mark = "" if line.good else "  TOO MANY"
        lines.append(f"{line.what:<50}{line.flagger or '-':>10}{line.serinus or '-':>10}{mark}")
    took = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in result.seconds.items())
    return "\n".join([*lines, "", took, ""])


def write(result: Result, measured: Measured) -> Path:
    """The result, and all that was recorded, as JSON; where it is."""
    recorded: dict[str, Any] = {
        part.player.name: {name: _recorded(part, name) for name in part.played}
        for part in (measured.flagger, measured.serinus)
    }
    FILE.parent.mkdir(parents=True, exist_ok=True)
    told = {"good": result.good, **asdict(result), "recorded": recorded}
    FILE.write_text(json.dumps(told, indent=1), encoding="utf-8")
    return FILE


def _recorded(part: Part, name: str) -> dict[str, Any]:
    played = part.played[name]
    said = {key: getattr(played, key) for key in ("ended", "writes", "events", "told", "hooks")}
    looks = [{"way": look.way, "requests": [_shown(one) for one in look.asked]} for look in _looks(part, name)]
    return said | {"looks": looks}


def _shown(asked: Asked) -> str:
    return f"{asked.verb} {asked.resource}"
