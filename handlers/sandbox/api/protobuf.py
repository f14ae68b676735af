"""Built-in objects as kubectl's typed commands send them: protobuf, by the numbers of `types.json`.

Only what is sent is read; answers are JSON, which the same clients accept. The envelope is that of apimachinery's
pkg/runtime/serializer/protobuf; Go types that have a form of their own there are those of `_VALUES`.
"""

import base64
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from handlers.sandbox.api.status import Json
from handlers.sandbox.api.typed import Typed, type_of

CONTENT_TYPE: Final = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Parts = Mapping[int, list[Any]]


def decoded(body: bytes) -> Json:
    """The object in a message. Raises ValueError when it is none, or of a kind that is not known here."""
    if not body.startswith(_MAGIC):
        raise ValueError("the message does not begin with k8s")
    envelope = _message(body.removeprefix(_MAGIC))
    about = _message(_last(envelope, 1))
    api_version, kind = (str(_last(about, number), "utf-8") for number in (1, 2))
    typed = type_of(api_version, kind)
    if typed is None:
        raise ValueError(f"no kind {kind!r} in version {api_version!r} is known as protobuf")
    return {"apiVersion": api_version, "kind": kind} | _struct(typed, _last(envelope, 2))


def _message(data: Any) -> _Parts:
    """The values of each field by its number: numbers, or bytes; https://protobuf.dev/programming-guides/encoding."""
    parts: dict[int, list[Any]] = defaultdict(list)
    at, data = 0, _bytes(data)
    while at < len(data):
        key, at = _varint(data, at)
        size = {1: 8, 5: 4}.get(key & 7, 0)
        match key & 7:
            case 0:
                value, at = _varint(data, at)
                parts[key >> 3].append(value)
                continue
            case 2:
                size, at = _varint(data, at)
            case 1 | 5:
                pass
            case other:
                raise ValueError(f"wire type {other} is not known")
        if at + size > len(data):
            raise ValueError("the message is cut short")
        parts[key >> 3].append(data[at : at + size])
        at += size
    return parts


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:  # noqa: PLR2004  the highest bit says that more follows
            return value, at
    raise ValueError("the message is cut short")


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a number stands where a message or a text should be")  # noqa: TRY004  it is what was sent
    return value


def _last(parts: _Parts, number: int) -> bytes:
    return _bytes(parts.get(number, [b""])[-1])


def _struct(typed: Typed, data: Any) -> Json:
    parts = _message(data)
    found: Json = {}
    for name, member in typed.members.items():
        if values := _values(parts, member.number):
            found[name] = _value(member, values)
    return found


def _values(parts: _Parts, number: tuple[int, ...]) -> list[Any]:
    """All values of a field; of one within another message whose fields JSON has as its own."""
    for outer in number[:-1]:
        parts = _message(_last(parts, outer))
    return parts.get(number[-1], []) if number else []


def _value(typed: Typed, values: list[Any]) -> Any:
    if typed.struct:
        return _struct(typed, values[-1])
    below: Any
    match typed.kind[:2]:
        case "[]":
            below = typed.items
            return [_value(below, [value]) for value in values]
        case "{}":
            below = typed.rest
            entries = [_message(value) for value in values]
            return {str(_last(entry, 1), "utf-8"): _value(below, entry.get(2, [b""])) for entry in entries}
        case _:
            return _VALUES[typed.kind](values[-1])


def _text(value: Any) -> str:
    return str(_bytes(value), "utf-8")


def _number(value: Any) -> int:
    """Of 64 bits, the highest of which is the sign."""
    if not isinstance(value, int):
        raise ValueError("a text stands where a number should be")  # noqa: TRY004  it is what was sent
    return value - (1 << 64) if value >> 63 else value


def _time(value: Any) -> str | None:
    """A Timestamp: seconds and nanoseconds; nothing is the zero time, which JSON has as null."""
    if not value:
        return None
    parts = _message(value)
    seconds, nanos = (_number(parts.get(number, [0])[-1]) for number in (1, 2))
    try:
        moment = _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
    except OverflowError:
        raise ValueError(f"there is no such time: {seconds} s after 1970") from None
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{moment.microsecond:06}Z" if nanos else "Z")


def _int_or_string(value: Any) -> int | str:
    parts = _message(value)
    return _text(_last(parts, 3)) if parts.get(1, [0])[-1] else _number(parts.get(2, [0])[-1])


def _json(value: Any) -> Any:
    """A RawExtension or FieldsV1: JSON within."""
    return json.loads(_last(_message(value), 1))


_VALUES: Mapping[str, Callable[[Any], Any]] = {
    "string": _text,
    "bytes": lambda value: base64.b64encode(_bytes(value)).decode("ascii"),
    "bool": bool,
    "int32": _number,
    "int64": _number,
    "time": _time,
    "intstr": _int_or_string,
    "quantity": lambda value: _text(_last(_message(value), 1)),
    "any": _json,
}
