"""A steady HTTP client: sends so many requests a second and remembers who answered."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from handlers.errors import BadSetting

SERVER_ERROR = 500
SHOWN = 120  # characters of what a proxy says


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How one request went: sent `at` seconds after the start, answered within `seconds`.

    When no pod answered, `error` says why; status 0 is no answer at all.
    """

    at: float
    seconds: float
    status: int = 0
    version: str = ""
    pod: str = ""
    error: str = ""

    @property
    def lost(self) -> bool:
        """Whether no pod answered: a broken connection, a time-out, or an answer of the proxy itself."""
        return not self.version


@dataclass(frozen=True, slots=True)
class Summary:
    """All answers so far."""

    answers: Sequence[Answer]

    @property
    def count(self) -> int:
        """Requests that are over."""
        return len(self.answers)

    @property
    def lost(self) -> list[Answer]:
        """Requests that no pod answered."""
        return [answer for answer in self.answers if answer.lost]

    @property
    def failed(self) -> list[Answer]:
        """Requests that the client saw fail: lost, or answered with 5xx."""
        return [answer for answer in self.answers if answer.lost or answer.status >= SERVER_ERROR]

    @property
    def versions(self) -> Counter[str]:
        """Answers by version; lost requests are not among them."""
        return Counter(answer.version for answer in self.answers if answer.version)

    def per_second(self) -> list[Counter[str]]:
        """Answers by version, for each second since the start."""
        seconds = [Counter[str]() for _ in range(int(max((answer.at for answer in self.answers), default=-1)) + 1)]
        for answer in self.answers:
            if answer.version:
                seconds[int(answer.at)][answer.version] += 1
        return seconds


class Traffic:
    """Sends GET requests to `url` (Envoy's listener) with a Host header at a steady rate, in a thread of its own.

    A slow answer does not hold back the next request. Use it as a context manager, or start() and stop().
    """

    def __init__(
        self,
        url: str,
        host: str,
        *,
        rate: float = 50,
        headers: Mapping[str, str] | None = None,
        timeout: float = 5,
    ) -> None:
        parts = urlsplit(url)
        if parts.hostname is None or parts.port is None:
            raise BadSetting(f"url: {url!r} is not http://HOST:PORT/PATH")
        self._address = (parts.hostname, parts.port)
        fields = {"host": host, "user-agent": "serinus-traffic", **(headers or {})}
        lines = [f"GET {parts.path or '/'} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        self._request = ("\r\n".join(lines) + "\r\n\r\n").encode()
        self._rate = rate
        self._timeout = timeout
        self._answers: list[Answer] = []
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._stop = threading.Event()
        self._began = 0.0
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="traffic", daemon=True)

    def start(self) -> Self:
        """Begin to send."""
        self._thread.start()
        return self

    def stop(self) -> Summary:
        """Send no more, wait for the answers under way, and return what there was."""
        self._stop.set()
        self._thread.join(timeout=self._timeout + 5)
        return self.summary()

    @property
    def began(self) -> float:
        """When second 0 of the answers was, in monotonic seconds; 0 before the first request."""
        return self._began

    def summary(self) -> Summary:
        """What there was so far; may be asked for at any time."""
        return Summary(tuple(self._answers))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def _run(self) -> None:
        self._began = time.monotonic()
        tasks: set[asyncio.Task[None]] = set()
        sent = 0
        while not self._stop.is_set():
            await asyncio.sleep(max(0.0, self._began + sent / self._rate - time.monotonic()))
            task = asyncio.create_task(self._send())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            sent += 1
        if tasks:
            await asyncio.wait(tasks)
        for _, writer in self._idle:
            writer.close()

    async def _send(self) -> None:
        sent = time.monotonic()
        found: dict[str, str] = {}
        try:
            found = await asyncio.wait_for(self._exchange(), self._timeout)
        except TimeoutError:
            found["error"] = f"no answer within {self._timeout:g} s"
        except (OSError, ValueError, asyncio.IncompleteReadError) as error:
            found["error"] = f"{type(error).__name__}: {error}"
        self._answers.append(
            Answer(
                at=sent - self._began,
                seconds=time.monotonic() - sent,
                status=int(found.get("status", 0)),
                version=found.get("x-version", ""),
                pod=found.get("x-pod", ""),
                error=found.get("error", ""),
            )
        )

    async def _exchange(self) -> dict[str, str]:
        """Header fields of the answer, and `status`; connections are kept for the next request."""
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection(*self._address)
        done = False
        try:
            writer.write(self._request)
            status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(fields.get("content-length", 0)))
            if "x-version" not in fields:
                fields["error"] = body.decode("latin-1")[:SHOWN]
            done = "content-length" in fields and fields.get("connection", "").lower() != "close"
            return fields | {"status": status.split(" ")[1]}
        finally:
            if done:
                self._idle.append((reader, writer))
            else:
                with suppress(OSError):
                    writer.close()
