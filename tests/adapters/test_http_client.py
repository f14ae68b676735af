"""The HTTP client against real servers: what arrives, what comes back, and that nobody can hold it up."""

import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import BadStatusLine, RemoteDisconnected

import pytest
from urllib3.exceptions import IncompleteRead, ProtocolError, SSLError

from handlers.adapters.connections import reason
from handlers.adapters.http import LIMIT, HttpClient
from handlers.errors import Unavailable
from handlers.step.ports import Request, Response
from tests.adapters import loopback
from tests.adapters.loopback import TLS, Answer, Bytes, Serve

serve = pytest.fixture(loopback.serve)
serve_bytes = pytest.fixture(loopback.serve_bytes)
closed = pytest.fixture(loopback.closed)
SECRET = "/services/T0/B0/secret?token=secret"


def get(url: str, timeout: float = 10, *, verify: bool = True) -> Response:
    """Ask once, with a client of its own."""
    return HttpClient().send(Request(method="GET", url=url, timeout=timeout, verify=verify))


def test_a_request_arrives_and_its_answer_comes_back(serve: Serve) -> None:
    """Method, path, headers and body go there as they are; status, headers and body come back.

    Flagger's Test_postMessage.
    """
    server = serve(lambda _: Answer(b"sorry", 503, {"Retry-After": "7", "X-Many": "a"}))
    response = HttpClient().send(
        Request(method="POST", url=f"{server.url}/a%20b?c=d", headers={"Idempotency-Key": "u/r/1/h"}, body=b"{}")
    )
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/a%20b?c=d", b"{}")
    assert asked.headers["idempotency-key"] == "u/r/1/h"
    assert asked.headers["user-agent"] == "serinus"
    assert (response.status, response.body) == (503, b"sorry")
    assert response.headers["retry-after"] == "7"
    assert response.headers["x-many"] == "a"


def test_a_redirect_is_not_followed(serve: Serve) -> None:
    """A redirect is an answer; where it points to is not asked."""
    server = serve(lambda _: Answer(b"", 307, {"Location": "/elsewhere"}))
    assert get(server.url).status == 307
    assert [asked.path for asked in server.asked] == ["/"]


def test_the_environment_does_not_reroute(serve: Serve, closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies of the environment are not asked."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, closed)
    assert get(serve(lambda _: Answer(b"direct")).url).body == b"direct"


def test_bodies_are_cut(serve: Serve) -> None:
    """No more than the limit is read of an answer, and the next one is whole again."""
    server = serve(lambda asked: Answer(b"x" * (LIMIT + 1) if asked.path == "/long" else b"short"))
    client = HttpClient()
    assert client.send(Request(method="GET", url=f"{server.url}/long")).body == b"x" * LIMIT
    assert client.send(Request(method="GET", url=server.url)).body == b"short"


def test_an_endless_body_is_cut(serve_bytes: Bytes) -> None:
    """An answer without an end ends at the limit."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    assert len(get(serve_bytes(talk)).body) == LIMIT


def test_compressed_bodies_stay_as_they_are(serve: Serve) -> None:
    """Nothing is unpacked: a small answer cannot become a large one."""
    server = serve(lambda _: Answer(b"not gzip", headers={"Content-Encoding": "gzip"}))
    assert get(server.url).body == b"not gzip"
    assert server.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("tls", [False, True])
def test_connections_are_kept(serve: Serve, tls: bool) -> None:
    """A second request goes over the connection of the first."""
    server = serve(lambda _: Answer(b"x"), tls=tls)
    client = HttpClient()
    for _ in range(2):
        client.send(Request(method="GET", url=server.url, verify=False))
    first, second = server.asked
    assert first.port == second.port


def test_a_connection_that_was_closed_is_replaced(serve_bytes: Bytes) -> None:
    """A server that hangs up after its answer without saying so costs nothing."""
    gone = threading.Semaphore(0)

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
        connection.shutdown(socket.SHUT_RDWR)
        connection.close()
        gone.release()

    url, client = serve_bytes(talk), HttpClient()
    for _ in range(3):
        assert client.send(Request(method="GET", url=url)).body == b"x"
        assert gone.acquire(timeout=5)


def test_threads_share_a_client(serve: Serve) -> None:
    """Many requests at once get each its own answer."""
    server = serve(lambda asked: Answer(asked.path.encode()))
    client = HttpClient()

    def ask(number: int) -> bytes:
        return client.send(Request(method="GET", url=f"{server.url}/{number}")).body

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(40))) == [f"/{number}".encode() for number in range(40)]


def test_every_address_of_a_name_is_tried(serve: Serve) -> None:
    """A name that may mean the other IP version as well leads to the server."""
    url = serve(lambda _: Answer(b"x")).url.replace("127.0.0.1", "localhost")
    assert get(url).body == b"x"


def silence(connection: socket.socket) -> None:
    """Say nothing until the client has gone."""
    connection.recv(1)


def drip(text: bytes) -> Callable[[socket.socket], None]:
    """Send a text and then a byte now and then, for as long as a patient client would wait in vain."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(text)
        for _ in range(500):
            connection.sendall(b"x")
            threading.Event().wait(0.01)
        connection.sendall(b"\r\n\r\n")

    return talk


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(silence, id="nothing at all"),
        pytest.param(drip(b"HTTP/1.1 200 "), id="a status line byte by byte"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\nX-Long: "), id="a header byte by byte"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"), id="a body byte by byte"),
        pytest.param(drip(b"HTTP/1.1 100 Continue\r\nX: "), id="an interim answer byte by byte"),
    ],
)
def test_the_timeout_is_for_the_whole_exchange(serve_bytes: Bytes, talk: Callable[[socket.socket], None]) -> None:
    """A server that always sends a little more does not outlast the timeout."""
    with pytest.raises(Unavailable, match=r"http://127\.0\.0\.1:\d+: no answer in time$"):
        get(serve_bytes(talk), timeout=0.2)


