"""Small real servers on loopback: one that speaks HTTP, one that sends whatever bytes it is told to.

Test modules make fixtures of `serve`, `serve_bytes` and `closed`.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

# a certificate for 127.0.0.1 that nobody vouches for; its key guards nothing
TLS = Path(__file__).parent.parent / "samples" / "tls"


@dataclass(frozen=True)
class Asked:
    """A request as it arrived; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    port: int


@dataclass(frozen=True)
class Answer:
    """What to answer."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """An HTTP server and what it was asked."""

    url: str
    asked: list[Asked] = field(default_factory=list)


Answers = Callable[[Asked], Answer]
Serve = Callable[..., Server]
Bytes = Callable[[Callable[[socket.socket], None]], str]


def serve() -> Iterator[Serve]:
    """Start HTTP servers that answer by a function; `tls` for one with the certificate of the samples."""
    with ExitStack() as stack:

        def start(answers: Answers, *, tls: bool = False) -> Server:
            http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answers))
            scheme = "http"
            if tls:
                scheme = "https"
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(TLS / "cert.pem", TLS / "key.pem")
                http.socket = context.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
            server = Server(f"{scheme}://127.0.0.1:{http.server_port}")
            http.asked = server.asked  # type: ignore[attr-defined]  # a server may carry what its handlers share
            thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            stack.callback(http.server_close)
            stack.callback(http.shutdown)
            return server

        yield start


def _handler(answers: Answers) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def handle(self) -> None:
            with suppress(OSError):  # a client may hang up whenever it likes
                super().handle()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body, self.client_address[1])
            self.server.asked.append(asked)  # type: ignore[attr-defined]  # put there by the fixture
            answer = answers(asked)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815  the names that http.server looks for

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


def serve_bytes() -> Iterator[Bytes]:
    """Start servers that hand each connection to a function, once the request's first bytes are there."""
    stop = threading.Event()
    with ExitStack() as stack:

        def start(talk: Callable[[socket.socket], None]) -> str:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def converse(connection: socket.socket) -> None:
                with connection, suppress(OSError):
                    connection.recv(65536)
                    talk(connection)

            def accept() -> None:
                with suppress(OSError):
                    while not stop.is_set():
                        threading.Thread(target=converse, args=(listener.accept()[0],), daemon=True).start()

            thread = threading.Thread(target=accept, daemon=True)
            thread.start()
            stack.callback(thread.join, 5)
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            return f"http://127.0.0.1:{listener.getsockname()[1]}"

        yield start
        stop.set()


def closed() -> str:
    """A URL where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
