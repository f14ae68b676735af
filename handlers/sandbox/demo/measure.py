"""Measures the machine: what it gives a program, how late timers fire, how fast a healthy app answers at rest."""

import threading
import time
from typing import Self

from handlers.sandbox.demo.pace import Measured, Pace, candidates, hopeless, measured, p99
from handlers.sandbox.traffic import Traffic

SPIN = 1.0
"""Seconds of the measurement of the share of a core."""
PERIOD = 0.05
"""Seconds that a timer is set to."""
ASKED = 2.0
"""Seconds of a measurement of the app."""


class Timers:
    """Sets one timer after the other, in a thread of its own, and writes down how many seconds late each fires."""

    def __init__(self) -> None:
        self._late: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="timers", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def late(self) -> float:
        """How late 99 of 100 fired at most, in seconds."""
        return p99(tuple(self._late))

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            time.sleep(PERIOD)
            self._late.append(time.monotonic() - began - PERIOD)


def share() -> float:
    """The share of a core that a program gets which wants all of one."""
    began, used = time.monotonic(), time.thread_time()
    while time.monotonic() - began < SPIN:
        pass
    return (time.thread_time() - used) / (time.monotonic() - began)


def choose(share: float, url: str, host: str) -> tuple[Pace, Measured]:
    """The fastest pace at which the app is fast enough at rest, and how fast it was. Raises Busy when none is."""
    for pace in candidates(share):
        found = _asked(url, host, pace.rate)
        if found.fits(pace):
            return pace, found
    raise hopeless(found)


def _asked(url: str, host: str, rate: float) -> Measured:
    with Traffic(url, host, rate=rate) as traffic:
        time.sleep(ASKED)
        return measured(rate, ASKED, traffic.stop().answers)
