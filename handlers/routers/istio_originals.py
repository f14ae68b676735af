"""The spec that an adopted object of Istio's had before: where it is kept, by whom, and how it is read."""

import json
from collections.abc import Mapping

from handlers.rollout.objects import Object, annotations, spec
from handlers.rollout.objects.ownership import LAST_APPLIED, PREFIX, last_applied

ORIGINAL = f"{PREFIX}original-configuration"
"""Annotation of an adopted object: its spec, in JSON, as it was before."""
_FLAGGER = "flagger.kubernetes.app/original-configuration"


def first(obj: Object) -> Object | None:
    """The spec that an adopted object had, as we, Flagger or kubectl keep it; None where nobody does."""
    for key in (ORIGINAL, _FLAGGER):
        try:
            found = json.loads(annotations(obj).get(key, "null"))
        except ValueError:
            continue
        if isinstance(found, Mapping):
            return found
    return spec(last_applied(obj)) or None


def kept_by_anybody(obj: Object) -> bool:
    """Whether an annotation keeps a first spec, readable or not."""
    return any(key in annotations(obj) for key in (ORIGINAL, _FLAGGER, LAST_APPLIED))


def keeping(body: Object) -> dict[str, str]:
    """The annotation that keeps a spec."""
    return {ORIGINAL: json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)}
