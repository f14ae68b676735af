"""How often things happened in this process and how long they took, as histograms: it is in no annotation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets in seconds: Go's prometheus.DefBuckets, as Flagger has them."""


@dataclass(slots=True)
class Histogram:
    """How many fell into each bucket, the last one without a bound, and the sum in seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0


class Durations:
    """A histogram for each combination of labels; any number of threads may use it. Who observes bounds the labels."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: dict[tuple[str, ...], Histogram] = {}

    def observe(self, seconds: float, *labels: str) -> None:
        """Count one."""
        with self._lock:
            histogram = self._found.setdefault(labels, Histogram())
            histogram.counts[sum(bound < seconds for bound in BOUNDS)] += 1
            histogram.total += seconds

    def all(self) -> Mapping[tuple[str, ...], Histogram]:
        """What was counted so far, by labels."""
        with self._lock:
            return {key: Histogram([*found.counts], found.total) for key, found in self._found.items()}
