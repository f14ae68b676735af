"""Clients that Flagger has pinned by cookies stay where they are when its run is taken over."""

import json
from typing import Any

import pytest

from tests.flagger import Row, left, point
from tests.lab import Lab
from tests.protocol.harness import ROUTE
from tests.scenarios.takeovers import STATUS, share


def sticky(canary: int, *, primary: str = "") -> Row:
    """The VirtualService that Flagger writes with cookies (istio.go, getSessionAffinityRouteRules)."""
    split = {"app-primary": 100 - canary, "app-canary": canary}
    rules: list[Any] = [with_cookie("flagger-cookie", "LjntfZCaDa", {"app-primary": 0, "app-canary": 100})]
    sets = [setting("flagger-cookie=LjntfZCaDa; Max-Age=21600")]
    if primary:
        name, _, value = primary.partition("=")
        rules.append(with_cookie(name, value, {"app-primary": 100, "app-canary": 0}))
        sets.insert(0, setting(f"{primary}; Max-Age=2"))
    return ["vs", {"hosts": ["app"], "gateways": ["mesh"], "http": [*rules, {"to": split, "routeHeaders": sets}]}]


def with_cookie(name: str, value: str, to: dict[str, int]) -> dict[str, Any]:
    """The rule for requests that bring a cookie."""
    return {"to": to, "match": [{"headers": {"Cookie": {"regex": f".*{name}.*{value}.*"}}}]}


def setting(cookie: str) -> dict[str, Any]:
    """What sets one."""
    return {"response": {"add": {"Set-Cookie": cookie}}}


def pinned(lab: Lab) -> list[str]:
    """By which cookies requests are told apart, in the order of the rules."""
    rules = lab.get(ROUTE)["spec"]["http"]
    return [rule["match"][0]["headers"]["Cookie"]["regex"] for rule in rules if "match" in rule]


@pytest.mark.parametrize(
    ("primary", "written"),
    [
        pytest.param("", True, id="the canary's"),
        pytest.param("stay=QwErTyUiOp", True, id="both"),
        pytest.param("stay=QwErTyUiOp", False, id="routed, not written down"),
    ],
)
def test_who_is_pinned_stays_pinned(primary: str, written: bool) -> None:
    """The cookies of Flagger's run are those of ours, at each weight, and are taken back in the end."""
    affinity = {"cookieName": "flagger-cookie", "maxAge": 21600, **({"primaryCookieName": "stay"} if primary else {})}
    stop = point("session-affinity", [STATUS, "Progressing", 0])
    more = [sticky(20, primary=primary), *([[STATUS, "Progressing", 20, 0, 0]] if written else [])]
    lab = left("session-affinity", stop, more, sessionAffinity=affinity)
    before = pinned(lab)
    assert len(before) == (2 if primary else 1)
    for weight in (20, 40, 60):
        lab.tick()
        assert (share(lab), pinned(lab)) == (weight, before)
    lab.until("Finalising")
    assert pinned(lab) == before[:1]
    assert "LjntfZCaDa; Max-Age=-1" in json.dumps(lab.get(ROUTE)["spec"]["http"][0])
