"""Asks Prometheus, through prometheus-api-client."""

import io
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import requests
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from urllib3 import Retry

from handlers.adapters.http import HttpClient
from handlers.errors import Unavailable
from handlers.providers.prometheus import MetricServer
from handlers.rollout.objects import Object
from handlers.step.ports import Request

TIMEOUT = 5.0
"""Seconds for a query, as in Flagger (`providers.NewPrometheusProvider`)."""
LIMIT = 1024 * 1024
"""Bytes of an answer; a query for one value gives a few hundred."""
_SHOWN = 256


class PrometheusMetrics:
    """Fills `step.ports.Metrics`. One per process; any number of threads may use it."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self._http = HttpClient(LIMIT)

    def query(self, server: MetricServer, promql: str) -> Sequence[Object]:
        """The series of an instant vector. Raises Unavailable, in Flagger's words where it has some."""
        session = _Session(self._http, server.verify)
        client = PrometheusConnect(
            url=server.address,
            headers=dict(server.headers),
            session=session,
            retry=Retry(total=0),
            timeout=self._timeout,
        )
        try:
            result = client.custom_query(promql)
        except (requests.RequestException, PrometheusApiClientException, KeyError, TypeError):
            raise Unavailable("the answer is not one of Prometheus: data.result is expected") from None
        finally:
            session.close()
        return _vector(result)


class _Session(requests.Session):
    """What PrometheusConnect sends with, over the connections of the process: it has its own ideas of time and size."""

    def __init__(self, http: HttpClient, verify: bool) -> None:
        super().__init__()
        self.trust_env = False
        self.verify = verify
        self._http = http

    def request(  # type: ignore[override]  # only the way that PrometheusConnect calls it
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        timeout: float,
        **_: Any,
    ) -> requests.Response:
        prepared = requests.Request(method, url, params=params).prepare()
        request = Request(
            method=method, url=prepared.url or url, headers=headers, timeout=timeout, verify=bool(self.verify)
        )
        try:
            answer = self._http.send(request)
        except Unavailable as error:
            raise Unavailable(f"request failed: {error}") from None
        if answer.status != HTTPStatus.OK:
            raise Unavailable(_refused(answer.status, answer.body))
        if len(answer.body) >= LIMIT:
            raise Unavailable(f"the answer is larger than {LIMIT} bytes; does the query lack an aggregation?")
        response = requests.Response()
        response.status_code = answer.status
        response.raw = io.BytesIO(answer.body)
        return response


def _refused(status: int, body: bytes) -> str:
    phrase = next((known.phrase for known in HTTPStatus if known == status), "")
    return f"error response: Status {status} {phrase}: {body.decode('utf-8', 'replace')[:_SHOWN]}"


def _vector(result: object) -> Sequence[Object]:
    """The client hands out the result and drops its type; a scalar or a string is a pair of time and value."""
    if not isinstance(result, list) or not all(isinstance(series, dict) for series in result):
        raise Unavailable("the result is not an instant vector; for a scalar, write vector(...)")
    if any("values" in series or "histograms" in series for series in result):
        raise Unavailable("query returned multiple values")
    return result
