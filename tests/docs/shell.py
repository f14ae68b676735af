"""A shell in which a page is typed, command by command."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

from handlers.settings import PREFIX
from tests.manifests.files import ROOT

DEADLINE = 60
"""Seconds for one command, on a machine that has much else to do."""
_MARK = "----- the end of a command -----"


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip what types commands of these, where there are not all of them."""
    return pytest.mark.skipif(
        not all(map(shutil.which, programs)), reason=f"not all on the PATH: {', '.join(programs)}"
    )


class Shell:
    """`with Shell(environ) as shell: shell.types("serinus get")`: a bash in a folder, with our programs on PATH.

    It ends with the first command that fails, and with it what it has started. `environ` comes on top of ours without
    our settings; a command has `deadline` seconds.
    """

    def __init__(self, environ: Mapping[str, str], folder: Path = ROOT, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        ours = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        path = f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', ours['PATH'])}"
        self._bash = subprocess.Popen(
            ["bash", "-eu"],  # noqa: S607  the one on the PATH, as for a reader
            cwd=folder,
            env={**ours, **environ, "PATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end(signal.SIGTERM)
        try:
            self._bash.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            self._end(signal.SIGKILL)
            self._bash.communicate()

    def types(self, command: str) -> str:
        """What a command prints. Fails when it does, or takes too long."""
        assert self._bash.stdin
        assert self._bash.stdout
        timer = threading.Timer(self._deadline, self._end, [signal.SIGTERM])
        timer.start()
        try:
            self._bash.stdin.write(f"{{ {command}\n}} < /dev/null\necho; echo '{_MARK}'\n")
            self._bash.stdin.flush()
            printed: list[str] = []
            for line in self._bash.stdout:
                if line.strip() == _MARK:
                    return "".join(printed).strip("\n")
                printed.append(line)
        finally:
            timer.cancel()
        raise AssertionError(f"it failed, or took too long: {command}\n{''.join(printed)}")

    def _end(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # it may have ended by itself
            os.killpg(self._bash.pid, number)
