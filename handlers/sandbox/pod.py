"""The program inside a sandbox pod: a small HTTP/1.1 server that answers with its version.

Started as `python -I -S pod.py name=... version=...`, with `key=value` arguments. It loads little (sockets and threads,
no asyncio, no json) because a rollout starts many at once: 30 ms and 10 MB each instead of 110 ms and 20 MB.

It prints the port it listens on, ends on SIGTERM once the answers under way are sent, and ends when its standard input
closes: the process that started it is gone then.
"""

import os
import select
import signal
import socket
import sys
import threading
import time
from itertools import count

REASONS = {200: "OK", 404: "Not Found", 500: "Internal Server Error", 503: "Service Unavailable"}
LONGEST_HEAD = 65536
GLANCE = 0.5  # seconds


class Pod:
    """What this pod answers, and the requests it is busy with."""

    def __init__(self, options: dict[str, str]) -> None:
        self.name = options.get("name", "pod")
        self.version = options.get("version", "0")
        self.message = options.get("message", "")
        self.delay = float(options.get("delay_ms", "0")) / 1000
        self.fail_rate = float(options.get("fail_rate", "0"))
        self.ready = options.get("ready", "true") == "true"
        self.ending = False
        self.busy: set[socket.socket] = set()
        self._requests = count(1)

    def answer(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        """Status and body. Failures are spread evenly: every tenth request at a rate of 0.1, not one by chance."""
        if headers.get("user-agent", "").startswith("kube-probe/"):
            return (200, "ok") if self.ready else (503, "not ready")
        if method in {"POST", "PUT"} and path in {"/readyz/disable", "/readyz/enable"}:
            self.ready = path.endswith("enable")
            return 200, "ok"
        if path.startswith("/status/") and path[8:].isdigit():
            return int(path[8:]), self._body(method, path)
        extra = float(path[7:]) if path.startswith("/delay/") and path[7:].isdigit() else 0.0
        time.sleep(self.delay + extra)
        number = next(self._requests)
        failed = int(number * self.fail_rate) > int((number - 1) * self.fail_rate)
        return (500 if failed else 200), self._body(method, path)

    def _body(self, method: str, path: str) -> str:
        safe = path.replace("\\", "").replace('"', "")
        return f'{{"version":"{self.version}","pod":"{self.name}","method":"{method}","path":"{safe}"}}'


def serve(pod: Pod, listener: socket.socket) -> None:
    """Accept connections until the listener closes, each in a thread of its own."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=converse, args=(pod, connection), daemon=True).start()


def converse(pod: Pod, connection: socket.socket) -> None:
    """Answer the requests of one connection, one after the other (RFC 9112)."""
    stream = connection.makefile("rb")
    try:
        while line := stream.readline(LONGEST_HEAD):
            pod.busy.add(connection)
            method, path, *_ = line.decode("latin-1").split(" ")
            headers = read_headers(stream)
            stream.read(int(headers.get("content-length", "0")))
            status, body = pod.answer(method, path.split("?")[0], headers)
            closing = pod.ending or headers.get("connection", "").lower() == "close"
            connection.sendall(response(pod, status, "" if method == "HEAD" else body, closing=closing))
            pod.busy.discard(connection)
            if closing:
                return
    except (OSError, ValueError):
        return  # the client is gone or does not speak HTTP
    finally:
        pod.busy.discard(connection)
        connection.close()


def read_headers(stream) -> dict[str, str]:  # type: ignore[no-untyped-def]  # noqa: ANN001  a BufferedReader: io is not loaded for its name
    """Header fields with lower-case names, up to the empty line."""
    headers = {}
    while (line := stream.readline(LONGEST_HEAD).decode("latin-1").strip()) and ":" in line:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return headers


def response(pod: Pod, status: int, body: str, *, closing: bool) -> bytes:
    """The bytes of an answer, which names the version and the pod in headers."""
    fields = (
        f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}",
        "content-type: application/json",
        f"content-length: {len(body.encode())}",
        f"x-version: {pod.version}",
        f"x-pod: {pod.name}",
        *([f"x-message: {pod.message}"] if pod.message else []),
        *(["connection: close"] if closing else []),
    )
    return ("\r\n".join(fields) + "\r\n\r\n" + body).encode()


def end(pod: Pod, listener: socket.socket, seconds: float) -> None:
    """Accept nothing more and let the answers under way finish, for at most so many seconds."""
    pod.ending = True
    listener.close()
    deadline = time.monotonic() + seconds
    while pod.busy and time.monotonic() < deadline:
        time.sleep(0.005)
    os._exit(0)  # threads that wait on idle connections do not keep us


def main(arguments: list[str]) -> None:
    """Listen on a free port of 127.0.0.1, say which, serve until told to end."""
    options = dict(argument.split("=", 1) for argument in arguments)
    pod = Pod(options)
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; who started us ends us in order
    signal.signal(signal.SIGTERM, lambda *_: end(pod, listener, float(options.get("grace", "5"))))
    if options.get("crash") == "true":
        sys.exit(1)
    threading.Thread(target=serve, args=(pod, listener), daemon=True).start()
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    while not select.select([sys.stdin], [], [], GLANCE)[0] or os.read(sys.stdin.fileno(), 1024):
        pass  # no endless read: a signal that came just before it would go unheard
    end(pod, listener, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
