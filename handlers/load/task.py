"""What a webhook asks of the load tester, read from Flagger's payload (pkg/loadtester/server.go)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from handlers.errors import BadEvent
from handlers.events.fields import shown
from handlers.events.hook import HookCall
from handlers.rollout.spec.durations import go_duration, words

BLOCKING: Final = timedelta(minutes=10)
"""How long a command may take that somebody waits for, unless its `timeout` says otherwise."""
DURATION: Final = timedelta(minutes=1)
MAX_RATE: Final = 10_000
MAX_CONNECTIONS: Final = 100
_ELSEWHERE = frozenset({"helm", "helmv3", "kubectl", "concord", "ngrinder"})
_FLAGS = {"true": True, "1": True, "false": False, "0": False, "": False}


class Type(StrEnum):
    """What there is to do: a command in the background, a command that is waited for, requests in the background."""

    CMD = "cmd"
    BASH = "bash"
    LOAD = "load"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Requests to send: `rate` per second over all connections, for so long."""

    url: str = field(repr=False)
    method: str
    host: str
    rate: float
    connections: int
    duration: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing to do for a canary (`NAME.NAMESPACE`); of two that are equal one is enough. It may hold secrets."""

    canary: str
    type: Type
    timeout: timedelta
    command: str = field(default="", repr=False)
    load: Load | None = None
    log_output: bool = False
    return_output: bool = False

    def __str__(self) -> str:
        return f"{self.type.value} for {self.canary}"


def read(call: HookCall, longest: timedelta) -> Task:
    """Read what to do. `longest` bounds every timeout and duration. Raises BadEvent, naming the field."""
    told = call.metadata
    kind = told.get("type") or Type.CMD.value
    if kind in _ELSEWHERE:
        raise BadEvent(f"metadata.type: {kind!r} needs programs and rights that this load tester has not; use bash")
    if kind not in set(Type):
        raise BadEvent(f"metadata.type: {shown(kind)}, expected cmd, bash or load")
    task = Task(
        canary=f"{call.name}.{call.namespace}",
        type=Type(kind),
        timeout=_duration(told, "timeout", longest, min(longest, BLOCKING) if kind == Type.BASH else longest),
        log_output=_flag(told, "logCmdOutput"),
        return_output=_flag(told, "returnCmdOutput"),
        command=told.get("cmd", ""),
        load=_load(told, longest) if kind == Type.LOAD else None,
    )
    if kind != Type.LOAD and not task.command.strip():
        raise BadEvent("metadata.cmd: is required")
    if "\0" in task.command:
        raise BadEvent("metadata.cmd: has a zero byte")
    return task


def _load(told: Mapping[str, str], longest: timedelta) -> Load:
    method = told.get("method") or "GET"
    if not (method.isascii() and method.isalpha() and method.isupper()):
        raise BadEvent(f"metadata.method: {shown(method)}, expected a method of HTTP, as GET")
    host = told.get("host", "")
    if not (host.isascii() and host.isprintable() and " " not in host):
        raise BadEvent(f"metadata.host: {shown(host)}, expected a host")
    return Load(
        url=_url(told.get("url", "")),
        method=method,
        host=host,
        rate=_number(told, "rate", 10, MAX_RATE),
        connections=int(_number(told, "connections", 1, MAX_CONNECTIONS)),
        duration=_duration(told, "duration", longest, min(DURATION, longest)),
    )


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme == "http" and bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:  # a port that is no number, a broken IPv6 address
        good = False
    if not good or not text.isascii() or not text.isprintable() or " " in text:
        raise BadEvent("metadata.url: expected an http URL without credentials, as http://app-canary.shop/")
    return text


def _number(told: Mapping[str, str], name: str, default: int, most: int) -> float:
    text = told.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= most):  # noqa: PLR2004  digits
        raise BadEvent(f"metadata.{name}: {shown(text)}, expected a whole number from 1 to {most}")
    return int(text)


def _duration(told: Mapping[str, str], name: str, longest: timedelta, default: timedelta) -> timedelta:
    text = told.get(name, "")
    length = go_duration(text) if text else default
    if not length or length > longest:
        raise BadEvent(f"metadata.{name}: {shown(text)}, expected a duration of at most {words(longest)}")
    return length


def _flag(told: Mapping[str, str], name: str) -> bool:
    text = told.get(name, "").lower()
    if text not in _FLAGS:
        raise BadEvent(f"metadata.{name}: {shown(text)}, expected true or false")
    return _FLAGS[text]
