"""Runs a command in a process group of its own, which ends with it, or at its timeout."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from select import select
from threading import Event
from typing import Final

TAIL: Final = 64 * 1024
"""Bytes of output that are kept: the last ones."""
GLANCE: Final = 0.1  # seconds between two looks at whether a silent command has ended
LINGER: Final = 0.05  # seconds for what is left in the pipe of a command that has ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended: its exit status (negative: the signal), or not before it was ended. Output as text."""

    status: int
    timed_out: bool
    output: str = field(repr=False)

    @property
    def good(self) -> bool:
        """Whether it did what it should."""
        return self.status == 0 and not self.timed_out


def run(arguments: Sequence[str], timeout: float, environ: Mapping[str, str], stop: Event) -> Ended:
    """Run a program until it ends, `timeout` seconds have passed, or `stop` is set; nothing of its group stays behind.

    Raises OSError when it cannot be started.
    """
    with subprocess.Popen(  # noqa: S603  to run commands is what a load tester is for; the sender has shown a token
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(environ),
        start_new_session=True,
    ) as process:
        assert process.stdout  # noqa: S101  it is a pipe
        pipe, tail, timed_out = process.stdout.fileno(), b"", True
        try:
            tail, timed_out = _watched(process, pipe, time.monotonic() + timeout, stop)
        finally:
            with suppress(ProcessLookupError):  # nobody is left
                os.killpg(process.pid, signal.SIGKILL)
        while select([pipe], [], [], LINGER)[0] and (part := os.read(pipe, TAIL)):
            tail = (tail + part)[-TAIL:]
        status = process.wait()
    return Ended(status=status, timed_out=timed_out, output=tail.decode("utf-8", "replace"))


def _watched(process: "subprocess.Popen[bytes]", pipe: int, ends: float, stop: Event) -> tuple[bytes, bool]:
    """The end of the output so far, and whether the program has to be ended."""
    tail = b""
    while process.poll() is None:
        if time.monotonic() >= ends or stop.is_set():
            return tail, True
        if not select([pipe], [], [], GLANCE)[0]:
            continue
        if part := os.read(pipe, TAIL):
            tail = (tail + part)[-TAIL:]
        else:  # its output is closed, and it goes on
            stop.wait(GLANCE)
    return tail, False
