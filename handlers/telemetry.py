"""`GET /metrics`: Flagger's metrics, for Prometheus to scrape.

Computed from one list of the Canaries, which any process can do at any time; a scrape so soon after another that
nothing can have changed much gets the same list. The client library is loaded by the first scrape, for who is started
by an event should not wait for it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from threading import Lock
from typing import Final

from handlers.explain.gauges import samples
from handlers.rollout.objects import CANARY, Object
from handlers.step.ports import World

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
FRESH: Final = timedelta(seconds=5)
"""How long a list of the Canaries is good for: what scrapes may cost does not depend on who scrapes."""


class Telemetry:
    """What `/metrics` shows; one for each process, safe to share between threads."""

    def __init__(self, namespaces: Sequence[str]) -> None:
        self._namespaces = namespaces or ("",)
        self._lock = Lock()
        self._listed: tuple[datetime, Sequence[Object]] | None = None

    def text(self, world: World) -> bytes:
        """All metrics in Prometheus' text format. Raises Unavailable when the API server is out of reach."""
        from handlers.exposition import exposition  # noqa: PLC0415  see above

        listed = samples(self._canaries(world), provider=world.config.provider)
        return exposition(listed, world.durations.all(), version=_version(), provider=world.config.provider)

    def _canaries(self, world: World) -> Sequence[Object]:
        with self._lock:
            now = world.now()
            if self._listed is None or now - self._listed[0] >= FRESH:
                found = [item for namespace in self._namespaces for item in world.cluster.list(CANARY, namespace)]
                self._listed = now, found
            return self._listed[1]


def _version() -> str:
    try:
        return version("serinus")
    except PackageNotFoundError:  # run from a checkout
        return "unknown"
