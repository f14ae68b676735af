"""Whether this process is started, ready and alive, for probes: open to anybody, and free of cost.

Live: it answers. Started: its clients are loaded and its settings are good. Ready: it has reached the API server once
and may read Canaries, and it knows somebody who may send. Nothing else: without Prometheus a rollback goes on, and an
API server that is down later is told to each sender, who asks again, which a Service without endpoints could not say.
"""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from threading import Lock
from typing import Final

from flask import Flask, Response

from handlers.answers import text
from handlers.auth import Authenticator
from handlers.errors import SerinusError, Unavailable
from handlers.rollout.objects import CANARY, Ref
from handlers.wiring import Wiring

AGAIN: Final = 2.0
"""Seconds after which the API server is asked again, as long as it has not answered."""


class Health:
    """Answers the probes of one process. `clock` gives monotonic seconds; safe to share between threads."""

    def __init__(
        self, wiring: Wiring, authenticator: Authenticator, namespaces: Sequence[str], clock: Callable[[], float]
    ) -> None:
        self._wiring = wiring
        self._authenticator = authenticator
        # any name will do: that there is none of it is an answer
        self._ref = Ref(CANARY, next(iter(namespaces), "default"), "serinus")
        self._clock = clock
        self._asking = Lock()
        self._asked: float | None = None
        self._lacking = "the API server has not answered yet"

    def add(self, app: Flask) -> None:
        """Serve the probes."""
        for name, lacking in (("live", str), ("started", self.not_started), ("ready", self.not_ready)):
            app.add_url_rule(f"/healthz/{name}", f"healthz/{name}", _probe(lacking))

    def not_started(self) -> str:
        """What is still to come; empty once started."""
        return "" if self._wiring.ready else "still starting"

    def not_ready(self) -> str:
        """What is missing; empty when ready."""
        return self.not_started() or self._nobody() or self._unreached()

    def _nobody(self) -> str:
        try:
            return "" if self._authenticator.knows_somebody() else "SERINUS_TOKENS_DIR holds no token"
        except SerinusError as error:
            return str(error)

    def _unreached(self) -> str:
        """Why the API server has never answered. One asks it; whoever comes meanwhile gets what was known before."""
        if self._lacking and self._asking.acquire(blocking=False):
            try:
                now = self._clock()
                if self._asked is None or now - self._asked >= AGAIN:
                    self._asked = now
                    self._lacking = self._ask()
            finally:
                self._asking.release()
        return self._lacking

    def _ask(self) -> str:
        try:
            self._wiring.world().cluster.get(self._ref)
        except SerinusError as error:
            return str(error)
        return ""


def _probe(lacking: Callable[[], str]) -> Callable[[], Response]:
    def answer() -> Response:
        if why := lacking():
            raise Unavailable(why)  # and so the log says it too: nobody sees what probes are told
        return text(HTTPStatus.OK, "ok\n")

    return answer
