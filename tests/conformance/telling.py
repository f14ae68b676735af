"""What Flagger and Serinus tell of the same steps, evened out where pods' speed or each one's own words decide. Pure.

What is told are texts such as `Normal Advance app.NS canary weight 20`.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.conformance.rows import Row

Lines = list[str]


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that may differ, and why; `evened` takes it away, whoever of them has told it."""

    name: str
    because: str
    evened: Callable[[Lines], Lines]


def _waiting(lines: Lines) -> Lines:
    who = r"(canary deployment |primary daemonset |canary dae?monset )?"  # Flagger writes damonset
    waits = re.compile(rf"Warning {who}\S+ not ready( with retryable true)?: waiting for")
    return [line for line in lines if not waits.match(line)]


def _once(lines: Lines) -> Lines:
    asked = re.compile(r"all the metrics providers are available!|Error checking metric providers: ")
    first = next((index for index, line in enumerate(lines) if asked.search(line)), 0)
    return [line for index, line in enumerate(lines) if not asked.search(line) or index == first]


def _reason(lines: Lines) -> Lines:
    return [re.sub(r"^(Warning (?:Halt .* check|Post-rollout hook) \S+) failed .*", r"\1", line) for line in lines]


def _deadline(lines: Lines) -> Lines:
    return [line for line in lines if not re.match(r"Warning Rolling back \S+ progress deadline exceeded", line)]


def _first_metric(lines: Lines) -> Lines:
    both = zip(("", *lines), lines, strict=False)
    return [line for before, line in both if not (" success rate " in before and " request duration " in line)]


RULES = (
    Rule(
        "pods-take-time",
        "A look may find a pod not ready yet and say so; how many do depends on the machine.",
        _waiting,
    ),
    Rule(
        "providers-told-once",
        "Flagger says at each look of a bootstrap whether Prometheus is there, Serinus once.",
        _once,
    ),
    Rule(
        "own-words",
        "Why a webhook failed: Serinus tells its status and answer, Flagger the words of its HTTP library.",
        _reason,
    ),
    Rule(
        "deadline-told",
        "A rollback for a missed deadline says so; Flagger's has no reason.",
        _deadline,
    ),
    Rule(
        "all-metrics-told",
        "Of the metrics that fail in one step Serinus tells all, Flagger the first.",
        _first_metric,
    ),
)


def evened(lines: Lines) -> tuple[Lines, frozenset[str]]:
    """What is left of it, and the names of the rules that took something away."""
    used = set()
    for rule in RULES:
        left = rule.evened(lines)
        if left != lines:
            used.add(rule.name)
        lines = left
    return lines, frozenset(used)


def without_waiting(lines: Lines) -> Lines:
    """What was told, but how often a pod was waited for."""
    return _once(_waiting(lines))


def heard(hooks: Iterable[Row]) -> Lines:
    """What a Canary's own event webhook, `ev`, heard: type and message, then phase and keys."""
    rows = [row for row in hooks if row[0] == "ev"]
    return [f"{said['eventType']} {said['eventMessage']} {phase} {','.join(keys)}" for _, phase, keys, said in rows]
