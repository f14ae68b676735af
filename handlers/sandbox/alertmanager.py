"""An Alertmanager of the sandbox."""

import json
from collections.abc import Sequence
from pathlib import Path

import yaml

from handlers.sandbox.kube import Object
from handlers.sandbox.process import HOST, Managed, find_program, http, launch


class Alertmanager(Managed):
    """Debian's prometheus-alertmanager on a free port, with the configuration it is given (see `webhook_config`)."""

    def __init__(self, directory: Path, config: Object) -> None:
        self._directory = directory
        self._config = config
        self.url = ""

    def start(self) -> None:
        """Start and wait until it is ready; raises SandboxError when it is not installed."""
        binary = find_program("prometheus-alertmanager", "alertmanager", package="prometheus-alertmanager")
        self._directory.mkdir(parents=True, exist_ok=True)
        self._write()

        def command(port: int) -> list[str]:
            return [
                binary,
                f"--config.file={self._directory / 'alertmanager.yml'}",
                f"--storage.path={self._directory / 'data'}",
                f"--web.listen-address={HOST}:{port}",
                "--cluster.listen-address=",  # no gossip port
                "--log.level=warn",
            ]

        self._program, self.url = launch(command, self._directory / "alertmanager.log")

    def set_config(self, config: Object) -> None:
        """Replace the configuration while it runs."""
        self._config = config
        self._write()
        http.request("POST", f"{self.url}/-/reload", timeout=10)

    def post(self, alerts: Sequence[Object]) -> None:
        """Send alerts (`labels`, `annotations`, `startsAt`, `endsAt`) as Prometheus would."""
        body = json.dumps(list(alerts))
        http.request("POST", f"{self.url}/api/v2/alerts", body=body, headers={"content-type": "application/json"})

    def _write(self) -> None:
        (self._directory / "alertmanager.yml").write_text(yaml.safe_dump(self._config, sort_keys=False))


def webhook_config(url: str, token: str = "") -> Object:
    """alertmanager.yml: every alert to one webhook, at once and each by itself; without a URL to nobody."""
    hook: Object = {"url": url, "send_resolved": True}
    if token:
        hook["http_config"] = {"authorization": {"type": "Bearer", "credentials": token}}
    return {
        "global": {"resolve_timeout": "10s"},
        "route": {
            "receiver": "serinus",
            "group_by": ["..."],
            "group_wait": "0s",
            "group_interval": "1s",
            "repeat_interval": "1h",
        },
        "receivers": [{"name": "serinus", "webhook_configs": [hook] if url else []}],
    }
