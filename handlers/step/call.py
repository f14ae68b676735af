"""Sends a request again when asking again can help, as go-retryablehttp does for Flagger's webhooks."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus

from handlers.errors import Unavailable
from handlers.step.ports import Http, Request, Response, World

LONGEST_WAIT = 30.0
_DELAYING = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


def call(
    http: Http, request: Request, retries: int, left: Callable[[], float], sleep: Callable[[float], None]
) -> Response:
    """The first answer that is final, or else the last one.

    Tried again, at most `retries` times: no answer, 429, and 5xx but for 501. Waits 1 s, 2 s, 4 s … up to 30 s, or what
    `Retry-After` says in seconds, but never past the deadline: `left` tells the seconds until then, of which a try gets
    no more than there are. Raises Unavailable when the last try had no answer, or when no time is left.
    """
    attempt = 0
    while (seconds := left()) > 0:
        try:
            got: Response | Unavailable = http.send(replace(request, timeout=min(request.timeout, seconds)))
        except Unavailable as error:
            got = error
        wait = _wait(attempt, got)
        if wait is None or attempt == retries or wait >= left():
            if isinstance(got, Unavailable):
                raise got
            return got
        sleep(wait)
        attempt += 1
    raise Unavailable("no time left to ask")


def call_until(world: World, request: Request, deadline: datetime, *, retries: int = 0) -> Response:
    """The same by the clock of a world, until a time."""

    def left() -> float:
        return (deadline - world.now()).total_seconds()

    return call(world.http, request, retries, left, world.sleep)


def _wait(attempt: int, got: Response | Unavailable) -> float | None:
    """Seconds until the next try; None when the answer is final."""
    if isinstance(got, Response):
        if not _again(got.status):
            return None
        after = got.headers.get("retry-after", "")
        if got.status in _DELAYING and after.isascii() and after.isdigit():
            return float(after)
    return min(2.0 ** min(attempt, 10), LONGEST_WAIT)


def _again(status: int) -> bool:
    failed = status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED
    return failed or status == HTTPStatus.TOO_MANY_REQUESTS
