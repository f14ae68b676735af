"""A VirtualService that was there before: what served goes on serving, and only what leads to the apex is ours."""

import json
from typing import Any

import pytest

from handlers.rollout.objects import annotations, merge_patch
from handlers.rollout.spec.canary import Canary
from handlers.rollout.spec.match import MATCH
from handlers.rollout.weights import Split, Weights
from handlers.routers import istio
from handlers.routers.istio_originals import ORIGINAL, first
from tests.routers.test_istio_rules import COOKIE, INSIDER, canary

FULL_NAME = "podinfo.default.svc.cluster.local"
APEX: dict[str, Any] = {"route": [{"destination": {"host": "podinfo"}}]}
LEGACY: dict[str, Any] = {"match": [{"uri": {"prefix": "/legacy"}}], "route": [{"destination": {"host": "legacy"}}]}
MOVED: dict[str, Any] = {"match": [{"uri": {"exact": "/old"}}], "redirect": {"uri": "/new"}}
SET = {"request": {"set": {"x": "1"}}}
API: dict[str, Any] = {
    "name": "api",
    "match": [{"uri": {"prefix": "/api"}}],
    "rewrite": {"uri": "/"},
    "timeout": "15s",
    "fault": {"abort": {"httpStatus": 500, "percentage": {"value": 1}}},
    "route": [
        {"destination": {"host": FULL_NAME, "port": {"number": 80}}, "headers": {"request": {"set": {"x": "1"}}}}
    ],
}

KUBECTL = "kubectl.kubernetes.io/last-applied-configuration"


