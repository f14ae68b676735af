"""Settings in, a World of real adapters out: the only place that picks implementations.

The clients of Kubernetes and Prometheus take half a second to import. That happens in the background, after the port
is open; a request that comes before it is done waits for it.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from handlers.auth import Review, Reviews
from handlers.errors import BadSetting, Unavailable
from handlers.providers import prometheus
from handlers.rollout.snapshot import Options
from handlers.routers import ROUTERS
from handlers.settings import Settings, ThresholdCounts
from handlers.step.durations import Durations
from handlers.step.ports import Config, World, no_token

log = logging.getLogger(__name__)

WARM_UP = 20.0
"""Seconds that a request waits for the adapters."""
READERS = 16
STEPPERS = 6

T = TypeVar("T")


def config_of(settings: Settings) -> Config:
    """What the settings say to a step. Raises BadSetting."""
    if settings.mesh_provider not in ROUTERS:
        raise BadSetting(f"SERINUS_MESH_PROVIDER: {settings.mesh_provider!r}, expected one of {', '.join(ROUTERS)}")
    return Config(
        metrics_server=prometheus.at(settings.metrics_server),
        options=Options(
            total=settings.threshold_counts is ThresholdCounts.TOTAL,
            selector_labels=settings.selector_labels,
            include_label_prefixes=settings.include_label_prefix,
            config_tracking=settings.enable_config_tracking,
        ),
        provider=settings.mesh_provider,
        builtin_queries=settings.builtin_queries,
        scale=settings.time_scale,
        event_webhook=settings.event_webhook,
        cluster_name=settings.cluster_name,
        messengers=settings.messengers,
        sink=settings.sink,
        fan_out=settings.fan_out,
    )


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)  # noqa: TID251  the one place where a process reads its clock


def identity(path: Path = Path("/oidc/token")) -> str:
    """The OIDC token that Knative's SinkBinding mounts, read anew each time, for it is renewed; empty without one."""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


@dataclass(frozen=True, slots=True)
class Pool:
    """Makes independent calls in a bounded number of threads."""

    executor: ThreadPoolExecutor

    def __call__(self, calls: Sequence[Callable[[], T]]) -> Sequence[T]:
        """The results, in the order of the calls; the first error is raised after all have ended.

        Each call knows the context of who asks, as if there were no threads: in which trace it is.
        """
        if len(calls) == 1:
            return [calls[0]()]
        futures = [self.executor.submit(copy_context().run, call) for call in calls]
        for future in futures:
            future.exception()
        return [future.result() for future in futures]


def build(config: Config, environ: Mapping[str, str], token: Callable[[str], str] = no_token) -> World:
    """Connect everything; the client finds its cluster by the environment. Raises BadSetting."""
    from handlers.adapters.http import HttpClient  # noqa: PLC0415  half a second: see above
    from handlers.adapters.kubernetes import connect  # noqa: PLC0415  same
    from handlers.adapters.prometheus import PrometheusMetrics  # noqa: PLC0415  same

    calls = Durations()
    # two pools, for a step waits for its reads: in one pool steps could fill all threads and wait for ever
    return World(
        cluster=connect(environ, calls),
        http=HttpClient(),
        metrics=PrometheusMetrics(),
        config=config,
        now=now,
        nonce=lambda: secrets.token_hex(8),
        sleep=time.sleep,
        together=Pool(ThreadPoolExecutor(READERS, thread_name_prefix="read")),
        spread=Pool(ThreadPoolExecutor(STEPPERS, thread_name_prefix="step")),
        token=token,
        calls=calls,
    )


class Wiring:
    """A World that is being built in the background."""

    def __init__(self, make: Callable[[], World]) -> None:
        self._made: Future[World] = Future()
        threading.Thread(target=self._make, args=(make,), name="wiring", daemon=True).start()

    def _make(self, make: Callable[[], World]) -> None:
        try:
            self._made.set_result(make())
        except Exception as error:  # noqa: BLE001  whoever asks for the world gets it
            log.critical("cannot start: %s", error)
            self._made.set_exception(error)

    @property
    def ready(self) -> bool:
        """Whether the adapters are there."""
        return self._made.done() and self._made.exception() is None

    def world(self) -> World:
        """The World, as soon as it is there. Raises what building it raised, Unavailable when it takes too long."""
        try:
            return self._made.result(WARM_UP)
        except TimeoutError:
            raise Unavailable("still starting") from None

    def review(self, token: str, audience: str) -> Review:
        """Whose token this is, from the API server."""
        from handlers.adapters.kubernetes import TokenReviewer  # noqa: PLC0415  see above

        cluster = self.world().cluster
        assert isinstance(cluster, Reviews)  # noqa: S101  `build` made it
        return TokenReviewer(cluster, audience).review(token)
