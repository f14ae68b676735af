"""What Flagger writes that we do not: read to tell what it has analysed, and what its primary runs."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from handlers.rollout.objects import SERVICE, Object, annotations, labels, spec, status
from handlers.rollout.objects.daemonsets import without_scale
from handlers.rollout.objects.ownership import (
    FLAGGER,
    ROLLOUT_MANAGERS,
    copied_annotations,
    fields_of,
    managed_fields,
    without_flux,
)
from handlers.rollout.written import time_or_none

_ROLL_ID = "flagger-id"
"""Annotation of a primary's pod template: drawn at each promotion, so that the pods are made anew (makeAnnotations)."""
_ESCAPED = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def template_written(target: Object) -> datetime | None:
    """When anybody but Flagger and us last wrote what a target's revision is made of; None when nobody knows.

    A DaemonSet's pods are scaled in its template, so that Flagger and we write there as well, and change no version.
    """
    path = ("f:spec",) if target.get("kind") == SERVICE.name else ("f:spec", "f:template")
    others = (entry for entry in managed_fields(target) if entry.get("manager") not in ROLLOUT_MANAGERS)
    return _last(entry for entry in others if fields_of(entry, *path) is not None)


def looked_at(canary: Object) -> datetime | None:
    """When Flagger last wrote `.status`: by the API server's clock, as the target's times are; else by its own."""
    written = (entry for entry in managed_fields(canary) if entry.get("subresource") == "status")
    by_flagger = _last(entry for entry in written if entry.get("manager") == FLAGGER)
    return by_flagger or time_or_none(status(canary).get("lastTransitionTime"))


def _last(entries: Iterable[Object]) -> datetime | None:
    times = (time_or_none(entry.get("time")) for entry in entries)
    return max((moment for moment in times if moment), default=None)


def touched(target: Object, canary: Object, interval: timedelta, configs: Mapping[str, Object | None]) -> bool:
    """Whether a target may not be what Flagger has analysed: its template, or one of its configs.

    Flagger's own hash (`lastAppliedSpec`) is of its Go structs, which nobody else can tell. But it compares that hash
    at each interval, before it asks and writes anything (scheduler.go, hasCanaryRevisionChanged): what was written an
    interval before its last status has been seen. What is not sure counts as touched. `configs`: in full, by name.
    """
    looked, wrote = looked_at(canary), template_written(target)
    if looked is None or wrote is None or wrote + interval >= looked:
        return True
    known = status(canary).get("trackedConfigs") or {}
    # with none known, Flagger runs with -enable-config-tracking=false
    return bool(known) and known != {name: checksum(obj) for name, obj in configs.items() if obj}


def checksum(obj: Object) -> str:
    """A config in `.status.trackedConfigs`: a hash of its data as Go writes JSON (config_tracker.go, checksum)."""
    text = json.dumps(obj.get("data"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.translate(_ESCAPED).encode()).hexdigest()[:16]


def same_template(one: Object, other: Object) -> bool:
    """Whether two pod templates of primaries are the same version, whoever of Flagger and us has made them."""
    return _version(one) == _version(other)


def _version(template: Object) -> tuple[Object, Object, Object]:
    template = without_scale(template)
    notes = copied_annotations(annotations(template))
    return spec(template), without_flux(labels(template)), {key: notes[key] for key in notes if key != _ROLL_ID}
