"""The files in alertmanager/ as the demo runs them: other address, other credentials file, shorter times. Pure but for
`read`.
"""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from handlers.rollout.spec.durations import prometheus_window
from handlers.sandbox.demo.story import LATENCY_ALERT
from handlers.sandbox.process import SandboxError

DIRECTORY = Path(__file__).parents[3] / "alertmanager"
Document = dict[str, Any]

_TIMES = re.compile(r"(?<=\[)\d\w*|(?<=[a-z]:)\d\w*(?=\])|(?<=offset )\d\w*")
"""Windows, their steps, and how far back something is looked for."""
_LIMIT = re.compile(r"(?<=> )\d+$")


def read(name: str, directory: Path = DIRECTORY) -> Document:
    """One of the files; raises SandboxError where there is no checkout of the repository around the package."""
    try:
        found: Document = yaml.safe_load((directory / name).read_text(encoding="utf-8"))
    except OSError as error:
        raise SandboxError(f"alertmanager/{name}: {error.strerror}; the demo runs from a checkout") from error
    return found


def alertmanager(config: Mapping[str, Any], handlers: str, credentials: Path, scale: float) -> Document:
    """alertmanager.yml with the handlers at their URL here, their token in this file, and its waits scaled."""
    found = deepcopy(dict(config))
    for route in (found["route"], *found["route"].get("routes", [])):
        for key in ("group_wait", "group_interval", "repeat_interval"):
            if key in route:
                route[key] = _scaled(route[key], scale)
    for receiver in found["receivers"]:
        for hook in receiver.get("webhook_configs", []):
            hook["url"] = f"{handlers}{urlsplit(hook['url']).path}"
            hook["http_config"]["authorization"]["credentials_file"] = str(credentials)
    return found


def rules(config: Mapping[str, Any], scale: float, patience: int = 1) -> Sequence[Document]:
    """The groups of rules.yml with interval, `for`, windows and their steps scaled; `patience` multiplies the limit of
    latency.
    """
    found: list[Document] = deepcopy(config["groups"])
    for group in found:
        group["interval"] = _scaled(group["interval"], scale)
        for rule in group["rules"]:
            rule["expr"] = _TIMES.sub(lambda match: _scaled(match[0], scale), rule["expr"])
            if rule.get("alert") == LATENCY_ALERT:
                rule["expr"] = _LIMIT.sub(lambda match: str(int(match[0]) * patience), rule["expr"])
            if "for" in rule:
                rule["for"] = _scaled(rule["for"], scale)
    return found


def _scaled(duration: str, scale: float) -> str:
    return prometheus_window(duration, scale) or duration  # 0s is none, and stays
