"""Who plays a scenario: Flagger or Serinus, each as the real program, with a user of its own at the API server."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol, Self

from handlers.events.event import TICK
from handlers.sandbox.demo.served import Handlers
from handlers.sandbox.process import HOST, Program, SandboxError, answers, free_port, http
from handlers.wiring import now
from tests.controlplane.programs import path_of
from tests.parity.audit import Asked, Window, turns
from tests.parity.scenarios import INTERVAL
from tests.parity.script import Script

SCALE = 20
"""How much faster time passes for Serinus: an interval of 10 s takes half a second."""
GLANCE = 0.5
TICK_TIMEOUT = 60
DONE = 204


class Player(Protocol):
    """What makes rollouts happen.

    `interval` is how long an analysis interval takes it, in real seconds; `beside` is how many idle Canaries can be
    measured while there are others.
    """

    name: str
    interval: float
    beside: int

    def beat(self) -> None:
        """Let a moment pass in which it may act."""

    def intervals(self, window: Window) -> float:
        """How many analysis intervals each Canary has had in this time."""

    def windows(self, asked: Sequence[Asked], /) -> Iterable[Window]:
        """When it looked at a canary that it has made these requests about."""


class Flagger:
    """The controller as it is released; it looks at each Canary at its own interval."""

    name = "flagger"
    interval = float(INTERVAL)
    beside = 10
    """It asks about each Canary apart; but a hundred take most of what the machine has."""

    def __init__(self, directory: Path, kubeconfig: Path, script: Script) -> None:
        self._log = directory / "flagger.log"
        self._port = free_port()
        self._command = [
            str(path_of("flagger")),
            f"-kubeconfig={kubeconfig}",
            f"-metrics-server={script.url}",
            f"-event-webhook={script.events_url}",
            f"-port={self._port}",
            "-mesh-provider=istio",
            # or a turn waits for those of others, and looks like two: it allows itself 100 requests a second
            "-kubeconfig-qps=2000",
            "-kubeconfig-burst=2000",
            "-log-level=info",
        ]

    def __enter__(self) -> Self:
        self._program = Program(self._command, self._log)
        self._program.wait_for(lambda: answers(f"http://{HOST}:{self._port}/healthz"), "is ready")
        return self

    def __exit__(self, *_: object) -> None:
        self._program.stop()

    def beat(self) -> None:
        time.sleep(GLANCE)

    def intervals(self, window: Window) -> float:
        return (window.end - window.begin).total_seconds() / self.interval

    def windows(self, asked: Sequence[Asked]) -> Iterable[Window]:
        return turns(asked)


class Serinus:
    """gunicorn with the handlers, and a clock that ticks."""

    name = "serinus"
    interval = INTERVAL / SCALE
    beside = 0
    """A tick lists each kind of object that some Canary rests on, so others could add to it."""

    def __init__(self, directory: Path, kubeconfig: Path, script: Script) -> None:
        more = {
            "SERINUS_TIME_SCALE": str(SCALE),
            "SERINUS_THRESHOLD_COUNTS": "total",  # as Flagger counts
        }
        self._handlers = _Handlers(directory, free_port(), more)
        self._kubeconfig, self._metrics = kubeconfig, script.url
        self.ticks: list[Window] = []

    def __enter__(self) -> Self:
        self._handlers.start(self._kubeconfig, self._metrics)
        return self

    def __exit__(self, *_: object) -> None:
        self._handlers.stop()

    def beat(self) -> None:
        """One tick, about all Canaries; how long it took is kept."""
        headers = {"ce-id": str(len(self.ticks)), "ce-source": "/cron", "ce-type": TICK, "ce-specversion": "1.0"}
        self.ticks.append(self._send("cron", "/", b"", headers))
        time.sleep(self.interval / 5)

    def intervals(self, window: Window) -> float:
        return sum(window.begin <= tick.begin and tick.end <= window.end for tick in self.ticks)

    def windows(self, _: Sequence[Asked]) -> Iterable[Window]:
        return self.ticks

    def alert(self, namespace: str, started: datetime) -> Window:
        """Alertmanager says that an alert about the Canary `app` fires."""
        labels = {"alertname": "CanaryErrorRate", "namespace": namespace, "canary": "app"}
        alert = {"status": "firing", "labels": labels, "annotations": {}, "startsAt": started.isoformat()}
        body = {"version": "4", "alerts": [alert | {"fingerprint": "f"}]}
        return self._send("alertmanager", "/alertmanager", json.dumps(body).encode(), {})

    def _send(self, sender: str, path: str, body: bytes, headers: Mapping[str, str]) -> Window:
        signed = {**headers, "Authorization": f"Bearer {self._handlers.tokens[sender]}"}
        begin = now()
        answer = http.request("POST", self._handlers.url + path, body=body, headers=signed, timeout=TICK_TIMEOUT)
        if answer.status not in (DONE, 503):  # 503: please send again, which the next tick does
            raise SandboxError(f"{path} answered {answer.status} {answer.data.decode(errors='replace')[:200]}")
        return Window(begin, now() + timedelta(milliseconds=1))


class _Handlers(Handlers):
    """The handlers with more settings than those of the demo."""

    def __init__(self, directory: Path, port: int, more: Mapping[str, str]) -> None:
        super().__init__(directory, port)
        self._more = more

    def environ(self, kubeconfig: Path, prometheus: str, ours: Mapping[str, str]) -> dict[str, str]:
        """Ours go before those of the demo."""
        return {**super().environ(kubeconfig, prometheus, ours), **self._more}
