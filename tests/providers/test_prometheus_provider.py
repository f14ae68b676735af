"""MetricTemplates for Prometheus, and what its answers mean."""

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from handlers.errors import BadCanary, Unavailable
from handlers.providers.prometheus import MetricServer, Sample, at, query, sample, secret_name, server


def template(**provider: Any) -> dict[str, Any]:
    """A MetricTemplate with this provider, of type prometheus unless it says otherwise."""
    return {
        "metadata": {"namespace": "test", "name": "errors"},
        "spec": {"provider": {"type": "prometheus", "address": "http://prom:9090", **provider}, "query": "up"},
    }


def secret(**data: str) -> dict[str, Any]:
    """A Secret with this data."""
    return {"data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}}


WITH_SECRET = template(secretRef={"name": "creds"})


def test_a_plain_template_names_a_server() -> None:
    """Without a Secret and headers there is an address, and certificates are checked.

    Flagger's TestNewPrometheusProvider.
    """
    assert server(template()) == MetricServer(address="http://prom:9090")
    assert secret_name(template()) == ""
    assert query(template()) == "up"


def test_insecure_skip_verify() -> None:
    """`insecureSkipVerify` is heeded."""
    assert not server(template(insecureSkipVerify=True)).verify


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://prom:9090/", "http://prom:9090"),
        ("https://prom/prefix/", "https://prom/prefix"),
        ("http://prom:9090/p?x=y#z", "http://prom:9090/p"),
        ("http://[::1]:9090", "http://[::1]:9090"),
    ],
)
def test_addresses_end_where_a_path_can_begin(address: str, expected: str) -> None:
    """What follows the path is dropped, as by Flagger, and a final slash."""
    assert server(template(address=address)).address == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param({"token": "abc"}, "Bearer abc", id="token"),
        pytest.param({"token": "abc\n"}, "Bearer abc", id="token with the line end of an editor"),
        pytest.param({"token": "abc", "username": "u", "password": "p"}, "Bearer abc", id="token goes first"),
        pytest.param({"username": "u", "password": "pä"}, "Basic dTpww6Q=", id="user name and password"),
    ],
)
def test_credentials_become_a_header(data: Mapping[str, str], expected: str) -> None:
    """A token, or else user name and password, are sent, and go before an Authorization header of the spec.

    Flagger's TestNewPrometheusProvider, TestPrometheusProvider_RunQueryWithBasicAuth,
    TestPrometheusProvider_RunQueryWithBearerAuth, TestPrometheusProvider_RunQueryWithProviderHeaders.
    """
    given = template(secretRef={"name": "creds"}, headers={"authorization": ["x"], "X-Scope": ["a", "b"]})
    found = server(given, secret(**data))
    assert found.headers == {"X-Scope": "a, b", "Authorization": expected}
    assert secret_name(given) == "creds"
    assert expected not in repr(found)


@pytest.mark.parametrize(
    ("given", "data", "message"),
    [
        pytest.param(template(type="datadog"), None, r'provider.type: \'datadog\' is not "prometheus"', id="type"),
        pytest.param(template(address=""), None, "provider.address: is required", id="no address"),
        pytest.param(template(address="prom:9090"), None, "provider.address: .*not shown", id="no scheme"),
        pytest.param(WITH_SECRET, None, "secretRef.name: 'creds' is not a Secret", id="no Secret"),
        pytest.param(WITH_SECRET, {}, "secretRef.creds.username: is required", id="empty Secret"),
        pytest.param(WITH_SECRET, secret(username="u"), "creds.password: is required", id="no password"),
        pytest.param(WITH_SECRET, secret(token="a\nb"), r"creds.token: .*not shown", id="no header"),
        pytest.param(WITH_SECRET, secret(token=""), r"creds.token: is required", id="empty token"),
        pytest.param(WITH_SECRET, {"data": {"token": "%"}}, "creds.token: .*base64", id="no base64"),
        pytest.param(WITH_SECRET, {"data": {"token": "ä"}}, "creds.token: .*base64", id="no ASCII"),
        pytest.param(WITH_SECRET, {"data": {"token": None}}, "creds.token: .*base64", id="no text"),
        pytest.param(WITH_SECRET, {"data": {"token": "/w=="}}, "creds.token: .*base64", id="no UTF-8"),
        pytest.param(template(headers={"a b": ["x"]}), None, "headers: 'a b' is not the name", id="header name"),
        pytest.param(template(headers={"a": ["x\r\ny"]}), None, "headers.a: .*not shown", id="header value"),
        pytest.param(template(headers={"a": "x"}), None, "headers.a: 'x' is not a list", id="header list"),
    ],
)
def test_mistakes_are_named(given: dict[str, Any], data: dict[str, Any] | None, message: str) -> None:
    """A template that cannot be used is BadCanary, which names template and field, and no credential."""
    with pytest.raises(BadCanary, match=message) as caught:
        server(given, data)
    assert str(caught.value).startswith("MetricTemplate test/errors spec.provider.")


def test_a_query_is_required() -> None:
    """A template without a query is a mistake."""
    with pytest.raises(BadCanary, match=r"MetricTemplate test/errors spec\.query: is required"):
        query({"metadata": {"namespace": "test", "name": "errors"}})


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://prom:9090/", MetricServer(address="http://prom:9090")),
        ("http://u%40x:p@prom", MetricServer(address="http://prom", headers={"Authorization": "Basic dUB4OnA="})),
        ("http://u@prom", MetricServer(address="http://prom", headers={"Authorization": "Basic dTo="})),
    ],
)
def test_a_url_names_a_server(address: str, expected: MetricServer) -> None:
    """A plain URL is enough; credentials in it move to a header and out of sight."""
    assert at(address) == expected


def series(*values: Any) -> list[dict[str, Any]]:
    """An instant vector."""
    return [{"metric": {}, "value": [1700000000.1, value]} for value in values]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        pytest.param(series("99.5"), Sample(99.5, 1), id="one series"),
        pytest.param(series("1", "2", "3e-2"), Sample(0.03, 3), id="the last of several"),
        pytest.param(series("0"), Sample(0.0, 1), id="zero is a value"),
        pytest.param(series("NaN", "1"), Sample(1.0, 2), id="the last decides"),
        pytest.param([], None, id="empty"),
        pytest.param(series("NaN"), None, id="NaN"),
        pytest.param(series("1", "NaN"), None, id="NaN at the end"),
    ],
)
def test_values(result: list[dict[str, Any]], expected: Sample | None) -> None:
    """The last series counts, the number of series is told, and NaN is no value.

    Flagger's TestPrometheusProvider_RunQueryWithBasicAuth.
    """
    assert sample(result) == expected


@pytest.mark.parametrize(
    ("result", "message"),
    [
        pytest.param(series("+Inf"), "not a finite number", id="+Inf is above every minimum"),
        pytest.param(series("-Inf"), "not a finite number", id="-Inf is below every maximum"),
        pytest.param(series("many"), "'many' is not a number", id="no number"),
        pytest.param(series(1), "a sample is not", id="a number that is no text"),
        pytest.param([{"metric": {}, "histogram": [1, {}]}], "histogram_quantile", id="a native histogram"),
        pytest.param([{"value": ["1"]}], "a sample is not", id="half a sample"),
    ],
)
def test_what_cannot_be_judged_is_an_error(result: list[dict[str, Any]], message: str) -> None:
    """A value that must not pass for one within its range is told apart from no value.

    Flagger's TestPrometheusProvider_RunQueryWithBasicAuth.
    """
    with pytest.raises(Unavailable, match=message):
        sample(result)
