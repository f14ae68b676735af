"""A Canary that says something else than a VirtualService that was there before is refused, and both are named."""

import json
from typing import Any

import pytest

from handlers.errors import BadCanary
from handlers.rollout.spec.match import MATCH
from handlers.rollout.weights import Split
from handlers.routers import istio
from tests.routers.test_istio_adopted_rules import APEX, API, LEGACY, at, shares, split, there
from tests.routers.test_istio_rules import INSIDER, canary

THERE = "VirtualService default/podinfo, which is there already,"
TESTED: dict[str, Any] = {"iterations": 3, "match": [{"uri": {"prefix": "/beta"}}]}
SHARED = {"route": [{"destination": {"host": "podinfo"}, "weight": 80}, {"destination": {"host": "old"}, "weight": 20}]}
SUBSET = {"route": [{"destination": {"host": "podinfo", "subset": "v1"}}]}
CORS = {"allowOrigins": [{"exact": "*"}]}


def refused(spec: Any, existing: dict[str, Any]) -> str:
    """Why; empty where the Canary may have the VirtualService."""
    try:
        istio.check_adoption(spec, existing)
    except BadCanary as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("spec", "existing", "says"),
    [
        pytest.param(
            canary(service={"timeout": "5s"}),
            there(LEGACY, API),
            f'spec.service.timeout: "5s", but {THERE} says http[1].timeout "15s"; make them equal or leave one out',
            id="timeout",
        ),
        pytest.param(
            canary(service={"rewrite": {"uri": "/v2"}}),
            there(API),
            f'spec.service.rewrite: {{"uri": "/v2"}}, but {THERE} says http[0].rewrite {{"uri": "/"}}; make',
            id="rewrite",
        ),
        pytest.param(
            canary(service={"retries": {"attempts": 1}}),
            there({**APEX, "retries": {"attempts": 2}}),
            f'spec.service.retries: {{"attempts": 1}}, but {THERE} says http[0].retries {{"attempts": 2}}; make',
            id="retries",
        ),
        pytest.param(
            canary(service={"headers": {"request": {"set": {"a": "b"}}}}),
            there({**APEX, "headers": {"request": {"remove": ["a"]}}}),
            f"but {THERE} says http[0].headers",
            id="headers",
        ),
        pytest.param(
            canary(service={"corsPolicy": CORS}),
            there({**APEX, "corsPolicy": {"maxAge": "1h"}}),
            f"but {THERE} says http[0].corsPolicy",
            id="corsPolicy",
        ),
        pytest.param(
            canary(service={"match": LEGACY["match"]}),
            there(API),
            f'spec.service.match: [{{"uri": {{"prefix": "/legacy"}}}}], but {THERE} says http[0].match',
            id="another match",
        ),
        pytest.param(
            canary(service={"match": LEGACY["match"]}),
            there(APEX),
            f"{THERE} has http[0] for all that comes to it; leave it out, or give that rule the same match",
            id="a match that others would be left out of",
        ),
        pytest.param(
            canary(**TESTED),
            there(API),
            "match[0].uri: cannot be combined with VirtualService default/podinfo http[0].match[0].uri; leave out one",
            id="a test of other requests",
        ),
        pytest.param(
            canary(mirror=True),
            there({**APEX, "mirror": {"host": "shadow"}}),
            f'spec.analysis.mirror: true, but {THERE} says http[0].mirror {{"host": "shadow"}}; leave one out',
            id="two mirrors",
        ),
        pytest.param(
            canary(service={"delegation": True}),
            there(APEX, gateways=None),
            f'spec.service.delegation: true, but {THERE} says hosts ["shop.example.com"]; leave delegation out',
            id="a delegate with hosts",
        ),
        pytest.param(
            canary(service={"hosts": ["a.example.com"]}),
            there(APEX, hosts=None, gateways=None),
            f'spec.service.hosts: ["a.example.com"], but {THERE} has no hosts: others delegate to it; leave hosts out',
            id="hosts for a delegate",
        ),
        pytest.param(
            canary(service={"appProtocol": "TCP"}),
            there(APEX),
            f'spec.service.appProtocol: "TCP", but {THERE} has http[0] for Service podinfo; leave tcp out',
            id="requests, and a TCP canary",
        ),
        pytest.param(
            canary(),
            there(http=None, tcp=[APEX]),
            f'spec.service.appProtocol: "", but {THERE} has tcp[0] for Service podinfo; say tcp',
            id="connections only, and a canary of requests",
        ),
        pytest.param(
            canary(),
            there(LEGACY, SHARED),
            f'spec.service.name: "podinfo", but {THERE} says http[1].route ["podinfo", "old"]; give the Service a rule',
            id="a rule that leads elsewhere as well",
        ),
        pytest.param(
            canary(), there(SUBSET), f'{THERE} says http[0].route ["podinfo/v1"]; give the Service', id="a subset"
        ),
        pytest.param(
            canary(),
            there({"route": [{"destination": {"host": "other"}}]}),
            f'spec.service.name: "podinfo", but {THERE} leads nowhere to it, and its http[0] takes all',
            id="somebody else's",
        ),
    ],
)
def test_a_contradiction_is_named_by_both_sides(spec: Any, existing: dict[str, Any], says: str) -> None:
    """Field and value of the Canary, object, field and value of what is there, and what to do."""
    assert says in refused(spec, existing)


