"""Asking Prometheus, against servers that answer as it does, and as it should not."""

import json
from typing import Any

import pytest

from handlers.adapters.prometheus import LIMIT, PrometheusMetrics
from handlers.errors import Unavailable
from handlers.providers.prometheus import MetricServer
from tests.adapters import loopback
from tests.adapters.loopback import Answer, Serve

serve = pytest.fixture(loopback.serve)
closed = pytest.fixture(loopback.closed)

SERIES = [{"metric": {"a": "b"}, "value": [1700000000.1, "99.5"]}]


def success(kind: str, result: Any) -> Answer:
    """An answer of Prometheus' query API."""
    return Answer(json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}).encode())


def test_a_query_is_asked_and_its_series_come_back(serve: Serve) -> None:
    """The query goes to the address' path with the server's headers; the vector comes back as it is.

    Flagger's TestPrometheusProvider_RunQueryWithBasicAuth, TestPrometheusProvider_RunQueryWithBearerAuth,
    TestPrometheusProvider_RunQueryWithProviderHeaders.
    """
    server = serve(lambda _: success("vector", SERIES))
    where = MetricServer(address=f"{server.url}/prefix", headers={"Authorization": "Bearer abc", "X-Scope": "a"})
    assert PrometheusMetrics().query(where, 'sum(up{a="b&c"}) # +') == SERIES
    (asked,) = server.asked
    assert asked.method == "GET"
    assert asked.path == "/prefix/api/v1/query?query=sum%28up%7Ba%3D%22b%26c%22%7D%29+%23+%2B"
    assert asked.headers["authorization"] == "Bearer abc"
    assert asked.headers["x-scope"] == "a"


def test_credentials_of_the_environment_are_not_used(
    serve: Serve, closed: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither .netrc nor proxies have a say."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login u password p\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", closed)
    server = serve(lambda _: success("vector", []))
    assert PrometheusMetrics().query(MetricServer(address=server.url), "up") == []
    assert "authorization" not in server.asked[0].headers


def test_connections_are_kept(serve: Serve) -> None:
    """One query after the other goes over one connection."""
    server = serve(lambda _: success("vector", SERIES))
    metrics = PrometheusMetrics()
    for _ in range(3):
        metrics.query(MetricServer(address=server.url), "up")
    assert len({asked.port for asked in server.asked}) == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(
            Answer(b'{"error":"parse error"}', 400),
            '^error response: Status 400 Bad Request: {"error":"parse error"}$',
            id="a query that Prometheus refuses",
        ),
        pytest.param(
            Answer(b"x" * 999, 500), "^error response: Status 500 Internal Server Error: x{256}$", id="a long body"
        ),
        pytest.param(Answer(b"", 307, {"Location": "/"}), "^error response: Status 307 ", id="a redirect"),
        pytest.param(Answer(b"\xff", 599), "^error response: Status 599 : \ufffd$", id="a status without a name"),
        pytest.param(success("scalar", [1, "1"]), "not an instant vector", id="a scalar"),
        pytest.param(success("string", [1, "x"]), "not an instant vector", id="a string"),
        pytest.param(success("vector", {}), "not an instant vector", id="no list"),
        pytest.param(
            success("matrix", [{"metric": {}, "values": [[1, "1"], [2, "2"]]}]), "multiple values", id="a matrix"
        ),
        pytest.param(success("matrix", [{"metric": {}, "histograms": []}]), "multiple values", id="histograms"),
        pytest.param(Answer(b"<html>"), "not one of Prometheus", id="no JSON"),
        pytest.param(Answer(b"\xff\xfe"), "not one of Prometheus", id="no text"),
        pytest.param(Answer(b"[]"), "not one of Prometheus", id="no object"),
        pytest.param(Answer(b'{"data":null}'), "not one of Prometheus", id="no data"),
        pytest.param(Answer(b'{"status":"success"}'), "not one of Prometheus", id="nothing"),
        pytest.param(Answer(b" " * (LIMIT + 1)), "larger than 1048576 bytes", id="too much"),
    ],
)
def test_other_answers_are_unavailable(serve: Serve, answer: Answer, message: str) -> None:
    """What is no instant vector is told, in Flagger's words where it has some.

    Flagger's TestPrometheusProvider_IsOnline.
    """
    with pytest.raises(Unavailable, match=message):
        PrometheusMetrics().query(MetricServer(address=serve(lambda _: answer).url), "up")


def test_a_server_that_is_not_there(closed: str) -> None:
    """Without an answer, the reason is told in words, without the query."""
    with pytest.raises(Unavailable) as caught:
        PrometheusMetrics().query(MetricServer(address=closed), "secret")
    assert str(caught.value) == f"request failed: {closed}: connection refused"


def test_a_slow_server(serve: Serve) -> None:
    """A query has its time, and no more."""
    loop = serve(lambda _: success("vector", SERIES))
    with pytest.raises(Unavailable, match=r"request failed: .*no answer in time"):
        PrometheusMetrics(timeout=1e-6).query(MetricServer(address=loop.url), "up")


def test_certificates_are_checked_unless_told_otherwise(serve: Serve) -> None:
    """`insecureSkipVerify` takes any certificate; without it, only those that somebody vouches for."""
    server = serve(lambda _: success("vector", SERIES), tls=True)
    with pytest.raises(Unavailable, match="certificate is not accepted"):
        PrometheusMetrics().query(MetricServer(address=server.url), "up")
    assert PrometheusMetrics().query(MetricServer(address=server.url, verify=False), "up") == SERIES
