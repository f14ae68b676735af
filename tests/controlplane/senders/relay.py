"""A way to a server on loopback that can be cut: whoever uses it then finds every connection closed."""

import socket
import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

from handlers.sandbox.process import HOST

CHUNK = 65536


class Relay:
    """`with Relay("https://127.0.0.1:6443") as relay: ...`: what is sent to `relay.url` gets there until `cut`."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        self._to = (where.hostname, where.port)
        self._is_cut = False
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._server = _Server(self._carry)
        self.url = f"{where.scheme}://{HOST}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._server.shutdown()
        self._server.server_close()

    def cut(self) -> None:
        """Close all connections, and every new one at once."""
        with self._lock:
            self._is_cut = True
            for end in self._open:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let connections through again."""
        with self._lock:
            self._is_cut = False

    def _carry(self, near: socket.socket) -> None:
        with socket.create_connection(self._to) as far:
            with self._lock:
                if self._is_cut:
                    return
                self._open |= {near, far}
            back = threading.Thread(target=_pump, args=(far, near), daemon=True)
            back.start()
            _pump(near, far)
            back.join()
            with self._lock:
                self._open -= {near, far}


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, carry: Callable[[socket.socket], None]) -> None:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    carry(self.request)

        super().__init__((HOST, 0), Handler)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
