"""Who answers whom under each strategy, asked with real requests."""

import json
import socket
from collections import Counter

from handlers.sandbox.process import SandboxError, wait_for
from tests.adapters.loopback import Answer, Asked, Serve
from tests.e2e.town import PATIENCE, SCALE, App

INSIDER = {"x_canary": "insider"}
COOKIE = {"cookie": "theme=dark; canary=always; lang=en"}
STRANGER = {"x_canary": "outsider", "cookie": "canary=never"}
MATCH = [
    {"headers": {"x-canary": {"exact": "insider"}}},
    {"headers": {"cookie": {"regex": "^(.*?;)?\\s*(canary=always)(;.*)?$"}}},
]


def test_ab_by_header_and_cookie_with_a_gate(app: App, serve: Serve) -> None:
    """Flagger's test-canary 4: only those who match meet the new version, until a gate is opened.

    Flagger's gatewayapi/test-ab.
    """
    opened: list[bool] = []
    gate = serve(lambda _: Answer(status=200 if opened else 403))
    hooks = [
        {"name": "gate", "type": "confirm-promotion", "url": f"{gate.url}/gate"},
        {"name": "tell", "type": "post-rollout", "url": f"{gate.url}/told"},
    ]
    app.start("1", {"iterations": 2, "match": MATCH, "webhooks": hooks})
    app.push("2")
    app.ticks_until(lambda: app.status["phase"] == "WaitingPromotion", "the gate is asked")
    app.serves_only("2", **INSIDER)
    app.serves_only("2", **COOKIE)
    app.serves_only("1", **STRANGER)
    app.serves_only("1")
    assert app.promoted == "app:1"
    opened.append(True)
    app.until("Succeeded")
    assert app.promoted == "app:2"
    app.serves_only("2", **INSIDER)
    app.serves_only("2")
    assert [asked.path for asked in gate.asked].count("/told") == 1


def test_blue_green(app: App, serve: Serve) -> None:
    """Flagger's test-canary 3: the new version is tried behind its own Service, then everybody moves, once.

    Flagger's gatewayapi/test-bg, kubernetes/test-deployment.
    """
    tried: list[tuple[str, str]] = []

    def conformance(_: Asked) -> Answer:
        canary = f"app-canary.{app.namespace}"
        wait_for(lambda: app.versions(1, host=canary) == {"2": 1}, "the canary's Service answers", PATIENCE)
        tried.extend((heard.version, app.ask()[0].version) for heard in app.ask(5, host=canary))
        return Answer()

    server = serve(conformance)
    hook = {"name": "conformance", "type": "pre-rollout", "url": server.url, "timeout": "30s"}
    app.start("1", {"iterations": 3, "webhooks": [hook]})
    with app.traffic() as traffic:
        app.push("2")
        app.until("Succeeded")
        app.serves_only("2")
    heard = traffic.summary()
    assert set(tried) == {("2", "1")}
    assert heard.failed == []
    versions = [answer.version for answer in sorted(heard.answers, key=lambda answer: answer.at)]
    switched = versions.index("2")
    under_way = 20  # requests that were on their way when everybody moved
    assert set(versions[:switched]) == {"1"}
    assert set(versions[switched + under_way :]) == {"2"}
    assert app.promoted == "app:2"


def test_mirroring(app: App) -> None:
    """While the canary has no weight it gets a copy of each request, and the clients hear the primary alone."""
    app.start("1", {"stepWeight": 50, "maxWeight": 50, "mirror": True, "mirrorWeight": 100})
    app.push("2")
    app.ticks_until(lambda: "mirror" in app.route()["spec"]["http"][0], "requests are mirrored")
    app.serves_only("1")
    wait_for(lambda: bool(app.ask()) and app.copies() > 0, "a copy arrives", PATIENCE)
    before = app.copies()
    assert app.versions(50) == {"1": 50}
    wait_for(lambda: app.copies() >= before + 50, "each request has a copy", PATIENCE)
    app.until("Progressing", 50)
    wait_for(lambda: app.versions(4).keys() == {"1", "2"}, "both versions answer", PATIENCE)
    app.until("Succeeded")
    app.serves_only("2")
    after = app.copies()
    assert app.versions(20) == {"2": 20}
    assert app.copies() == after