def test_each_contradiction_is_named() -> None:
    """All of them at once, or mending them would take as many tries."""
    spec = canary(service={"timeout": "5s", "rewrite": {"uri": "/v2"}})
    assert refused(spec, there(API)).count("make them equal or leave one out") == 2
    both = there(API, {**APEX, "timeout": "1s"})
    assert "http[0].timeout" in refused(spec, both)
    assert "http[1].timeout" in refused(spec, both)


@pytest.mark.parametrize(
    ("spec", "existing"),
    [
        pytest.param(canary(service={"timeout": "15s"}), there(API), id="the same"),
        pytest.param(canary(service={"retries": {"attempts": 1}}), there(API), id="only the Canary says it"),
        pytest.param(canary(), there(LEGACY, API, APEX), id="only the VirtualService says it"),
        pytest.param(canary(service={"match": API["match"]}), there(API), id="the same match"),
        pytest.param(canary(service={"delegation": True}), there(APEX, hosts=None, gateways=None), id="a delegate"),
        pytest.param(canary(), there(LEGACY), id="a place behind foreign rules"),
        pytest.param(canary(), there(APEX, tcp=[LEGACY]), id="connections to others"),
        pytest.param(
            canary(annotations={MATCH: json.dumps([INSIDER])}),
            there(API),
            id="testers",
        ),
    ],
)
def test_what_agrees_is_taken(spec: Any, existing: dict[str, Any]) -> None:
    """Nothing is refused, neither at first nor with the VirtualService as it is from then on."""
    assert refused(spec, existing) == ""
    assert refused(spec, istio.route(spec, Split(weight=20), existing)) == ""


def test_an_edit_that_contradicts_is_refused_later_as_well() -> None:
    """The rule still has what the user's says, and the Canary is told so."""
    live = at(20, there(LEGACY, API))
    assert "http[1].timeout" in refused(canary(service={"timeout": "5s"}), live)


def test_ours_contradicts_nothing() -> None:
    """A VirtualService that we made follows its Canary, as does a new one."""
    made = istio.route(canary(service={"timeout": "5s"}), Split(weight=0), None)
    istio.check_adoption(canary(service={"timeout": "7s"}), made)
    istio.check_adoption(canary(), None)


@pytest.mark.parametrize("foreign", [SHARED, SUBSET, {"route": [{"destination": {"host": "other"}}]}])
def test_a_refused_canary_can_still_be_rolled_back(foreign: dict[str, Any]) -> None:
    """The user has changed the rules in the middle of a run: rules of ours go to the primary, his stay."""
    live = at(60, there(APEX))
    live["spec"]["http"].append(foreign)
    assert istio.weights(canary(), live) is not None
    back = at(0, live)
    assert shares(back["spec"]["http"][0]) == split(0)
    assert back["spec"]["http"][1] == foreign


def test_a_field_that_contradicts_is_not_written() -> None:
    """What served goes on serving: at a rollback the rule keeps what it says."""
    live = at(60, there(API))
    [rule] = at(0, live, canary(service={"timeout": "5s", "match": LEGACY["match"]}))["spec"]["http"]
    assert (rule["timeout"], rule["match"]) == (API["timeout"], API["match"])
