"""What holds for every request, whatever its bytes are."""

import json
from datetime import UTC

from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from handlers.errors import BadEvent, Unsupported
from handlers.events.cloudevent import read
from handlers.events.event import Event

STRUCTURED = {"content-type": "application/cloudevents+json"}
REQUIRED = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
HEADERS = {f"ce-{name}": value for name, value in REQUIRED.items()}

TEXT = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=40)


@given(identity=TEXT, subject=TEXT, extension=TEXT)
def test_what_the_sdk_writes_is_read_back(identity: str, subject: str, extension: str) -> None:
    """Any event of a conforming sender survives both modes unchanged."""
    attributes = {"id": identity, "source": "/s", "type": "t", "subject": subject, "ext": extension}
    message = CloudEvent(attributes | {"datacontenttype": "application/json"}, {"a": 1})
    expected = (identity, subject, {"ext": extension}, {"a": 1})
    for written in (to_binary_event(message), to_structured_event(message)):
        event = read(written.headers, written.body)
        assert (event.id, event.subject, event.extensions, event.data) == expected


@given(raw=TEXT.filter(lambda text: not text.isascii()))
def test_raw_values_are_the_same_in_both_modes(raw: str) -> None:
    """An id that Go's SDK writes raw does not depend on whether a Broker turned structured into binary."""
    assert (
        read(HEADERS | {"ce-id": raw.encode().decode("latin-1")}, b"").id
        == read(STRUCTURED, json.dumps(REQUIRED | {"id": raw}).encode()).id
        == raw
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    ["specversion", "id", "source", "type", "time", "subject", "datacontenttype", "data", "data_base64", "ext"]
)
ANYTHING = st.dictionaries(NAMES | st.text(), JSON)


@given(body=st.binary() | ANYTHING.map(lambda fields: json.dumps(REQUIRED | fields).encode()))
def test_any_structured_bytes_give_an_event_or_a_bad_event(body: bytes) -> None:
    """No other exception, and no line break in any attribute."""
    try:
        event = read(STRUCTURED, body)
    except BadEvent:
        return
    assert_clean(event)


HEADER_VALUES = (
    st.text() | st.text(st.characters(max_codepoint=255)) | st.from_regex(r"(%[0-9a-f]{2})+", fullmatch=True)
)


@given(
    headers=st.dictionaries(NAMES.map("ce-{}".format) | st.just("content-type"), HEADER_VALUES),
    complete=st.booleans(),
    body=st.binary() | JSON.map(lambda value: json.dumps(value).encode()),
)
def test_any_binary_request_gives_an_event_or_is_refused(headers: dict[str, str], complete: bool, body: bytes) -> None:
    """No other exception than those that become 400 and 415."""
    try:
        event = read(HEADERS | headers if complete else headers, body)
    except (BadEvent, Unsupported):
        return
    assert_clean(event)


def assert_clean(event: Event) -> None:
    """Every attribute is one line that UTF-8 can hold, and time is known to be UTC."""
    for value in (event.id, event.source, event.type, event.subject or "", *event.extensions.values()):
        assert len(value.splitlines()) <= 1
        assert value.encode().decode() == value
    assert event.time is None or event.time.tzinfo is UTC
    assert event.data is None or isinstance(event.data, dict)
