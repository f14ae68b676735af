"""Has the target changed? A hash over what the API server returns, so that nothing but a change moves it."""

import hashlib
import json

from handlers.rollout.objects import Object, spec
from handlers.rollout.objects.daemonsets import without_scale

_VERSION = "1"


def of_target(target: Object) -> str:
    """The revision of a workload: `1-` and 16 hex digits over its pod template in canonical JSON.

    The number is the version of this rule: when it changes, old revisions are told from new content.
    """
    content = spec(target).get("template")
    # a node selector that only takes the pods of a DaemonSet away is no change (HasTargetChanged)
    content = without_scale(content) if content else content
    template = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"{_VERSION}-{hashlib.sha256(template.encode()).hexdigest()[:16]}"
