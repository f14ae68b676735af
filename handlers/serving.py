"""How gunicorn serves the apps: `gunicorn -c python:handlers.serving 'handlers.app:create_app()'`.

Names and meanings are gunicorn's (https://docs.gunicorn.org/en/stable/settings.html). What is given on its command line
goes before, and it binds to `$PORT` by itself.
"""

import os
from pathlib import Path

from gunicorn.workers.gthread import ThreadWorker

from handlers.logs import to_stderr


class Worker(ThreadWorker):  # type: ignore[misc]  # published without types
    """gunicorn's own, but once it is to end, whoever comes is refused, and may ask another process.

    gunicorn keeps its socket open until the last request is answered: new ones would wait as long, to be dropped then.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        """Stop to listen together with stopping to accept, but take first who is at the door."""
        super().set_accept_enabled(enabled)
        for listener in () if enabled or self.alive else self.sockets:
            before = -1
            while before != self.nr_conns:
                before = self.nr_conns
                self.accept(listener)
            listener.close()


worker_class = Worker
workers = 1
"""One process: its threads share connections and what they know of tokens."""
threads = 8
timeout = 60
"""Seconds without a sign of life after which the process is replaced. A thread's request is not bounded by it; the
handlers bound every call that they make."""
graceful_timeout = 25
"""Seconds that requests have to end after SIGTERM. What takes longer is cut off, and the next event goes on from there.
"""
keepalive = 75
control_socket_disable = True
if Path("/dev/shm").is_dir():  # noqa: S108  nothing is kept there: gunicorn touches a file that may not be on a disk
    worker_tmp_dir = "/dev/shm"  # noqa: S108  see above
accesslog = None
"""The apps log each request themselves, without query strings."""
logconfig_dict = {
    "formatters": {"serinus": {"()": to_stderr, "wanted": os.environ.get("SERINUS_LOG_FORMAT", "").strip()}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "serinus", "stream": "ext://sys.stderr"}},
    "root": {"level": "INFO", "handlers": ["stderr"]},
    "loggers": {"gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True}},
}
