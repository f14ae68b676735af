"""`GET /metrics`: Flagger's metrics and those of this process, for Prometheus to scrape.

Flagger's are computed from one list of the Canaries, which any process can do at any time; a scrape so soon after
another that nothing can have changed much gets the same list. Without an API server they are missing, as if the scrape
had failed, for old numbers would look like a healthy canary; what the process counts is shown then all the more. The
client library is loaded by the first scrape, for who is started by an event should not wait for it.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from threading import Lock
from typing import Final

from handlers.errors import SerinusError
from handlers.explain.gauges import samples
from handlers.rollout.objects import CANARY, Object
from handlers.step.durations import Durations
from handlers.step.ports import World

log = logging.getLogger(__name__)

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
FRESH: Final = timedelta(seconds=5)
"""How long a list of the Canaries is good for: what scrapes may cost does not depend on who scrapes."""


class Telemetry:
    """What `/metrics` shows; one for each process, safe to share between threads."""

    def __init__(self, namespaces: Sequence[str]) -> None:
        self.requests = Durations()
        """What this process was asked, by path and status."""
        self._namespaces = namespaces or ("",)
        self._lock = Lock()
        self._listed: tuple[datetime, Sequence[Object] | None] | None = None

    def text(self, world: World) -> bytes:
        """All metrics in Prometheus' text format."""
        from handlers.exposition import exposition  # noqa: PLC0415  see above

        found, provider = self._canaries(world), world.config.provider
        counted = {
            "flagger_canary_duration_seconds": world.durations,
            "serinus_http_request_duration_seconds": self.requests,
            "serinus_step_duration_seconds": world.steps,
            "serinus_api_request_duration_seconds": world.calls,
        }
        listed = None if found is None else samples(found, provider=provider)
        return exposition(listed, counted, version=_version(), provider=provider)

    def _canaries(self, world: World) -> Sequence[Object] | None:
        with self._lock:
            now = world.now()
            if self._listed is None or now - self._listed[0] >= FRESH:
                self._listed = now, self._list(world)
            return self._listed[1]

    def _list(self, world: World) -> Sequence[Object] | None:
        try:
            return [item for namespace in self._namespaces for item in world.cluster.list(CANARY, namespace)]
        except SerinusError as error:
            log.warning("metrics of canaries: %s", error)
            return None


def _version() -> str:
    try:
        return version("serinus")
    except PackageNotFoundError:  # run from a checkout
        return "unknown"
