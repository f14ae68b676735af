"""Rules for matched requests, cookies, mirrors and connections (Flagger's pkg/router/istio_test.go)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.errors import BadCanary
from handlers.rollout.spec import canary as specs
from handlers.rollout.spec.canary import Canary
from handlers.rollout.spec.match import MATCH
from handlers.rollout.weights import Cookies, Split, Weights
from handlers.routers import istio

PRIMARY, SHADOW = "podinfo-primary", "podinfo-canary"
INSIDER = {"headers": {"x-user-type": {"exact": "test"}}}
COOKIE = {"cookieName": "flagger-cookie"}
SEEN = Split(weight=10, cookie="flagger-cookie=abc")
TESTERS = {MATCH: '[{"headers": {"x-user-type": {"exact": "test"}}}]'}


def canary(
    *, service: dict[str, Any] | None = None, annotations: dict[str, str] | None = None, **analysis: Any
) -> Canary:
    """A Canary with this service and analysis."""
    steps = {} if "iterations" in analysis else {"stepWeight": 10}
    spec = {"targetRef": {"kind": "Deployment", "name": "podinfo"}, "analysis": {"interval": "15s"} | steps | analysis}
    spec["service"] = {"port": 9898} | (service or {})
    meta = {"namespace": "default", "name": "podinfo", "uid": "u-1", "annotations": annotations or {}}
    return specs.parse({"metadata": meta, "spec": spec})


def ab(**service: Any) -> Canary:
    """A Canary that tests matched requests."""
    return canary(service=service, iterations=3, match=[INSIDER])


def rules(spec: Canary, split: Split) -> list[dict[str, Any]]:
    """The HTTP rules at a split."""
    found: list[dict[str, Any]] = istio.route(spec, split, None)["spec"]["http"]
    return found


def shares(rule: dict[str, Any]) -> dict[str, int]:
    """Weights by host."""
    return {side["destination"]["host"]: side["weight"] for side in rule["route"]}


def test_ab_test() -> None:
    """ABTest: two rules; the weight is about the matched requests, all others have only the primary.

    Flagger's TestIstioRouter_ABTest.
    """
    for weight in (0, 100):
        matched, others = rules(ab(), Split(weight=weight, matched=True))
        assert matched["match"] == [INSIDER]
        assert shares(matched) == {PRIMARY: 100 - weight, SHADOW: weight}
        assert others == {"route": [{"destination": {"host": PRIMARY}, "weight": 100}]}


def test_ab_for_all() -> None:
    """A weight that is about all requests is no matched one, also in A/B testing."""
    (only,) = rules(ab(), Split(weight=100))
    assert (shares(only), "match" in only) == ({PRIMARY: 0, SHADOW: 100}, False)


def test_what_matches_nothing_any_more_goes_to_the_primary() -> None:
    """When the match has been removed nobody's request is meant."""
    (only,) = rules(canary(), Split(weight=100, matched=True))
    assert shares(only) == {PRIMARY: 100, SHADOW: 0}


def test_match() -> None:
    """Match: each of analysis.match with each of service.match, parts of the service on both rules.

    Flagger's TestIstioRouter_Match.
    """
    routed: list[dict[str, Any]] = [
        {"uri": {"prefix": "/podinfo"}, "method": {"exact": "GET"}, "name": "a"},
        {"uri": {"exact": "/"}},
    ]
    session = {"headers": {"x-session-id": {"exact": "test"}}}
    spec = canary(service={"match": routed, "timeout": "5s"}, iterations=1, match=[INSIDER, session])
    matched, others = rules(spec, Split(weight=100, matched=True))
    assert matched["match"] == [{**one, **other} for one in (INSIDER, session) for other in routed]
    assert others["match"] == routed
    assert matched["timeout"] == others["timeout"] == "5s"


@pytest.mark.parametrize("percent", [0, 10, 50])
def test_set_routes_mirror(percent: int) -> None:
    """SetRoutes, mirror: the percentage when there is one, and only together with a mirror.

    Flagger's TestIstioRouter_SetRoutes.
    """
    spec = canary(mirror=True, mirrorWeight=percent)
    (mirrored,) = rules(spec, Split(weight=0, mirrored=True))
    assert mirrored["mirror"] == {"host": SHADOW}
    assert mirrored.get("mirrorPercentage") == ({"value": percent} if percent else None)
    (plain,) = rules(spec, Split(weight=10))
    assert plain.keys() == {"route"}


ATTRIBUTES = {
    "domain": "flagger.app",
    "httpOnly": True,
    "maxAge": 600,
    "partitioned": True,
    "path": "/app",
    "sameSite": "Strict",
    "secure": True,
}
WRITTEN = "Domain=flagger.app; HttpOnly; Partitioned; Path=/app; SameSite=Strict; Secure"


