"""Whatever a VirtualService says that was there before, and whatever its Canary wants of it."""

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from handlers.rollout.objects import merge_patch
from handlers.rollout.spec.canary import Canary
from handlers.rollout.spec.match import MATCH
from handlers.rollout.weights import Split, Weights
from handlers.routers import istio
from tests.routers.test_istio_adopted_rules import APEX, API, LEGACY, MOVED, there
from tests.routers.test_istio_rules import COOKIE, INSIDER, canary

BASES = st.sampled_from([APEX, API, {"match": [{"uri": {"prefix": "/x"}}, {"port": 80}], **APEX}])
FOREIGN = st.sampled_from(
    [LEGACY, MOVED, {"name": "w", "match": [{"port": 1}], "route": [{"destination": {"host": "w"}}]}]
)
CANARIES = (
    canary(),
    canary(service={"retries": {"attempts": 2}, "hosts": ["b.example.com"], "gateways": ["istio-system/other"]}),
    canary(iterations=3, match=[INSIDER]),
    canary(sessionAffinity=COOKIE),
    canary(mirror=True),
    canary(annotations={MATCH: json.dumps([INSIDER])}),
)


@st.composite
def http_rules(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rules for the apex, each match once, among foreign ones."""
    bases = draw(st.lists(BASES, max_size=3, unique_by=lambda rule: str(rule.get("match"))))
    rules = [*bases, *draw(st.lists(FOREIGN, max_size=3))]
    return draw(st.permutations(rules))


@st.composite
def splits(draw: st.DrawFn, spec: Canary) -> Split:
    """What a step may want of a Canary's route."""
    weight = draw(st.integers(0, 100))
    matched = bool(spec.analysis.match) and draw(st.booleans())
    cookie = draw(st.sampled_from(["", "flagger-cookie=abc"])) if spec.analysis.affinity else ""
    previous = draw(st.sampled_from(["", "flagger-cookie=old"])) if spec.analysis.affinity else ""
    testers = draw(st.booleans())
    if spec.analysis.mirror and draw(st.booleans()):
        return Split(weight=0, mirrored=True)
    return Split(weight=weight, matched=matched, cookie=cookie, previous_cookie=previous, testers=testers)


@given(data=st.data(), http=http_rules(), spec=st.sampled_from(CANARIES), gateways=st.sampled_from([None, ["gw"]]))
def test_whatever_is_adopted_is_kept_read_and_given_back(
    data: st.DataObject, http: list[dict[str, Any]], spec: Canary, gateways: list[str] | None
) -> None:
    """Whatever the way: foreign rules and hosts stay in order, weights read back, a second time nothing is written."""
    before = there(*http, gateways=gateways)
    untouched, live = copy.deepcopy(before), before
    for _ in range(data.draw(st.integers(1, 3))):
        wanted = data.draw(splits(spec))
        live = istio.route(spec, wanted, live)
        foreign = [rule for rule in http if "podinfo" not in str(rule)]
        assert [rule for rule in live["spec"]["http"] if "podinfo" not in str(rule)] == foreign
        assert live["spec"]["hosts"][:1] == ["shop.example.com"]
        assert live["spec"]["gateways"][: len(gateways or [])] == (gateways or [])
        assert merge_patch(live, istio.route(spec, wanted, live)) == {}
        matched = wanted.matched or (bool(spec.analysis.match) and not wanted.weight)
        weight = Weights(100 - wanted.weight, wanted.weight, wanted.mirrored, matched)
        assert istio.weights(spec, live) == weight
    [(_, back)] = istio.restored(spec, {spec.route_ref: live})
    assert back["spec"] == untouched["spec"]
    assert before == untouched
