"""The handlers as they run in production: gunicorn in a process of its own, with authentication on."""

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

import handlers
from handlers.sandbox.demo.senders import write_tokens
from handlers.sandbox.demo.story import SCALE
from handlers.sandbox.process import HOST, Managed, Program, answers
from handlers.settings import PREFIX

SENDERS = ("alertmanager", "argocd", "cron")


class Handlers(Managed):
    """gunicorn on one port. Its tokens are there from the beginning: Alertmanager starts before it."""

    def __init__(self, directory: Path, port: int) -> None:
        self.tokens = {sender: secrets.token_urlsafe(24) for sender in SENDERS}
        self.tokens_dir = directory / "tokens"
        self.scale: float = SCALE
        self.log = directory / "handlers.log"
        self.url = f"http://{HOST}:{port}"
        write_tokens(self.tokens_dir, self.tokens)

    def start(self, kubeconfig: Path, prometheus: str) -> None:
        """Start and wait until it is ready; raises SandboxError with the end of its log."""
        options = ["-c", "python:handlers.serving", "-b", self.url[len("http://") :]]
        where = ["--chdir", str(Path(handlers.__file__).parents[1])]
        command = [sys.executable, "-m", "gunicorn", *options, *where, "handlers.app:create_app()"]
        self._program = Program(command, self.log, self.environ(kubeconfig, prometheus, os.environ))
        self._program.wait_for(self._ready, "the handlers are ready")

    def environ(self, kubeconfig: Path, prometheus: str, ours: Mapping[str, str]) -> dict[str, str]:
        """Our environment without settings that an operator may have made, and with those of the demo."""
        return {name: value for name, value in ours.items() if not name.startswith(PREFIX)} | {
            "KUBECONFIG": str(kubeconfig),
            "SERINUS_LOG_FORMAT": "text",
            "SERINUS_METRICS_SERVER": prometheus,
            "SERINUS_TIME_SCALE": str(self.scale),
            "SERINUS_TOKENS_DIR": str(self.tokens_dir),
        }

    def complaints(self, most: int = 8) -> list[str]:
        """The last lines of its log that are more than information."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return [line for line in lines if any(word in line for word in ("WARNING", "ERROR", "CRITICAL"))][-most:]

    def _ready(self) -> bool:
        return answers(f"{self.url}/healthz/ready")