def test_session_affinity() -> None:
    """SetRoutes + session affinity: who has the cookie stays; who comes to the canary gets it, with all attributes.

    Flagger's TestIstioRouter_SetRoutes, TestIstioRouter_getSessionAffinityRoutes.
    """
    sticky, shared = rules(canary(sessionAffinity=COOKIE | ATTRIBUTES), SEEN)
    assert sticky["match"] == [{"headers": {"Cookie": {"regex": ".*flagger-cookie.*abc.*"}}}]
    assert shares(sticky) == {PRIMARY: 0, SHADOW: 100}
    assert shares(shared) == {PRIMARY: 90, SHADOW: 10}
    primary, shadow = shared["route"]
    assert "headers" not in primary
    assert shadow["headers"] == {"response": {"add": {"Set-Cookie": f"flagger-cookie=abc; Max-Age=600; {WRITTEN}"}}}


def test_session_affinity_with_a_primary_cookie() -> None:
    """getSessionAffinityRoutes: three rules; the primary's cookie lives for one interval.

    Flagger's TestIstioRouter_getSessionAffinityRoutes.
    """
    spec = canary(sessionAffinity=COOKIE | {"primaryCookieName": "stay"}, service={"match": [{"uri": {"prefix": "/"}}]})
    split = Split(weight=10, cookie="flagger-cookie=abc", primary_cookie="stay=def")
    sticky, stays, shared = rules(spec, split)
    assert (shares(sticky)[SHADOW], shares(stays)[PRIMARY]) == (100, 100)
    assert stays["match"] == [{"uri": {"prefix": "/"}, "headers": {"Cookie": {"regex": ".*stay.*def.*"}}}]
    set_cookies = [side["headers"]["response"]["add"]["Set-Cookie"] for side in shared["route"]]
    assert set_cookies == ["stay=def; Max-Age=15", "flagger-cookie=abc; Max-Age=86400"]


def test_the_cookie_of_a_run_that_is_over_is_forgotten() -> None:
    """With the attributes that it was set with, or browsers would keep it; the service's headers stay.

    Flagger's TestIstioRouter_SetRoutes, TestIstioRouter_getSessionAffinityRoutes.
    """
    service = {"headers": {"response": {"add": {"x": "1"}}, "request": {"remove": ["y"]}}}
    spec = canary(sessionAffinity=COOKIE | ATTRIBUTES, service=service)
    forgotten, shared = rules(spec, Split(weight=0, previous_cookie="flagger-cookie=abc"))
    assert forgotten["headers"] == {
        "response": {"add": {"x": "1", "Set-Cookie": f"flagger-cookie=abc; Max-Age=-1; {WRITTEN}"}},
        "request": {"remove": ["y"]},
    }
    assert shared["headers"] == service["headers"]
    assert shares(forgotten) == shares(shared) == {PRIMARY: 100, SHADOW: 0}


@pytest.mark.parametrize("split", [Split(weight=0), Split(weight=10)])
def test_without_a_cookie_there_is_one_rule(split: Split) -> None:
    """Before the first run, and where sessionAffinity came in the middle of one."""
    assert len(rules(canary(sessionAffinity=COOKIE), split)) == 1


def test_a_cookies_name_is_no_regular_expression() -> None:
    """Legal names may hold signs that mean something there."""
    sticky, _ = rules(canary(sessionAffinity={"cookieName": "a.b*"}), Split(weight=10, cookie="a.b*=x"))
    assert sticky["match"][0]["headers"]["Cookie"]["regex"] == r".*a\.b\*.*x.*"


BAD = [
    ({}, "cookieName: is required"),
    ({"cookieName": "a;b"}, "cookieName: 'a;b' is not a cookie's name"),
    ({"cookieName": "a\r\nb"}, "cookieName: 'a\\r\\nb' is not a cookie's name"),
    ({"cookieName": "a", "primaryCookieName": "a"}, "primaryCookieName: 'a' is not another name than cookieName"),
    ({"cookieName": "a", "primaryCookieName": "b="}, "primaryCookieName: 'b=' is not a cookie's name"),
    ({"cookieName": "a", "domain": "a b"}, "domain: 'a b' is not a domain name"),
    ({"cookieName": "a", "path": "/a;b"}, "path: '/a;b' is not a path"),
    ({"cookieName": "a", "path": "a"}, "path: 'a' is not a path"),
    ({"cookieName": "a", "sameSite": "lax"}, "sameSite: 'lax' is not one of Strict, Lax, None"),
    ({"cookieName": "a", "maxAge": -1}, "maxAge: -1 is not between 0 and 1000000000"),
    ({"cookieName": "a", "secure": "yes"}, "secure: 'yes' is not true or false"),
]


@pytest.mark.parametrize(("affinity", "message"), BAD, ids=[message for _, message in BAD])
def test_what_no_set_cookie_may_hold_is_named(affinity: dict[str, Any], message: str) -> None:
    """By its field; equal names are refused as by Flagger's controller."""
    with pytest.raises(BadCanary) as caught:
        canary(sessionAffinity=affinity or {"maxAge": 1})
    assert str(caught.value).startswith(f"spec.analysis.sessionAffinity.{message}")


