"""Does tasks: some while somebody waits, the others in the background, never two of the same and never too many."""

import logging
from collections.abc import Mapping
from threading import Event, Lock, Thread
from typing import Final

from handlers.errors import Unavailable
from handlers.load.command import Ended, run
from handlers.load.generator import send
from handlers.load.task import Task, Type
from handlers.rollout.spec.durations import words

log = logging.getLogger(__name__)

WAITED_FOR: Final = 4
"""How many commands run at once while somebody waits: half of the threads, so that there is always one to answer."""
SHELLS: Final = {Type.CMD: "sh", Type.BASH: "bash"}


class Runner:
    """Knows what is under way. `limit`: how many tasks in the background at once."""

    def __init__(self, limit: int, environ: Mapping[str, str]) -> None:
        self._limit = limit
        self._environ = {name: value for name, value in environ.items() if not name.startswith("SERINUS_")}
        self._lock = Lock()
        self._running: dict[Task, Thread | None] = {}
        self._stop = Event()

    def start(self, task: Task) -> bool:
        """Begin a task in the background; False when the same is under way. Raises Unavailable when too many are."""
        thread = Thread(target=self._background, args=(task,), name=str(task), daemon=True)
        if not self._enter(task, thread, self._limit):
            return False
        thread.start()
        return True

    def finish(self, task: Task) -> Ended:
        """Run a command and wait for it. Raises Unavailable when the same is under way, or too many are."""
        if not self._enter(task, None, WAITED_FOR):
            raise Unavailable(f"{task}: the same command is under way")
        try:
            return self._command(task)
        finally:
            self._leave(task)

    def stop(self) -> None:
        """End everything that is under way."""
        self._stop.set()
        with self._lock:
            threads = [thread for thread in self._running.values() if thread]
        for thread in threads:
            thread.join(5)

    def _enter(self, task: Task, thread: Thread | None, limit: int) -> bool:
        with self._lock:
            if task in self._running:
                return False
            if sum((other is None) is (thread is None) for other in self._running.values()) >= limit:
                raise Unavailable(f"{task}: {limit} are under way already")
            self._running[task] = thread
        return True

    def _leave(self, task: Task) -> None:
        with self._lock:
            self._running.pop(task, None)

    def _background(self, task: Task) -> None:
        try:
            if task.load:
                log.info("%s: %s", task, send(task.load, self._stop))
            else:
                self._command(task)
        except Exception:  # whoever started it is long gone, and the thread's end would be silent
            log.exception("%s", task)
        finally:
            self._leave(task)

    def _command(self, task: Task) -> Ended:
        arguments = [SHELLS[task.type], "-c", task.command]
        ended = run(arguments, task.timeout.total_seconds(), self._environ, self._stop)
        said = "ended with the load tester" if self._stop.is_set() else how(task, ended)
        log.log(logging.INFO if ended.good else logging.WARNING, "%s: %s", task, said)
        for line in ended.output.splitlines() if task.log_output else ():
            log.info("%s: %s", task, line)
        return ended


def how(task: Task, ended: Ended) -> str:
    """How a command ended, in words, without the command."""
    if ended.timed_out:
        return f"ended at its timeout of {words(task.timeout)}"
    return "finished" if ended.good else f"failed, exit status {ended.status}"