def test_a_tls_server_that_never_speaks_is_left(serve_bytes: Bytes) -> None:
    """The handshake is part of the exchange."""
    url = serve_bytes(silence).replace("http:", "https:")
    with pytest.raises(Unavailable, match="no answer in time"):
        get(url, timeout=0.2, verify=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(b"", "the connection was closed before", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", "the connection was closed before", id="half"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", "the answer is not HTTP", id="another protocol"),
    ],
)
def test_broken_answers_are_unavailable(serve_bytes: Bytes, text: bytes, message: str) -> None:
    """What is no whole answer is none."""
    with pytest.raises(Unavailable, match=message):
        get(serve_bytes(lambda connection: connection.sendall(text)))


def test_nobody_there(closed: str) -> None:
    """The reason is told, and where, without path and query."""
    with pytest.raises(Unavailable) as caught:
        get(closed + SECRET)
    assert str(caught.value) == f"{closed}: connection refused"


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        pytest.param("http://[::1" + SECRET, {}, id="a broken address"),
        pytest.param("ftp://host" + SECRET, {}, id="another scheme"),
        pytest.param("http://user:secret@127.0.0.1:x" + SECRET, {}, id="a broken port"),
        pytest.param("http://127.0.0.1:1" + SECRET, {"X": "secret\r\nY: z"}, id="a header of two lines"),
        pytest.param("http://127.0.0.1:1" + SECRET, {"X": "secret😀"}, id="a header beyond Latin-1"),
        pytest.param("http://" + "secret." * 3 + "x" * 70 + "/", {}, id="a name that cannot be"),
    ],
)
def test_what_cannot_be_sent_is_unavailable(url: str, headers: dict[str, str]) -> None:
    """A request that is none fails like any other, and its secrets stay where they are."""
    with pytest.raises(Unavailable) as caught:
        HttpClient().send(Request(method="POST", url=url, headers=headers, body=b"secret"))
    assert "secret" not in str(caught.value).removeprefix("http://secret.secret.secret.")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_certificates_are_checked(serve: Serve) -> None:
    """A certificate that nobody vouches for is refused, unless checking was turned off.

    Flagger's TestCallWebhook_DisableTLS.
    """
    server = serve(lambda _: Answer(b"x"), tls=True)
    with pytest.raises(Unavailable, match="its certificate is not accepted, self-signed certificate"):
        get(server.url)
    assert get(server.url, verify=False).body == b"x"


def test_certificates_of_the_environment_are_accepted(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """An authority of one's own is named by SSL_CERT_FILE; the certificate must be for the host."""
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "cert.pem"))
    server = serve(lambda _: Answer(b"x"), tls=True)
    assert get(server.url).body == b"x"
    with pytest.raises(Unavailable, match="certificate is not accepted, Hostname mismatch"):
        get(server.url.replace("127.0.0.1", "localhost"))


def test_tls_to_a_plain_server(serve: Serve) -> None:
    """A server that does not speak TLS is told apart from one with a bad certificate."""
    with pytest.raises(Unavailable, match="TLS failed, "):
        get(serve(lambda _: Answer()).url.replace("http:", "https:"))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(-2, "secret.example: not known"), "the host is not known"),
        (ProtocolError("aborted", RemoteDisconnected("x")), "the connection was closed before the answer was complete"),
        (ProtocolError("aborted", BadStatusLine("secret")), "the answer is not HTTP"),
        (IncompleteRead(1, 2), "the connection was closed before the answer was complete"),
        (SSLError(ssl.SSLError(1, "secret")), "TLS failed, for no known reason"),
        (OSError(101, "Network is unreachable"), "network is unreachable"),
        (OSError("secret"), "the request cannot be sent"),
        (ValueError("secret"), "the request cannot be sent"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_reasons_are_words(error: Exception, words: str) -> None:
    """A reason holds nothing that was sent."""
    assert reason(error) == words


def test_a_proxy_is_asked_instead(serve: Serve, closed: str) -> None:
    """With a proxy the request goes there, whole, and with the proxy's credentials."""
    proxy = serve(lambda _: Answer(b"through"))
    where = proxy.url.replace("http://", "http://me:p%40ss@")
    client = HttpClient()
    for _ in range(2):
        assert client.send(Request(method="POST", url=f"{closed}/x", body=b"{}", proxy=where)).body == b"through"
    assert {(asked.method, asked.path, asked.body) for asked in proxy.asked} == {("POST", f"{closed}/x", b"{}")}
    assert {asked.headers["proxy-authorization"] for asked in proxy.asked} == {"Basic bWU6cEBzcw=="}


def test_a_proxy_that_is_down(serve: Serve, closed: str) -> None:
    """What is said of it holds neither its credentials nor the address that was to be reached."""
    with pytest.raises(Unavailable) as caught:
        HttpClient().send(Request(method="POST", url=f"{serve(lambda _: Answer()).url}{SECRET}", proxy=closed))
    assert "secret" not in str(caught.value)
