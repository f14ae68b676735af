"""Programs that the sandbox is made of: found, started, waited for, and ended by their own process id."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import urllib3

from handlers.errors import SerinusError

HOST = "127.0.0.1"
START_SECONDS = 30
STOP_SECONDS = 5
PORT_ATTEMPTS = 3

http = urllib3.PoolManager(maxsize=4, timeout=urllib3.Timeout(2), retries=False)


class SandboxError(SerinusError):
    """The sandbox cannot start, or something in it did not happen in time."""


class Late(SandboxError):
    """Something did not happen in time: the machine may be busy, or nothing at all was going to happen."""


class Ended(SandboxError):
    """A program that the sandbox is made of has ended by itself."""


class Program:
    """A started program; its output goes to a log file. Without an `environ` it has ours."""

    def __init__(self, command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None) -> None:
        self.name = Path(command[0]).name
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=environ,
            )
        self.pid = self._process.pid

    def wait_for(self, ready: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
        """Wait until the condition holds; raises Ended with the end of the log when the program has ended."""

        def check() -> bool:
            self.check()
            return ready()

        wait_for(check, f"{self.name}: {what}", seconds)

    def check(self) -> None:
        """Raise Ended with the end of the log when it has ended."""
        if self._process.poll() is not None:
            tail = self.log.read_text(errors="replace")[-500:]
            raise Ended(f"{self.name} ended with status {self._process.returncode}: {tail}")

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """SIGTERM, then SIGKILL for one that has not ended within so many seconds; returns when it is gone."""
        if self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Managed:
    """What runs as one program, from its start() to its stop()."""

    _program: Program | None = None

    def stop(self) -> None:
        """End the process, after it has answered what it is asked; does nothing when it does not run."""
        if self._program:
            self._program.stop()

    @property
    def pid(self) -> int:
        """Process id, 0 when it does not run."""
        return self._program.pid if self._program else 0


def interruptible() -> None:
    """Let SIGINT and SIGTERM end the main thread by KeyboardInterrupt, once: more of them do not disturb the end."""

    def interrupt(*_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)


def launch(command: Callable[[int], Sequence[str]], log: Path) -> tuple[Program, str]:
    """Start a program that serves /-/ready on the port it is given; the program and its URL.

    Another process may take the port in between, so it is tried again with another one. Raises SandboxError.
    """
    for attempt in range(PORT_ATTEMPTS):
        port = free_port()
        program, url = Program(command(port), log), f"http://{HOST}:{port}"
        try:
            program.wait_for(partial(answers, f"{url}/-/ready"), "is ready")
        except SandboxError:
            program.stop()
            if attempt == PORT_ATTEMPTS - 1 or "address already in use" not in log.read_text(errors="replace"):
                raise
        else:
            return program, url
    raise SandboxError(f"{log.stem}: no free port")


def find_program(*names: str, package: str) -> str:
    """Path of the first of these programs on PATH; raises SandboxError that says what to install."""
    for name in names:
        if path := shutil.which(name):
            return path
    raise SandboxError(f"{names[0]} is not on the PATH: apt-get install {package}")


def wait_for(condition: Callable[[], bool], what: str, seconds: float, pause: float = 0.02) -> None:
    """Wait until the condition holds; raises Late when it does not within so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Late(f"{what}: not within {seconds:g} s")
        time.sleep(pause)


def answers(url: str, host: str = "") -> bool:
    """Whether a GET of this URL is answered with 200; with another `host` in its header where one is given."""
    headers = {"host": host} if host else {}
    try:
        return http.request("GET", url, headers=headers).status == 200  # noqa: PLR2004  the HTTP status
    except urllib3.exceptions.HTTPError:
        return False


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now, for programs that cannot choose one and tell."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