def there(*http: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A VirtualService of the user's with these rules, for a host at a gateway."""
    reach = {"hosts": ["shop.example.com"], "gateways": ["istio-system/gw"]}
    body = {key: value for key, value in {**reach, "http": list(http), **spec}.items() if value is not None}
    return {"metadata": {"name": "podinfo", "namespace": "default"}, "spec": body}


def at(weight: int, existing: dict[str, Any], spec: Canary | None = None, **split: Any) -> dict[str, Any]:
    """The VirtualService with this much for the canary."""
    return istio.route(spec or canary(), Split(weight=weight, **split), existing)


def shares(rule: dict[str, Any]) -> dict[str, int]:
    """Weights by host; empty for a rule that leads nowhere."""
    return {side["destination"]["host"]: side.get("weight", 100) for side in rule.get("route", ())}


def split(weight: int) -> dict[str, int]:
    """The shares of both sides."""
    return {"podinfo-primary": 100 - weight, "podinfo-canary": weight}


def test_foreign_rules_stay_where_they_are() -> None:
    """A rule for the apex is replaced at its place, those around it are as they were."""
    http = at(20, there(LEGACY, APEX, MOVED))["spec"]["http"]
    assert (http[0], shares(http[1]), http[2]) == (LEGACY, split(20), MOVED)


def test_each_rule_for_the_apex_keeps_what_it_says() -> None:
    """Match, rewrite, timeout, fault, name, port and headers of each stay its own; both are split."""
    api, everything = at(20, there(API, APEX))["spec"]["http"]
    assert {key: value for key, value in api.items() if key != "route"} == {
        key: value for key, value in API.items() if key != "route"
    }
    assert shares(api) == shares(everything) == split(20)
    for side in api["route"]:
        assert side["destination"]["port"] == {"number": 80}
        assert side["headers"] == SET
    assert everything.keys() == {"route"}


@pytest.mark.parametrize(
    ("spec", "split_"),
    [
        pytest.param(canary(annotations={MATCH: json.dumps([INSIDER])}), {"testers": True}, id="testers"),
        pytest.param(canary(iterations=3, match=[INSIDER]), {"matched": True}, id="A/B test"),
        pytest.param(canary(sessionAffinity=COOKIE), {"cookie": "flagger-cookie=abc"}, id="session affinity"),
    ],
)
def test_narrower_rules_stay_within_the_users_match(spec: Canary, split_: dict[str, Any]) -> None:
    """Testers, tests and cookies are told apart among requests for the rule, which come to it as before."""
    http = at(50, there(LEGACY, API, APEX), spec, **split_)["spec"]["http"]
    assert [rule["match"][0].get("uri") for rule in http[:3]] == [LEGACY["match"][0]["uri"]] + [{"prefix": "/api"}] * 2
    assert ["headers" in rule["match"][0] for rule in http[1:4]] == [True, False, True]
    assert all(rule["rewrite"] == {"uri": "/"} and rule["timeout"] == "15s" for rule in http[1:3])
    assert len(http) == 5


def test_narrower_rules_are_read_with_the_one_that_they_stand_before() -> None:
    """An A/B test is seen by its matched rule, and a cookie that is being taken back by the rule for who has it."""
    test = canary(iterations=3, match=[INSIDER])
    live = at(100, there(LEGACY, API), test, matched=True)
    assert istio.weights(test, live) == Weights(0, 100, matched=True)
    sticky = canary(sessionAffinity=COOKIE)
    live = at(0, there(LEGACY, API), sticky, previous_cookie="flagger-cookie=abc")
    assert istio.cookies(sticky, live).previous == "flagger-cookie=abc"


def test_nobody_stays_on_a_primary_that_has_no_share() -> None:
    """It may be about to have no pods, so its cookie leads nobody to it."""
    spec = canary(sessionAffinity=COOKIE | {"primaryCookieName": "stay"})
    http = at(100, there(LEGACY, APEX), spec, cookie="flagger-cookie=abc", primary_cookie="stay=def")["spec"]["http"]
    assert [shares(rule) for rule in http] == [shares(LEGACY), split(100), split(100)]


def test_what_only_the_canary_says_is_added() -> None:
    """A field that the rule does not have comes from the Canary, and goes when the Canary says it no more."""
    spec = canary(service={"timeout": "5s", "retries": {"attempts": 3}})
    adopted = at(0, there(LEGACY, APEX), spec)
    assert (adopted["spec"]["http"][1]["timeout"], adopted["spec"]["http"][1]["retries"]) == ("5s", {"attempts": 3})
    assert adopted["spec"]["http"][0] == LEGACY
    assert at(0, adopted)["spec"]["http"][1].keys() == {"route"}


@pytest.mark.parametrize(
    ("before", "service", "hosts", "gateways"),
    [
        pytest.param(there(APEX), {}, ["shop.example.com"], ["istio-system/gw"], id="a gateway's stays so"),
        pytest.param(
            there(APEX),
            {"hosts": ["b.example.com", "shop.example.com"], "gateways": ["mesh"]},
            ["shop.example.com", "b.example.com", "podinfo"],
            ["istio-system/gw", "mesh"],
            id="declared ones are added",
        ),
        pytest.param(there(APEX, gateways=None), {}, ["shop.example.com", "podinfo"], ["mesh"], id="in the mesh"),
        pytest.param(
            there(APEX, gateways=None),
            {"gateways": ["istio-system/gw"]},
            ["shop.example.com", "podinfo"],
            ["mesh", "istio-system/gw"],
            id="the mesh by default stays with a declared gateway",
        ),
        pytest.param(
            there(LEGACY, APEX, gateways=None), {}, ["shop.example.com"], ["mesh"], id="no foreign rule is widened"
        ),
        pytest.param(there(API, gateways=None), {}, ["shop.example.com"], ["mesh"], id="no call is left unanswered"),
        pytest.param(there(APEX, hosts=[FULL_NAME], gateways=None), {}, [FULL_NAME], ["mesh"], id="it is there"),
        pytest.param(there(APEX, hosts=["*"], gateways=["mesh"]), {}, ["*"], ["mesh"], id="all hosts"),
    ],
)
def test_hosts_and_gateways_stay(
    before: dict[str, Any], service: dict[str, Any], hosts: list[str], gateways: list[str]
) -> None:
    """Clients keep their ways in; those of the apex come in only where nothing else then changes for them."""
    spec = canary(service=service)
    adopted = at(0, before, spec)
    for made in (adopted, at(30, adopted, spec)):
        assert (made["spec"]["hosts"], made["spec"]["gateways"]) == (hosts, gateways)


def test_a_delegate_stays_one() -> None:
    """Hosts would break the VirtualService that delegates to it."""
    made = at(10, there(APEX, hosts=None, gateways=None))
    assert made["spec"].keys() == {"http"}


def test_a_rule_that_is_added_or_removed_later_is_heeded() -> None:
    """What the user does to foreign rules of the live object stays done; one more for the apex is split as well."""
    live = at(0, there(LEGACY, APEX))
    _, shared = live["spec"]["http"]
    live["spec"]["http"] = [MOVED, API, shared]
    made = at(40, live)
    moved, api, everything = made["spec"]["http"]
    assert (moved, api["rewrite"], shares(api), shares(everything)) == (MOVED, API["rewrite"], split(40), split(40))
    assert (first(made) or {})["http"] == [MOVED, API, APEX]
    assert merge_patch(made, at(40, made)) == {}


def test_a_manifest_that_is_applied_again_is_the_new_first_spec() -> None:
    """GitOps writes all rules back: what they say now is what is split, and what is given back."""
    live = at(40, there(LEGACY, APEX))
    again = there(API, LEGACY)["spec"]
    made = at(40, {**live, "spec": again})
    assert first(made) == again
    assert shares(made["spec"]["http"][0]) == split(40)
    [(_, back)] = istio.restored(canary(), {canary().route_ref: made})
    assert (back["spec"], ORIGINAL in annotations(back)) == (again, False)


def test_where_no_rule_leads_to_the_apex_ours_is_the_last() -> None:
    """It takes what foreign rules leave, and stays before what the user adds behind it."""
    live = at(10, there(LEGACY))
    assert (live["spec"]["http"][0], shares(live["spec"]["http"][1])) == (LEGACY, split(10))
    live["spec"]["http"].append(MOVED)
    assert [shares(rule) for rule in at(20, live)["spec"]["http"]] == [{"legacy": 100}, split(20), {}]
    [(_, back)] = istio.restored(canary(), {canary().route_ref: at(20, live)})
    assert back["spec"]["http"] == [LEGACY]


def test_a_rule_that_the_user_leads_to_a_side_is_his() -> None:
    """A preview of the canary, or a way to the stable version, is no rule of ours."""
    preview, stable = (
        {"match": [{"uri": {"prefix": f"/{name}"}}], "route": [{"destination": {"host": f"podinfo-{name}"}}]}
        for name in ("canary", "primary")
    )
    live = at(10, there(preview, stable, APEX))
    assert live["spec"]["http"][:2] == [preview, stable]
    assert merge_patch(live, at(10, live)) == {}
    assert istio.weights(canary(), live) == Weights(90, 10)


def test_what_flagger_made_of_a_virtual_service_goes_on() -> None:
    """Its one rule keeps all that it says, whatever the first spec was; that is given back in the end."""
    spec = canary(service={"timeout": "5s", "match": [{"uri": {"prefix": "/app"}}]})
    before = there(LEGACY, API, APEX)["spec"]
    written = istio.route(spec, Split(weight=30), None)["spec"]
    marks = {"flagger.kubernetes.app/original-configuration": json.dumps(before)}
    live = {"metadata": {"annotations": marks}, "spec": written}
    made = at(30, live, spec)
    assert made["spec"] == written
    assert istio.weights(spec, live) == Weights(70, 30)
    istio.check_adoption(spec, live)
    [(_, back)] = istio.restored(spec, {spec.route_ref: made})
    assert back["spec"] == before


@pytest.mark.parametrize("weight", [0, 40])
def test_what_was_read_from_the_cluster_and_applied_again_is_ours(weight: int) -> None:
    """`kubectl apply` keeps our own rules as a first spec then: they are moved on all the same, and lead home."""
    live = at(weight, there(LEGACY, API, APEX))
    live["metadata"]["annotations"] = {KUBECTL: json.dumps({"spec": live["spec"]})}
    made = at(60, live)
    assert [shares(rule) for rule in made["spec"]["http"]] == [{"legacy": 100}, split(60), split(60)]
    assert made["spec"]["http"][1]["rewrite"] == API["rewrite"]
    [(_, back)] = istio.restored(canary(), {canary().route_ref: made})
    assert [shares(rule) for rule in back["spec"]["http"]] == [{"legacy": 100}, {"podinfo": 100}, {"podinfo": 100}]


def test_a_split_that_the_user_made_is_taken_up() -> None:
    """Its weights are the Canary's from then on, wherever it stands among his rules."""
    by_hand = {"match": [{"uri": {"prefix": "/a"}}], "route": at(30, there(APEX))["spec"]["http"][0]["route"]}
    made = at(0, there(by_hand, APEX))
    assert [shares(rule) for rule in made["spec"]["http"]] == [split(0), split(0)]
    assert merge_patch(made, at(0, made)) == {}


def test_a_mirror_of_the_users_is_not_taken_for_ours() -> None:
    """It stays, and the canary is not said to be mirrored to."""
    mirrored = {**APEX, "mirror": {"host": "shadow"}, "mirrorPercentage": {"value": 5}}
    made = at(20, there(mirrored))
    assert made["spec"]["http"][0]["mirror"] == {"host": "shadow"}
    assert istio.weights(canary(), made) == Weights(80, 20)


def test_the_largest_share_counts() -> None:
    """Two rules for the apex that somebody has made to differ: what the canary may get is the most that it gets."""
    made = at(20, there(API, APEX))
    made["spec"]["http"][0]["route"] = at(70, there(APEX))["spec"]["http"][0]["route"]
    assert istio.weights(canary(), made) == Weights(30, 70)


def test_connections_are_shared_out_as_well() -> None:
    """Of a TCP canary the rules for ports and server names; foreign ones stay."""
    by_port = {"match": [{"port": 5432}], "route": [{"destination": {"host": "podinfo", "port": {"number": 5432}}}]}
    by_name = {"match": [{"port": 443, "sniHosts": ["a.test"]}], "route": [{"destination": {"host": "podinfo"}}]}
    other = {"match": [{"port": 6379}], "route": [{"destination": {"host": "cache"}}]}
    spec = canary(service={"appProtocol": "TCP"})
    made = at(25, there(http=None, tcp=[other, by_port], tls=[by_name]), spec)
    assert made["spec"]["tcp"][0] == other
    for rule, was in ((made["spec"]["tcp"][1], by_port), (made["spec"]["tls"][0], by_name)):
        assert (rule["match"], shares(rule)) == (was["match"], split(25))
    assert "http" not in made["spec"]
    assert istio.weights(spec, made) == Weights(75, 25)
    assert merge_patch(made, at(25, made, spec)) == {}
