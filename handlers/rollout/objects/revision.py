"""Has the target changed? A hash over what the API server returns, so that nothing but a change moves it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from handlers.rollout.objects import SERVICE, Object, spec
from handlers.rollout.objects.daemonsets import without_scale

_VERSION = "1"


def of_target(target: Object, configs: Mapping[str, str] | None = None, baseline: str = "") -> str:
    """The revision of a workload: `1-` and 16 hex digits over its pod template in canonical JSON.

    `configs`: digests of the tracked configs, which are part of it. `baseline`: with these (`of_configs`) the template
    alone tells the revision; they are what the configs were when tracking began for a canary that was there already.
    The number is the version of this rule: when it changes, old revisions are told from new content.
    """
    if target.get("kind") == SERVICE.name:
        # there is no template behind it (service_controller.go, HasTargetChanged)
        return f"{_VERSION}-{_hash(_json(spec(target)))}"
    content = spec(target).get("template")
    # a node selector that only takes the pods of a DaemonSet away is no change (HasTargetChanged)
    template = _json(without_scale(content) if content else content)
    parts = (template, _json(configs)) if configs and of_configs(configs) != baseline else (template,)
    return f"{_VERSION}-{_hash(*parts)}"


def of_configs(configs: Mapping[str, str]) -> str:
    """The digests in one, empty when there are none."""
    return _hash(_json(configs)) if configs else ""


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
