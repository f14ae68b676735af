"""CloudEvents over HTTP, structured or binary, read strictly.

The SDK decodes and validates. It is also lenient where a handler must not be: it takes any request with a `ce-*`
header for binary mode, invents a missing id (so that a retry is no duplicate any more), specversion and time, turns
broken JSON into text, refuses JSON nulls, and fails with seven families of exceptions. So the request is put into the
one form that it reads rightly, and it builds events through `_strict`.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final
from urllib.parse import quote, unquote

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import CE_PREFIX, HTTPMessage, from_binary, from_structured
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import OPTIONAL_ATTRIBUTES, REQUIRED_ATTRIBUTES, CloudEvent

from handlers.errors import BadEvent, Unsupported
from handlers.events.event import Event
from handlers.events.fields import json_value, object_value, shown, time_value

Data = Mapping[str, Any] | None

MAX_ATTRIBUTE: Final = 1024  # characters; ids and sources are remembered in an annotation

_CORE = frozenset((*REQUIRED_ATTRIBUTES, *OPTIONAL_ATTRIBUTES))
_ATTRIBUTE_NAME = re.compile(r"[a-z0-9]{1,64}")
# CloudEvents spec, "Type System", String: no control characters, surrogates or noncharacters; and no other line breaks.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_ENCODED = re.compile(r"[!#-~]*")


def read(headers: Mapping[str, str], body: bytes) -> Event:
    """Read one event from a request, in the mode that its Content-Type tells.

    Header names in any case, values as WSGI gives them (bytes as Latin-1). An empty body and a missing Content-Type
    are valid. Raises Unsupported for a batch, another format or no CloudEvent, BadEvent for everything malformed.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    media = _media_type(lower.get("content-type", ""))
    if media == JSONFormat.CONTENT_TYPE:
        return _from_structured(body)
    if media.startswith("application/cloudevents"):
        raise Unsupported(f"Content-Type: {shown(media)}, expected a single event as {JSONFormat.CONTENT_TYPE}")
    attributes = {name: value for name, value in lower.items() if name.startswith(CE_PREFIX)}
    if not attributes:
        raise Unsupported(f"no CloudEvent: Content-Type is {shown(media)} and there are no {CE_PREFIX}* headers")
    return _from_binary(attributes, body, media)


def _from_structured(body: bytes) -> Event:
    document = object_value(json_value(body, "body"), "body")
    present = {name: value for name, value in document.items() if value is not None}  # JSON format, 2.4: null is unset
    data = present.pop("data", None)
    encoded = present.pop("data_base64", None)
    attributes = {name: _attribute_text(name, value) for name, value in present.items()}
    if "time" in attributes:
        attributes["time"] = time_value(attributes["time"], "time").isoformat()
    media = _media_type(attributes.get("datacontenttype", "application/json"))
    message = HTTPMessage({}, json.dumps(attributes).encode())
    return _event(from_structured(message, JSONFormat(), _strict), _structured_data(data, encoded, media))


def _from_binary(headers: Mapping[str, str], body: bytes, media: str) -> Event:
    encoded = {name: _percent_encoded(name, value) for name, value in headers.items()}
    if "ce-time" in encoded:
        encoded["ce-time"] = time_value(unquote(encoded["ce-time"]), "ce-time").isoformat()
    message = HTTPMessage(encoded, b"")
    return _event(from_binary(message, JSONFormat(), _strict), _json_object(body, media))


def _event(event: BaseCloudEvent, data: Data) -> Event:
    time = event.get_time()
    return Event(
        id=event.get_id(),
        source=event.get_source(),
        type=event.get_type(),
        subject=event.get_subject(),
        time=time.astimezone(UTC) if time else None,
        data=data,
        extensions={name: value for name, value in event.get_attributes().items() if name not in _CORE},
    )


def _strict(attributes: dict[str, Any], data: object) -> CloudEvent:
    """Make the SDK's event from decoded attributes, refusing first what it would invent or let pass."""
    del data  # read apart from the attributes, in both modes
    for name in REQUIRED_ATTRIBUTES:
        if name not in attributes:
            raise BadEvent(f"{name}: missing, expected in every CloudEvent")
    for name, value in attributes.items():
        if not _ATTRIBUTE_NAME.fullmatch(name):
            raise BadEvent(f"{shown(name)}: not a name for an attribute, expected 1 to 64 of a-z and 0-9")
        if isinstance(value, str) and (len(value) > MAX_ATTRIBUTE or _FORBIDDEN.search(value)):
            raise BadEvent(f"{name}: {shown(value)}, expected at most {MAX_ATTRIBUTE} characters, none of them control")
    timeless = "time" not in attributes
    try:
        event = CloudEvent(attributes)
    except CloudEventValidationError as error:
        name, reasons = next(iter(error.errors.items()))
        raise BadEvent(f"{name}: {shown(attributes.get(name))}: {reasons[0]}") from error
    if timeless:
        del event.get_attributes()["time"]  # invented: the time of arrival is not the time of the event
    return event


def _attribute_text(name: str, value: object) -> str:
    """Write an attribute as text; extensions may be booleans and integers (CloudEvents spec, "Type System")."""
    match value:
        case str():
            return value
        case bool() if name not in _CORE:
            return str(value).lower()
        case int() if name not in _CORE:
            return str(value)
    raise BadEvent(f"{shown(name)}: {shown(value)}, expected a string")


def _percent_encoded(name: str, value: str) -> str:
    """Bring a header's value into the form that the HTTP binding (3.1.3.2) asks for.

    Go's SDK writes attributes raw: UTF-8, spaces, quotes, and percent signs that encode nothing. A value with a
    character that would have been encoded was not encoded, so its percent signs stand for themselves.
    """
    try:
        text = value.encode("latin-1").decode()
        if not _ENCODED.fullmatch(text):
            return quote(text, safe="")
        unquote(text, errors="strict")
    except UnicodeError as error:
        raise BadEvent(f"{shown(name)}: {shown(value)}, expected UTF-8") from error
    return text


def _structured_data(data: object, encoded: object, media: str) -> Data:
    if encoded is not None:
        if data is not None:
            raise BadEvent("data_base64: stands beside data, expected one of them")
        return _json_object(_base64(encoded), media)
    if isinstance(data, str) and not _is_json(media):
        return _json_object(data.encode(errors="replace"), media)
    return data if isinstance(data, dict) else None


def _base64(value: object) -> bytes:
    try:
        if isinstance(value, str):
            return base64.b64decode(value.encode(), validate=True)
    except (UnicodeError, binascii.Error):
        pass
    raise BadEvent(f"data_base64: {shown(value)}, expected base64")


def _json_object(body: bytes, media: str) -> Data:
    """Take any JSON object, whatever it is said to be; only what is said to be JSON has to be."""
    try:
        value = json_value(body, "data") if body else None
    except BadEvent:
        if _is_json(media):
            raise
        return None
    return value if isinstance(value, dict) else None


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _is_json(media: str) -> bool:
    return media.endswith(("/json", "+json"))
