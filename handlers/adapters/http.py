"""Sends HTTP requests: webhooks, notifications, queries."""

from functools import cached_property, lru_cache
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from handlers.adapters import connections
from handlers.errors import Unavailable
from handlers.step.ports import Request, Response

LIMIT = 64 * 1024
"""Bytes of an answer that are read."""
PROXIES = 4
"""Proxies to which connections are kept."""


class HttpClient:
    """Fills `step.ports.Http`. One per process: it keeps connections alive; any number of threads may use it.

    Proxies, credentials and certificates of the environment are not used, but for SSL_CERT_FILE and SSL_CERT_DIR.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._through = lru_cache(PROXIES)(lambda proxy: connections.pools(verify=True, proxy=proxy))

    @cached_property
    def _verified(self) -> urllib3.PoolManager:
        return connections.pools(verify=True)

    @cached_property
    def _unverified(self) -> urllib3.PoolManager:
        return connections.pools(verify=False)

    def send(self, request: Request) -> Response:
        """Send one request, once. The body of the answer is cut at the limit, a redirect is an answer like any other.

        Raises Unavailable, which says of the URL no more than scheme, host and port: the rest may be a secret.
        """
        try:
            return self._exchange(request)
        except (HTTPError, OSError, ValueError) as error:
            raise Unavailable(f"{_where(request.url)}: {connections.reason(error)}") from None

    def _exchange(self, request: Request) -> Response:
        direct = self._verified if request.verify else self._unverified
        answer = (self._through(request.proxy) if request.proxy else direct).urlopen(
            request.method,
            request.url,
            body=request.body or None,
            headers={"User-Agent": "serinus", **request.headers},
            timeout=urllib3.Timeout(total=request.timeout),
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        try:
            body = b""
            while part := answer.read(self._limit - len(body)):  # a second time to learn whether it was cut short
                body += part
        finally:
            answer.close()  # a connection that was read to the end is back in its pool already
        headers = {name.lower(): answer.headers[name] for name in answer.headers}
        return Response(status=answer.status, headers=headers, body=body)


def _where(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the URL"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