def test_session_affinity(app: App) -> None:
    """Flagger's test-session-affinity: who was at the canary stays there, and forgets it after the promotion."""
    affinity = {"cookieName": "shop-canary", "maxAge": 3600}
    app.start("1", {"stepWeight": 20, "maxWeight": 40, "sessionAffinity": affinity})
    app.push("2")
    app.until("Progressing", 20)
    wait_for(lambda: "2" in app.versions(10), "the canary answers", PATIENCE)
    answers = app.ask(80)
    assert {heard.version for heard in answers if not heard.cookie} == {"1"}
    cookies = [heard.cookie.partition(";")[0] for heard in answers if heard.version == "2"]
    assert cookies
    assert all(cookie.startswith("shop-canary=") for cookie in cookies)
    for cookie in set(cookies):
        assert app.versions(20, cookie=f"theme=dark; {cookie}") == {"2": 20}
    app.until("Succeeded")
    app.serves_only("2")
    (gone,) = app.ask(cookie=cookies[0])
    assert gone.version == "2"
    assert gone.cookie.startswith(cookies[0].partition(";")[0])
    assert "max-age=-1" in gone.cookie.lower()
    assert {heard.cookie for heard in app.ask(20)} == {""}


def test_session_affinity_with_a_primary_cookie(app: App) -> None:
    """Who was at the primary stays there as weights go up, with a cookie of one interval's age that nobody renews.

    Flagger's TestIstioRouter_getSessionAffinityRoutes, with three rules: both cookies, all others.
    """
    affinity = {"cookieName": "to-canary", "primaryCookieName": "to-primary", "maxAge": 3600}
    app.start("1", {"interval": "30s", "stepWeight": 30, "maxWeight": 60, "sessionAffinity": affinity})
    app.push("2")
    app.until("Progressing", 30)
    wait_for(lambda: app.versions(10).keys() == {"1", "2"}, "both versions answer", PATIENCE)
    stays, goes = (_cookie_of(app, version) for version in ("1", "2"))
    assert stays.startswith("to-primary=")
    assert stays.endswith(f"; Max-Age={30 // SCALE}")
    assert goes.startswith("to-canary=")

    def pinned() -> None:
        for cookie, version in ((stays, "1"), (goes, "2")):
            answers = app.ask(20, cookie=f"theme=dark; {cookie.partition(';')[0]}")
            assert {(heard.version, heard.cookie) for heard in answers} == {(version, "")}
        assert app.versions(60).keys() == {"1", "2"}

    pinned()
    app.until("Progressing", 60)
    pinned()
    app.until("Succeeded")
    app.serves_only("2", cookie=stays.partition(";")[0])


def _cookie_of(app: App, version: str) -> str:
    """What somebody without a cookie is given who comes to a version."""
    return next(heard.cookie for heard in app.ask(100) if heard.version == version)


def test_testers_meet_the_new_version_while_weights_advance(app: App) -> None:
    """With the annotation `serinus.dev/match` those who match are always at the canary, the others by its weight."""
    app.deploy("1")
    app.canary({"stepWeight": 50, "maxWeight": 50}, annotations={"serinus.dev/match": json.dumps(MATCH)})
    app.until("Initialized")
    app.serves_only("1", **INSIDER)
    app.push("2")
    app.until("Progressing", 50)
    app.serves_only("2", **INSIDER)
    app.serves_only("2", **COOKIE)
    wait_for(lambda: app.versions(4, **STRANGER).keys() == {"1", "2"}, "both versions answer others", PATIENCE)
    app.alert()
    assert app.status["phase"] == "Failed"
    app.serves_only("1", **INSIDER)
    app.serves_only("1")


def test_tcp_connections_are_split(app: App) -> None:
    """A canary of appProtocol TCP: connections go to both sides by weight, then all to the new version."""
    app.deploy("1")
    app.canary({"stepWeight": 50, "maxWeight": 50}, service={"port": 6379, "portName": "tcp", "appProtocol": "TCP"})
    app.until("Initialized")

    def answered(number: int) -> Counter[str]:
        return Counter(_connection(app) for _ in range(number))

    def listens() -> bool:
        try:
            return answered(3) == {"1": 3}
        except SandboxError:
            return False

    wait_for(listens, "the port is open", PATIENCE)
    app.push("2")
    app.until("Progressing", 50)
    wait_for(lambda: answered(4).keys() == {"1", "2"}, "both versions answer", PATIENCE)
    app.until("Succeeded")
    wait_for(lambda: answered(10) == {"2": 10}, "the new version takes all connections", PATIENCE)


def _connection(app: App) -> str:
    """The version that answers a connection of its own."""
    with socket.create_connection(app.sandbox.tcp_address(app.namespace, "app", 6379), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
    return answer.partition("x-version: ")[2].partition("\r\n")[0]
