"""Connections that keep time: urllib3's, but a whole exchange ends when its timeout has passed.

The usual timeouts are for one `connect` to one address and for one `recv`: a name with many silent addresses, or a
server that drips a byte now and then, would hold a thread as long as it likes. Only the look-up of a name is left to
the resolver and its own limits.
"""

import socket
import ssl
import time
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import Any
from urllib.parse import unquote

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProtocolError, ReadTimeoutError
from urllib3.response import HTTPResponse

IDLE = 4.0
"""Seconds after which a connection is not used again: servers close theirs after 5 s or more, and a request that is
sent at that moment is lost."""
_POOLS = 32
_CONNECTIONS = 8


class _Deadline:
    """What a socket knows of time, in seconds of the monotonic clock."""

    ends: float = 0.0
    used: float = 0.0


class _Socket(_Deadline, socket.socket):
    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(_left(self.ends))
        self.used = time.monotonic()
        return super().recv_into(*args, **kwargs)


class _TlsSocket(_Deadline, ssl.SSLSocket):
    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(_left(self.ends))
        self.used = time.monotonic()
        return super().recv_into(*args, **kwargs)


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        """Try one address after the other, all within the timeout; what is left of it is for the TLS handshake."""
        ends = time.monotonic() + (self.timeout or 0)
        failure = OSError("the name has no address")
        found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, address in found:
            try:
                return _connected(_Socket(family, kind, protocol), address, ends)
            except OSError as error:
                failure = error
        raise failure

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:  # its timeout is what the last exchange left of its own
            self.sock.settimeout(self.timeout)
        super().request(*args, **kwargs)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
        if isinstance(self.sock, _Deadline):
            self.sock.ends = time.monotonic() + (self.timeout or 0)
        return super().getresponse()

    @property
    def is_connected(self) -> bool:
        fresh = isinstance(self.sock, _Deadline) and time.monotonic() - self.sock.used < IDLE
        return fresh and super().is_connected


class _TlsConnection(_Connection, HTTPSConnection):
    """The same, over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def pools(*, verify: bool, proxy: str = "") -> urllib3.PoolManager:
    """Kept-alive connections to any number of hosts, for any number of threads. No retries or redirects.

    `proxy`: the URL of an HTTP proxy that they go through, with its credentials if it asks for them.
    """
    if verify:
        context = ssl.create_default_context()
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        # whoever wrote disableTLS or insecureSkipVerify knows
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    context.sslsocket_class = _TlsSocket
    options: dict[str, Any] = {"maxsize": _CONNECTIONS, "ssl_context": context, "retries": False}
    manager = urllib3.PoolManager(_POOLS, **options) if not proxy else _through(proxy, options)
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager


def _through(proxy: str, options: dict[str, Any]) -> urllib3.ProxyManager:
    where, auth = urllib3.util.parse_url(proxy), None
    if where.auth:
        auth = urllib3.util.make_headers(proxy_basic_auth=unquote(where.auth))
    bare = where._replace(auth=None, path=None, query=None, fragment=None).url
    return urllib3.ProxyManager(bare, _POOLS, proxy_headers=auth, **options)


def reason(error: BaseException) -> str:
    """Why an exchange failed, in a few words that hold nothing of the request."""
    cause = _cause(error)
    match cause:
        case ReadTimeoutError() | ConnectTimeoutError() | TimeoutError():
            return "no answer in time"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not accepted, {cause.verify_message}"
        case ssl.SSLError():
            return f"TLS failed, {getattr(cause, 'reason', None) or 'for no known reason'}"
        case socket.gaierror():
            return "the host is not known"
        case ConnectionRefusedError():
            return "connection refused"
        case RemoteDisconnected() | IncompleteRead() | ConnectionError() | ProtocolError():
            return "the connection was closed before the answer was complete"
        case OSError(strerror=str(text)):
            return text.lower()
        case HTTPException():
            return "the answer is not HTTP"
        case _:
            return "the request cannot be sent"


def _cause(error: BaseException) -> BaseException:
    """What lies under urllib3's wrappers."""
    match error:
        case ProtocolError(args=[_, Exception() as cause]) | urllib3.exceptions.SSLError(args=[Exception() as cause]):
            return cause
        case NewConnectionError(__cause__=Exception() as cause):
            return cause
        case _:
            return error


def _connected(sock: _Socket, address: Any, ends: float) -> _Socket:
    try:
        sock.settimeout(_left(ends))
        sock.connect(address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(_left(ends))
    except OSError:
        sock.close()
        raise
    return sock


def _left(ends: float) -> float:
    """Never nothing: a socket without a timeout waits for ever, one with zero does not wait at all."""
    return max(ends - time.monotonic(), 0.001)
