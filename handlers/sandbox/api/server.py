"""The cluster over HTTP/1.1 on loopback: keep-alive, chunked watches, optional bearer tokens.

A handler of our own instead of `http.server`: it parses only what clients of the API send, and is several times faster.
"""

import contextlib
import json
import select
import socket
import socketserver
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl

from handlers.sandbox.api import kubeconfig
from handlers.sandbox.api.cluster import Cluster
from handlers.sandbox.api.request import Reply, Request
from handlers.sandbox.api.status import ApiError
from handlers.sandbox.api.watches import Watch

LARGEST_BODY = 8 << 20  # bytes
GLANCE = 1.0  # seconds between looks at whether a watching client is still there
PHRASES = {200: "OK", 201: "Created", 401: "Unauthorized", 404: "Not Found", 409: "Conflict", 410: "Gone"}


class Server:
    """Serves a cluster at `url`. With `authenticate`, a request needs a bearer token that is in `cluster.tokens`.

    Example: `with Server(cluster) as server: requests.get(server.url + "/api/v1/namespaces")`.
    """

    def __init__(self, cluster: Cluster, *, host: str = "127.0.0.1", port: int = 0, authenticate: bool = False) -> None:
        self.cluster = cluster
        self.authenticate = authenticate
        self._http = _Listener(self, (host, port))
        self.host = host
        self.port: int = self._http.server_address[1]
        self.url = f"http://{host}:{self.port}"
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, name="api", daemon=True
        )

    def start(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening, end the watches and close all connections."""
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
        self._http.end()
        self._http.server_close()

    def write_kubeconfig(self, path: Path, *, token: str = "", namespace: str = "default") -> Path:
        """Write a kubeconfig for this server; returns its path."""
        return kubeconfig.write(path, self.url, token=token, namespace=namespace)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Listener(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, server: Server, address: tuple[str, int]) -> None:
        super().__init__(address, _Connection)
        self.api = server
        self.open: dict[socket.socket, Watch | None] = {}
        self.ended = False

    def end(self) -> None:
        self.ended = True
        for connection, watch in list(self.open.items()):
            if watch is not None:
                watch.close()
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of ours."""


class _Connection(socketserver.StreamRequestHandler):
    server: _Listener
    disable_nagle_algorithm = True
    rbufsize = 1 << 16

    def handle(self) -> None:
        self.server.open[self.connection] = None
        try:
            with contextlib.suppress(ConnectionError, TimeoutError):
                while not self.server.ended and self._exchange():
                    pass
        finally:
            self.server.open.pop(self.connection, None)

    def _exchange(self) -> bool:
        """One request and its reply; false when the connection is to be closed."""
        line = self.rfile.readline(1 << 16).split()
        if len(line) != 3:  # noqa: PLR2004 method, target, version
            return False
        headers: dict[bytes, str] = {}
        while (header := self.rfile.readline(1 << 16)) not in (b"\r\n", b"\n", b""):
            name, _, value = header.partition(b":")
            headers[name.strip().lower()] = value.strip().decode("latin-1")
        try:
            request = self._request(line[0].decode(), line[1].decode(), headers)
            reply = self.server.api.cluster.handle(request)
        except ApiError as error:
            reply = Reply(status=error.code, body=error.body())
        if reply.watch is not None:
            return self._stream(reply.watch)
        self._send(reply, head=line[0] == b"HEAD")
        return headers.get(b"connection", "").lower() != "close"

    def _request(self, method: str, target: str, headers: dict[bytes, str]) -> Request:
        body = self._body(headers)
        path, _, query = target.partition("?")
        return Request(
            method="GET" if method == "HEAD" else method,
            path=path,
            query=dict(parse_qsl(query, keep_blank_values=True)) if query else {},
            content_type=headers.get(b"content-type", ""),
            accept=headers.get(b"accept", ""),
            user_agent=headers.get(b"user-agent", ""),
            user=self._user(headers),
            body=body,
        )

    def _body(self, headers: dict[bytes, str]) -> bytes:
        if headers.get(b"expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if headers.get(b"transfer-encoding", "").lower() == "chunked":
            return b"".join(self._chunks())
        length = int(headers.get(b"content-length") or 0)
        if length > LARGEST_BODY:
            raise ApiError(413, f"Request entity too large: limit is {LARGEST_BODY}", reason="RequestEntityTooLarge")
        return self.rfile.read(length) if length else b""

    def _chunks(self) -> Iterable[bytes]:
        while size := int(self.rfile.readline(1 << 16).partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline(1 << 16) not in (b"\r\n", b"\n", b""):
            pass

    def _user(self, headers: dict[bytes, str]) -> str:
        api = self.server.api
        token = headers.get(b"authorization", "").partition(" ")[2]
        identity = api.cluster.tokens.get(token)
        if identity is not None:
            return identity.username
        if api.authenticate:
            raise ApiError(401, "Unauthorized")
        return "system:anonymous" if token else "system:admin"

    def _send(self, reply: Reply, *, head: bool) -> None:
        if isinstance(reply.body, str):
            kind, body = "text/plain; charset=utf-8", reply.body.encode()
        else:
            kind, body = "application/json", _encoded(reply.body)
        lines = [
            f"HTTP/1.1 {reply.status} {PHRASES.get(reply.status, '')}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
            *(f"Warning: 299 - {json.dumps(text)}" for text in reply.warnings),
        ]
        start = "\r\n".join(lines).encode() + b"\r\n\r\n"
        self.wfile.write(start if head else start + body)

    def _stream(self, watch: Watch) -> bool:
        """Send the headers at once, then an event per chunk. The connection lives on when the stream ends by itself."""
        self.server.open[self.connection] = watch
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while not watch.closed and not self.server.ended:
                event = watch.next(GLANCE)
                if event is not None:
                    line = _encoded(event) + b"\n"
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
                elif self._left():
                    return False
            self.wfile.write(b"0\r\n\r\n")
        finally:
            watch.close()
            self.server.open[self.connection] = None
        return not self.server.ended

    def _left(self) -> bool:
        """Whether the client has closed its end."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)


def _encoded(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
