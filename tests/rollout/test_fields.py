"""Every complaint about a spec names the field, the value and what was expected."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from handlers.errors import BadCanary
from handlers.rollout.spec.fields import Field

Read = Callable[[Field], Any]
INF = float("inf")

READS: dict[str, Read] = {
    "mapping": Field.mapping,
    "items": lambda field: list(field.items()),
    "text": Field.text,
    "required": Field.required,
    "flag": Field.flag,
    "whole": lambda field: field.whole(7, 0, 100),
    "number": Field.number,
    "duration": lambda field: field.duration(timedelta(seconds=7)),
    "texts": Field.texts,
    "url": Field.url,
}


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        ("mapping", None, {}),
        ("mapping", {"a": 1}, {"a": 1}),
        ("items", None, []),
        ("items", ["a"], [Field("a", "f[0]")]),
        ("text", None, ""),
        ("text", "a", "a"),
        ("required", "a", "a"),
        ("flag", None, False),
        ("flag", True, True),
        ("whole", None, 7),
        ("whole", 0, 0),
        ("whole", 5.0, 5),
        ("number", None, None),
        ("number", 0, 0.0),
        ("number", 99.5, 99.5),
        ("duration", None, timedelta(seconds=7)),
        ("duration", "", timedelta(seconds=7)),
        ("duration", "0s", timedelta()),
        ("texts", None, {}),
        ("texts", {"a": "b"}, {"a": "b"}),
        ("url", "http://host", "http://host"),
        ("url", "https://host.example:8443/a?b=c", "https://host.example:8443/a?b=c"),
        ("url", "http://[::1]:9090", "http://[::1]:9090"),
    ],
)
def test_a_field_is_read(read: str, value: Any, expected: Any) -> None:
    """Absent and null are the default, zero is zero."""
    assert READS[read](Field(value, "f")) == expected


URL = "f: '(not shown)' is not an http or https URL with a host and without credentials"


@pytest.mark.parametrize(
    ("read", "value", "message"),
    [
        ("mapping", [], "f: [] is not an object"),
        ("mapping", "a", "f: 'a' is not an object"),
        ("items", {}, "f: {} is not a list"),
        ("text", 5, "f: 5 is not a string"),
        ("required", None, "f: is required"),
        ("required", "", "f: is required"),
        ("required", 5, "f: 5 is not a string"),
        ("flag", "true", "f: 'true' is not true or false"),
        ("flag", 1, "f: 1 is not true or false"),
        ("whole", "5", "f: '5' is not a whole number"),
        ("whole", 5.5, "f: 5.5 is not a whole number"),
        ("whole", True, "f: True is not a whole number"),
        ("whole", INF, "f: inf is not a whole number"),
        ("whole", float("nan"), "f: nan is not a whole number"),
        ("whole", -1, "f: -1 is not between 0 and 100"),
        ("whole", 101, "f: 101 is not between 0 and 100"),
        ("number", "99", "f: '99' is not a number"),
        ("number", False, "f: False is not a number"),
        ("number", INF, "f: inf is not a number"),
        ("number", 10**400, f"f: 1{'0' * 76}... is not a number"),
        ("duration", 60, "f: 60 is not a string"),
        ("duration", "10 s", 'f: \'10 s\' is not a duration such as "30s" or "1m30s"'),
        ("texts", {"a": 1}, "f.a: 1 is not a string"),
        ("texts", "a", "f: 'a' is not an object"),
        ("url", None, "f: is required"),
        ("url", "ftp://host", URL),
        ("url", "http://", URL),
        ("url", "host:8080", URL),
        ("url", "http://user:secret@host", URL),
        ("url", "http://host:0", URL),
        ("url", "http://host:99999", URL),
        ("url", "http://host:port", URL),
        ("url", "http://[::1", URL),
    ],
)
def test_a_bad_field_is_named(read: str, value: Any, message: str) -> None:
    """The message is exact: field, value, what was expected; URLs, which may hold secrets, are not shown."""
    with pytest.raises(BadCanary) as caught:
        READS[read](Field(value, "f"))
    assert str(caught.value) == message


def test_a_path_leads_to_the_field() -> None:
    """Maps and lists are joined as in a manifest."""
    field = Field({"webhooks": [{"timeout": 5}]}, "spec.analysis")
    with pytest.raises(BadCanary, match=r"^spec\.analysis\.webhooks\[0\]\.timeout: 5 is not a string$"):
        next(field["webhooks"].items())["timeout"].text()
    assert Field({}, "")["spec"].path == "spec"


def test_a_long_value_is_cut() -> None:
    """An error is one line that can be read."""
    assert str(Field("x" * 200, "f").bad("short")) == f"f: '{'x' * 76}... is not short"


@pytest.mark.parametrize("value", [None, "", 0, False, [], {}])
def test_zero_values_are_not_given(value: Any) -> None:
    """Go's omitempty leaves them out, so they say nothing."""
    assert not Field(value, "f").given


@pytest.mark.parametrize("value", ["a", 1, True, [0], {"a": None}])
def test_values_are_given(value: Any) -> None:
    """Anything else says something."""
    assert Field(value, "f").given
