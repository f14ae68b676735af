"""The CloudEvents reader is strict: the SDK's leniency stays behind it."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from handlers.errors import BadEvent, Unsupported
from handlers.events.cloudevent import MAX_ATTRIBUTE, read
from handlers.events.event import Event

STRUCTURED = {"Content-Type": "application/cloudevents+json"}
REQUIRED = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
HEADERS = {"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/s", "Ce-Type": "t"}
PLAIN = Event(id="1", source="/s", type="t")


def structured(**fields: Any) -> Event:
    """Read a structured event with these fields added to the required ones."""
    return read(STRUCTURED, json.dumps(REQUIRED | fields).encode())


def binary(body: bytes = b"", **headers: str) -> Event:
    """Read a binary event; `ce_id` stands for the header `Ce-Id`."""
    return read(HEADERS | {name.replace("_", "-").title(): value for name, value in headers.items()}, body)


def test_the_smallest_event_in_both_modes() -> None:
    """Four attributes make an event, and nothing is invented for the rest."""
    assert structured() == binary() == PLAIN


def test_header_names_in_any_case() -> None:
    """WSGI servers and proxies change the case of header names."""
    assert read({name.upper(): value for name, value in HEADERS.items()}, b"") == PLAIN
    assert (
        read({"CONTENT-TYPE": "Application/CloudEvents+JSON ; charset=utf-8"}, json.dumps(REQUIRED).encode()) == PLAIN
    )


@pytest.mark.parametrize("name", ["id", "source", "type", "specversion"])
def test_a_missing_attribute_is_refused(name: str) -> None:
    """The SDK would invent an id, and a retry would no longer be a duplicate."""
    with pytest.raises(BadEvent, match=f"^{name}: missing"):
        structured(**{name: None})
    headers = {header: value for header, value in HEADERS.items() if header != f"Ce-{name.title()}"}
    with pytest.raises(BadEvent, match=f"^{name}: missing"):
        read(headers, b"")


def test_content_type_chooses_the_mode() -> None:
    """A stray ce-* header does not turn a structured event into a binary one."""
    assert read(STRUCTURED | {"Ce-Foo": "bar"}, json.dumps(REQUIRED).encode()) == PLAIN


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Content-Type": "application/cloudevents-batch+json"}, "cloudevents-batch"),
        ({"Content-Type": "application/cloudevents+xml"}, "cloudevents.xml"),
        ({"Content-Type": "application/cloudevents+xml"} | HEADERS, "cloudevents.xml"),
        ({"Content-Type": "application/json"}, "no CloudEvent: Content-Type is 'application/json'"),
        ({}, "no CloudEvent"),
    ],
)
def test_other_formats_are_unsupported(headers: dict[str, str], reason: str) -> None:
    """A batch, another format and no event at all are answered with 415."""
    with pytest.raises(Unsupported, match=reason):
        read(headers, json.dumps(REQUIRED).encode())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "^body: not JSON"),
        (b"{", "^body: not JSON"),
        (b"\xff{}", "^body: not JSON in UTF-8"),
        (b'{"data": NaN}', "NaN is not a JSON number"),
        (b"[" * 100_000, "^body: not JSON"),
        (b"1" * 5_000, "^body: not JSON"),
        (b"[]", r"^body: \[\], expected a JSON object"),
        (b"null", "^body: None, expected a JSON object"),
    ],
)
def test_a_body_that_is_no_json_object(body: bytes, reason: str) -> None:
    """Whatever the bytes are, the answer is 400 and says why."""
    with pytest.raises(BadEvent, match=reason):
        read(STRUCTURED, body)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"id": ""}, "^id: '': Attribute 'id' must not be None or empty"),
        ({"id": 5}, "^'id': 5, expected a string"),
        ({"id": True}, "^'id': True, expected a string"),
        ({"id": "a\r\nforged: line"}, r"^id: 'a\\r\\nforged: line', expected .* none of them control"),
        ({"id": "a\u2028b"}, "none of them control"),
        ({"id": "\ud800"}, "none of them control"),
        ({"id": "x" * (MAX_ATTRIBUTE + 1)}, "^id: 'xxx.*xxx', expected at most 1024"),
        ({"source": ""}, "^source: '': "),
        ({"subject": ""}, "^subject: '': "),
        ({"specversion": "0.3"}, "^specversion: '0.3': Attribute 'specversion' must be '1.0'"),
        ({"specversion": 1.0}, "^'specversion': 1.0, expected a string"),
        ({"time": 5}, "^'time': 5, expected a string"),
        ({"time": "yesterday"}, "^time: 'yesterday', expected a time as in RFC 3339"),
        ({"time": "2026-11-23T11:00:00"}, "^time: .*, expected a time"),
        ({"time": "2026-02-30T11:00:00Z"}, "^time: .*, expected a time"),
        ({"time": "0001-01-01T00:00:00+01:00"}, "^time: .*, expected a time"),
        ({"ext": {"a": 1}}, "^'ext': {'a': 1}, expected a string"),
        ({"ext": 1.5}, "^'ext': 1.5, expected a string"),
        ({"Ext": "x"}, "^'Ext': not a name"),
        ({"x" * 65: "x"}, "^'x.*x': not a name"),
        ({"": "x"}, "^'': not a name"),
        ({"ext\n": "x"}, r"^'ext\\n': not a name"),
        ({"data": {}, "data_base64": "e30="}, "^data_base64: stands beside data"),
        ({"data_base64": 5}, "^data_base64: 5, expected base64"),
        ({"data_base64": "e3 0="}, "^data_base64: 'e3 0=', expected base64"),
        ({"data_base64": "ü"}, "^data_base64: 'ü', expected base64"),
        ({"data_base64": "\ud800"}, "^data_base64: .*, expected base64"),
        ({"data_base64": "e30", "datacontenttype": "text/plain"}, "^data_base64: 'e30', expected base64"),
        ({"data_base64": base64.b64encode(b"{").decode()}, "^data: not JSON"),
    ],
)
def test_malformed_structured_events(fields: dict[str, Any], reason: str) -> None:
    """The message names the attribute, its value and what was expected, in one line."""
    with pytest.raises(BadEvent, match=reason) as caught:
        structured(**fields)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        ({"ce_id": "%0d%0aforged"}, b"", r"^id: '\\r\\nforged', expected"),
        ({"ce_id": "%ff"}, b"", "^'ce-id': '%ff', expected UTF-8"),
        ({"ce_id": "\xff"}, b"", "^'ce-id': 'ÿ', expected UTF-8"),
        ({"ce_id": "€"}, b"", "^'ce-id': '€', expected UTF-8"),
        ({"ce_id": ""}, b"", "^id: '': "),
        ({"ce_time": "soon"}, b"", "^ce-time: 'soon', expected a time"),
        ({"ce_data": "x"}, b"", "^data: 'x': Extension attribute 'data' is reserved"),
        ({"ce_foo_bar": "x"}, b"", "^'foo-bar': not a name"),
        ({"ce_specversion": "0.3"}, b"", "^specversion: '0.3'"),
        ({"content_type": "application/json"}, b"{", "^data: not JSON"),
        ({"content_type": "application/vnd.x+json; a=b"}, b"\xff", "^data: not JSON"),
    ],
)
def test_malformed_binary_events(headers: dict[str, str], body: bytes, reason: str) -> None:
    """Headers are held to the same rules as fields."""
    with pytest.raises(BadEvent, match=reason) as caught:
        binary(body, **headers)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("content_type", "body", "data"),
    [
        ("", b"", None),
        ("application/json", b"", None),
        ("application/json", b'{"a": 1}', {"a": 1}),
        ("APPLICATION/JSON;charset=utf-8", b'{"a": 1}', {"a": 1}),
        ("application/json", b'{"a": 1, "a": 2}', {"a": 2}),
        ("application/json", b"[1]", None),
        ("application/json", b'"text"', None),
        ("", b'{"a": 1}', {"a": 1}),
        ("", b"plain text", None),
        ("text/plain", b'{"a": 1}', {"a": 1}),
        ("text/plain", b"plain text", None),
        ("application/octet-stream", b"\xff", None),
    ],
)
def test_data_in_binary_mode(content_type: str, body: bytes, data: object) -> None:
    """Only a JSON object is data; a repeated key counts last, as in Go; only what is said to be JSON must be JSON."""
    assert binary(body, content_type=content_type).data == data


@pytest.mark.parametrize(
    ("fields", "data"),
    [
        ({"data": {"a": 1}}, {"a": 1}),
        ({"data": {"a": 1}, "data_base64": None}, {"a": 1}),
        ({"data": None}, None),
        ({"data": [1]}, None),
        ({"data": '{"a": 1}'}, None),
        ({"data": '{"a": 1}', "datacontenttype": "text/plain"}, {"a": 1}),
        ({"data": "\ud800", "datacontenttype": "text/plain"}, None),
        ({"data_base64": "eyJhIjogMX0="}, {"a": 1}),
        ({"data_base64": "AAEC/w==", "datacontenttype": "application/octet-stream"}, None),
    ],
)
def test_data_in_structured_mode(fields: dict[str, Any], data: object) -> None:
    """The same data as a Broker would hand over in binary mode."""
    assert structured(**fields).data == data


def test_null_is_unset() -> None:
    """The JSON format allows null for an attribute that is not there."""
    assert structured(subject=None, time=None, datacontenttype=None, ext=None) == PLAIN


def test_extensions_are_text() -> None:
    """Booleans and integers of the JSON format read as a header would have them."""
    event = structured(flag=True, count=-7, text="x", dataschema="/schema", subject="s")
    assert event.extensions == {"flag": "true", "count": "-7", "text": "x"}
    assert event.subject == "s"


@pytest.mark.parametrize("text", ["2026-11-23T12:00:00.123456789+01:00", "2026-11-23t11:00:00.123456z"])
def test_time_in_both_modes(text: str) -> None:
    """Any offset and any number of decimals, in UTC and microseconds."""
    expected = datetime(2026, 11, 23, 11, 0, 0, 123456, tzinfo=UTC)
    assert structured(time=text).time == binary(ce_time=text).time == expected


@pytest.mark.parametrize(
    ("header", "identity"),
    [
        ("plain", "plain"),
        ("a%20b", "a b"),
        ("%E2%82%AC", "€"),
        ("100%25", "100%"),
        ("100%", "100%"),
        ("\xe2\x82\xac", "€"),
        ("\xe2\x82\xac 100%25", "€ 100%25"),
        ('say "100%25"', 'say "100%25"'),
    ],
)
def test_encoded_and_raw_header_values(header: str, identity: str) -> None:
    """Percent-encoding is undone unless the value shows that its sender does not encode."""
    assert binary(ce_id=header).id == identity
