"""What is remembered of a canary between two events, and how it is written into annotations.

Annotation `serinus.dev/state`: compact JSON with a schema number. A schema that this version does not know is
refused, never overwritten. Times are RFC 3339 in UTC with milliseconds.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from handlers.errors import BadCanary
from handlers.rollout import claim, firing, message, written
from handlers.rollout.claim import Claim, Intent
from handlers.rollout.firing import Firing
from handlers.rollout.message import Kind, Message
from handlers.rollout.phase import Phase

__all__ = ["ALERTS_KEPT", "STATE", "Claim", "Intent", "Kind", "Message", "Phase", "State", "dump", "load"]

STATE = "serinus.dev/state"
SCHEMA = 1
ALERTS_KEPT = 20
_COOKIES = ("cookie", "primary_cookie", "previous_cookie")
_TEXTS = ("revision", "promoted", "waiting", "held", "retried", "baseline", "identity")
_COUNTS = ("iterations", "failed", "replicas", "floor")
_FLAGS = ("mirrored", "matched", "predecessors")
_PLAIN = ("weight", *_FLAGS, *_COUNTS, *_TEXTS, *_COOKIES)
_LISTS = ("alerts", "former", "apexes")
_TABLES = ("seen", "observed", "runs", "configs")
_TIMES = ("started", "stepped", "deadline", "tell_after")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The truth about a canary.

    `seq` counts finished steps. `rest` is the phase it had when it last was at rest and not failed. `waiting` says
    what it waits for, `held` the revision of which it was told that its rollback has to wait. `matched`: the weight is
    about the requests of `analysis.match` only, others go to the primary. `predecessors`: the weight was not reached
    by this revision, which holds it for a primary that could not serve. The cookies are `name=value`. `seen` holds
    commands, by annotation, that are not to be acted on again. `outbox` is told to webhooks by whoever comes after
    `tell_after`. `observed` holds the generation (or resource version) of each object as last seen, by short name: what
    a tick compares to know that nothing changed. `runs`, `firing`: see there. `configs` holds the digests of tracked
    configs as last seen; `baseline` is for `revision.of_target`.

    `identity` (see there) is what all of this is about, `former` those from which traffic has moved away and whose
    objects are not gone yet, `apexes` the names of Services that clients called before. `replicas`: how many pods the
    target's owner last asked for. `floor`: how many the primary must have until a promotion is over.
    """

    seq: int = 0
    phase: Phase = Phase.INITIALIZING
    weight: int = 0
    mirrored: bool = False
    matched: bool = False
    predecessors: bool = False
    iterations: int = 0
    failed: int = 0
    revision: str = ""
    promoted: str = ""
    rest: Phase = Phase.INITIALIZED
    waiting: str = ""
    held: str = ""
    retried: str = ""
    seen: Mapping[str, str] = field(default_factory=dict)
    cookie: str = ""
    primary_cookie: str = ""
    previous_cookie: str = ""
    started: datetime | None = None
    stepped: datetime | None = None
    deadline: datetime | None = None
    claim: Claim | None = None
    alerts: tuple[str, ...] = ()
    firing: tuple[Firing, ...] = ()
    outbox: tuple[Message, ...] = ()
    tell_after: datetime | None = None
    observed: Mapping[str, str] = field(default_factory=dict)
    runs: Mapping[str, int] = field(default_factory=dict)
    configs: Mapping[str, str] = field(default_factory=dict)
    baseline: str = ""
    identity: str = ""
    former: tuple[str, ...] = ()
    apexes: tuple[str, ...] = ()
    replicas: int = 0
    floor: int = 0


def dump(state: State) -> str:
    """The annotation's value; what is at its default is left out."""
    data: dict[str, Any] = {"schema": SCHEMA, "seq": state.seq, "phase": state.phase.value}
    for name in _PLAIN:
        if value := getattr(state, name):
            data[name] = value
    data["rest"] = state.rest.value
    for name in _TIMES:
        if moment := getattr(state, name):
            data[name] = written.time_text(moment)
    if state.claim:
        data["claim"] = claim.dump(state.claim)
    data |= {name: items for name, items in _dump_lists(state).items() if items}
    for name in _TABLES:
        if table := getattr(state, name):
            data[name] = dict(sorted(table.items()))
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)


def _dump_lists(state: State) -> Mapping[str, list[Any]]:
    plain: dict[str, list[Any]] = {name: list(getattr(state, name)) for name in _LISTS}
    return plain | {
        "firing": [firing.dump(alert) for alert in state.firing],
        "outbox": [message.dump(item) for item in state.outbox],
    }


def load(annotations: Mapping[str, str]) -> State | None:
    """The state of a canary, None when it has none yet.

    Raises BadCanary when the annotation cannot be read: somebody has edited it, or a newer version wrote it.
    """
    text = annotations.get(STATE)
    if text is None:
        return None
    try:
        data = json.loads(text)
        schema = data["schema"]
    except (ValueError, TypeError, KeyError) as error:
        raise _unreadable("it is not the JSON object that was written") from error
    if schema != SCHEMA:
        raise BadCanary(f"metadata.annotations[{STATE}]: schema {schema!r} is not {SCHEMA}, the one of this version")
    try:
        return _load(data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _unreadable(f"{type(error).__name__} {error}") from error


def _unreadable(why: str) -> BadCanary:
    return BadCanary(
        f"metadata.annotations[{STATE}]: cannot be read: {why}; "
        "put back what was there, or remove the annotation to start anew from what runs"
    )


def _load(data: Mapping[str, Any]) -> State:
    held = data.get("claim")
    plain: dict[str, Any] = {name: written.text(data.get(name, "")) for name in (*_TEXTS, *_COOKIES)}
    plain |= {name: written.whole(data.get(name, 0)) for name in _COUNTS}
    plain |= {name: bool(data.get(name, False)) for name in _FLAGS}
    plain |= {name: written.time(data.get(name)) for name in _TIMES}
    plain |= {name: _items(data.get(name, [])) for name in _LISTS}
    return State(
        seq=written.whole(data["seq"]),
        phase=Phase(data["phase"]),
        weight=written.percent(data.get("weight", 0)),
        rest=Phase(data["rest"]),
        seen=_texts(data.get("seen", {})),
        claim=claim.load(held) if held is not None else None,
        firing=tuple(firing.load(item) for item in data.get("firing", [])),
        outbox=tuple(message.load(item) for item in data.get("outbox", [])),
        observed=_texts(data.get("observed", {})),
        runs={str(key): written.whole(value) for key, value in data.get("runs", {}).items()},
        configs=_texts(data.get("configs", {})),
        **plain,
    )


def _items(value: list[Any]) -> tuple[str, ...]:
    return tuple(written.text(item) for item in value)


def _texts(value: Mapping[str, Any]) -> Mapping[str, str]:
    return {str(key): written.text(item) for key, item in value.items()}
