"""Sends requests at a steady rate over a few connections, and counts the answers."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from threading import Event, Thread
from typing import Final
from urllib.parse import urlsplit

from handlers.load.task import Load

TIMEOUT: Final = 10.0
"""Seconds for a connection, and for each part of an answer."""


@dataclass(frozen=True, slots=True)
class Report:
    """How many answers there were of each status; `error` stands for no answer. `slowest` in milliseconds."""

    counts: Counter[str]
    slowest: float

    def __str__(self) -> str:
        told = ", ".join(f"{count} x {status}" for status, count in sorted(self.counts.items()))
        return f"{self.counts.total()} requests: {told or 'none'}; slowest {self.slowest:.0f} ms"


def send(load: Load, stop: Event, clock: Callable[[], float] = time.monotonic) -> Report:
    """Send until the duration has passed, or `stop` is set.

    Requests that are late because answers are slow are sent as soon as a connection is free, but none is made up for:
    a server that is slow is not hit by a burst when it is fast again.
    """
    ends = clock() + load.duration.total_seconds()
    reports: list[Report] = []

    def connection(number: int) -> None:
        reports.append(_connection(load, ends, stop, clock, number))

    # no pool: its threads would keep the process from ending
    threads = [Thread(target=connection, args=(number,), daemon=True) for number in range(load.connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts: Counter[str] = Counter()
    for report in reports:
        counts.update(report.counts)
    return Report(counts, max((report.slowest for report in reports), default=0.0))


def _connection(load: Load, ends: float, stop: Event, clock: Callable[[], float], number: int) -> Report:
    pause = load.connections / load.rate
    following = clock() + number / load.rate  # connections take turns
    counts: Counter[str] = Counter()
    slowest = 0.0
    parts = urlsplit(load.url)
    connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=TIMEOUT)
    while following < ends and not stop.wait(max(0.0, following - clock())):
        began = clock()
        counts[_request(connection, load)] += 1
        slowest = max(slowest, (clock() - began) * 1000)
        following = max(following + pause, clock())
    connection.close()
    return Report(counts, slowest)


def _request(connection: HTTPConnection, load: Load) -> str:
    parts = urlsplit(load.url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"User-Agent": "serinus-loadtest", **({"Host": load.host} if load.host else {})}
    try:
        connection.request(load.method, path, headers=headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, HTTPException):
        connection.close()
        return "error"
    return str(answer.status)