def test_testers_go_to_the_canary_while_weights_advance() -> None:
    """serinus.dev/match: a first rule, combined with the service's match; none when it is not wanted."""
    spec = canary(annotations=TESTERS, sessionAffinity=COOKIE, service={"match": [{"uri": {"prefix": "/"}}]})
    split = Split(weight=10, cookie="flagger-cookie=abc", testers=True)
    first, _sticky, _shared = rules(spec, split)
    assert first["match"] == [{"uri": {"prefix": "/"}, **INSIDER}]
    assert shares(first) == {PRIMARY: 0, SHADOW: 100}
    assert istio.weights(spec, istio.route(spec, split, None)) == Weights(90, 10)
    assert len(rules(spec, Split(weight=0))) == 1


def connections(weight: int = 0, existing: dict[str, Any] | None = None, **service: Any) -> dict[str, Any]:
    """The spec of a VirtualService that routes connections."""
    spec = canary(service={"appProtocol": "tcp", **service})
    found: dict[str, Any] = istio.route(spec, Split(weight=weight), existing)["spec"]
    return found


def test_set_routes_tcp() -> None:
    """SetRoutesTCP, GetRoutesTCP: as http, on the tcp block, and read back from there.

    Flagger's TestIstioRouter_SetRoutesTCP, TestIstioRouter_GetRoutesTCP, TestUnmarshalVirtualService.
    """
    spec = connections(40, timeout="5s")
    (only,) = spec["tcp"]
    assert "http" not in spec
    assert only.keys() == {"route"}
    assert shares(only) == {PRIMARY: 60, SHADOW: 40}
    assert istio.weights(canary(service={"appProtocol": "TCP"}), {"spec": spec}) == Weights(60, 40)


def test_connections_are_matched_by_port() -> None:
    """canaryToL4Match: all else is about requests; an entry without a port takes any."""
    assert connections(match=[{"port": 80, "uri": {"prefix": "/"}}, {"port": 81}])["tcp"][0]["match"] == [
        {"port": 80},
        {"port": 81},
    ]
    assert "match" not in connections(match=[{"port": 80}, {"uri": {"prefix": "/"}}])["tcp"][0]


def test_a_change_of_protocol_leaves_no_rule_of_ours() -> None:
    """Ours of the other protocol go, for nothing would move their weights; somebody else's stay."""
    http = istio.route(canary(), Split(weight=10), None)
    assert "http" not in connections(existing=http)
    tcp = {"spec": connections(10)}
    assert "tcp" not in istio.route(canary(), Split(weight=0), tcp)["spec"]
    others = {"spec": {"tcp": [{"route": [{"destination": {"host": "db"}}]}]}}
    assert "tcp" in istio.route(canary(), Split(weight=0), others)["spec"]


SPLITS = st.builds(
    Split,
    weight=st.integers(0, 100),
    matched=st.booleans(),
    testers=st.booleans(),
    cookie=st.sampled_from(["", "flagger-cookie=abc"]),
    primary_cookie=st.sampled_from(["", "stay=def"]),
    previous_cookie=st.sampled_from(["", "flagger-cookie=old"]),
)
CANARIES = st.sampled_from(
    [
        canary(),
        ab(),
        canary(annotations=TESTERS, sessionAffinity=COOKIE | {"primaryCookieName": "stay"}),
        canary(service={"appProtocol": "tcp"}),
    ]
)


@given(spec=CANARIES, split=SPLITS)
def test_every_rule_shares_out_all_and_reads_back(spec: Canary, split: Split) -> None:
    """Weights of each rule sum to 100, and what is read is what is meant: of all, or of the matched."""
    route = istio.route(spec, split, None)
    found = route["spec"].get("http") or route["spec"]["tcp"]
    assert all(sum(shares(rule).values()) == 100 for rule in found)
    matched = bool(spec.analysis.match) and (split.matched or not split.weight)
    lost = split.matched and not spec.analysis.match and not spec.service.tcp
    weight = 0 if lost else split.weight
    assert istio.weights(spec, route) == Weights(100 - weight, weight, matched=matched)


STICKY = canary(sessionAffinity=COOKIE | {"primaryCookieName": "stay"})


@given(split=SPLITS)
def test_cookies_read_back(split: Split) -> None:
    """Those of both sides while the canary has traffic; then the one that browsers are told to forget."""
    split = replace(split, matched=False)
    kept = (split.cookie, split.primary_cookie, "") if split.weight else ("", "", split.previous_cookie)
    assert istio.cookies(STICKY, istio.route(STICKY, split, None)) == Cookies(*kept)


@pytest.mark.parametrize(
    "route",
    [
        pytest.param({}, id="no rules"),
        pytest.param({"http": [{"redirect": {"uri": "/"}}, {"route": [{}]}]}, id="rules of others"),
        pytest.param({"http": [{"route": [{"destination": {"host": "podinfo-canary"}}]}]}, id="no headers"),
        pytest.param({"http": [{"headers": {"response": {"set": {"a": "b"}}}, "route": []}]}, id="other headers"),
    ],
)
def test_a_route_without_cookies_has_none(route: dict[str, Any]) -> None:
    """Whoever wrote it."""
    assert istio.cookies(STICKY, {"spec": route}) == Cookies()
