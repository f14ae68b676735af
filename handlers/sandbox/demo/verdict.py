"""Whether the story went as it is told: what was expected against what was seen. Pure."""

import math
from collections.abc import Iterator, Sequence

from handlers.sandbox.demo.model import Seen, Split, Tally, splits
from handlers.sandbox.demo.story import ACTS, Act, version_of

ENOUGH = 200
"""Requests from which on a split is judged."""
SIGMAS = 5
SLACK = 1.0
"""Percent: requests under way while Envoy takes over new routes."""


def faults(seen: Sequence[Seen], client: Tally, acts: Sequence[Act] = ACTS) -> list[str]:
    """What was not as expected, a sentence each; empty when all was."""
    found = [fault for one in seen for fault in _act(one)]
    missing = [act.version for act in acts[len(seen) :]]
    if missing:
        found.append(f"expected all of the story, but it ended before {missing[0]}")
    return found + list(_client(seen, client))


def _act(seen: Seen) -> Iterator[str]:
    act = seen.act
    if seen.phases != act.phases:
        yield f"{act.version}: expected the phases {_row(act.phases)}, seen {_row(seen.phases)}"
    if not _weights_as_told(seen):
        yield f"{act.version}: expected the weights {_row(act.weights)}, seen {_row(seen.weights)}"
    if seen.primary != act.primary:
        yield f"{act.version}: expected a primary of {act.primary} at its end, seen {seen.primary or 'none'}"
    cause, decision = str(seen.last.get("cause", "")), str(seen.last.get("decision", ""))
    if cause != act.cause or not decision.startswith(act.decision):
        wanted, got = f"{act.cause}: {act.decision}", f"{cause}: {decision}" if cause else "nothing"
        yield f"{act.version}: expected its history to end with {wanted!r}, seen {got!r}"
    for split in splits(seen.routed):
        if not fair(split):
            share = f"{split.requests.share:.1f} % of {split.requests.total} requests"
            yield f"{act.version}: expected {split.weight} % at Envoy, seen {share}"


def _weights_as_told(seen: Seen) -> bool:
    """All of them for a version that is promoted, some of the first for one that is rolled back."""
    wanted = seen.act.weights
    if seen.act.end == "Failed":
        return 0 < len(seen.weights) < len(wanted) and seen.weights == wanted[: len(seen.weights)]
    return seen.weights == wanted


def fair(split: Split) -> bool:
    """Whether so many requests, each sent by chance, can have split like this."""
    share, total = split.requests.share, split.requests.total
    if share is None or total < ENOUGH:
        return True
    sigma = math.sqrt(split.weight * (100 - split.weight) / total)
    return abs(share - split.weight) <= SIGMAS * sigma + SLACK


def _client(seen: Sequence[Seen], client: Tally) -> Iterator[str]:
    if client.lost:
        reasons = ", ".join(f"{count} x {reason}" for reason, count in client.lost.most_common(3))
        yield f"client: expected no lost request, seen {client.lost.total()}: {reasons}"
    may_fail = {one.act.tag for one in seen if one.act.may_fail}
    for tag, count in client.failed.items():
        if count and tag not in may_fail:
            yield f"client: expected no error from {version_of(tag)}, seen {count}"
    for one in seen:
        if not client.versions[one.act.tag]:
            yield f"client: expected answers from {one.act.version}, seen none"


def _row(items: Sequence[object]) -> str:
    return " ".join(map(str, items)) or "none"
