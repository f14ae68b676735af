"""A cluster that Flagger has run is taken over at any point.

Where Flagger is stopped is a point of its recordings (tests/flagger.py), so between any two of its writes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from handlers.rollout.objects import CANARY as CANARY_KIND
from handlers.rollout.objects import DEPLOYMENT, annotations
from handlers.rollout.spec.canary import FINALIZER
from tests.conformance.deviations import expected
from tests.conformance.replay import rows_of
from tests.conformance.rows import replicas_of
from tests.flagger import TRACES, Row, left, point, recording
from tests.lab import Lab
from tests.protocol.harness import state_of
from tests.protocol.steps import image
from tests.scenarios.takeovers import (
    CANARY,
    GATED,
    PRIMARY,
    STATUS,
    TARGET,
    WEIGHTED,
    Watch,
    made,
    nothing_is_lost,
    routed,
    share,
    taken_over,
)

ON, BACK, NEW = "the analysis goes on", "the promotion goes on", "shows another revision"
AGAIN, GATE, REST = "the analysis begins again", "goes on waiting for approval", "it is at rest"


@dataclass(frozen=True, kw_only=True)
class Case:
    """Where Flagger is stopped, what is found there, and how it ends."""

    why: str
    trace: str
    row: Row
    found: tuple[str, int, int]  # phase, weight, iterations
    says: str
    ends: tuple[str, str] = ("Succeeded", "app:v2")
    nth: int = 1
    more: Sequence[Row] = ()
    analysis: dict[str, Any] = field(default_factory=dict)

    def left(self) -> Lab:
        """The cluster as Flagger leaves it."""
        return left(self.trace, point(self.trace, self.row, self.nth), self.more, **self.analysis)


TO_CANARY = ["vs", {"hosts": ["app"], "gateways": ["mesh"], "http": [{"to": {"app-primary": 0, "app-canary": 100}}]}]
BOTH = {"to": {"app-primary": 100, "app-canary": 0}, "mirror": {"host": "app-canary"}}
MIRRORED = ["vs", {"hosts": ["app"], "gateways": ["mesh"], "http": [BOTH]}]
CASES = (
    Case(why="at rest", trace=WEIGHTED, row=[STATUS, "Initialized"], found=("Initialized", 0, 0), says=REST,
         ends=("Initialized", "app:v1")),
    Case(why="pushed and not seen", trace=WEIGHTED, row=[TARGET, "app:v2", 0], found=("Initialized", 0, 0), says=NEW),
    Case(why="pods given, not written down", trace=WEIGHTED, row=[TARGET, "app:v2", 1],
         found=("Initialized", 0, 0), says=NEW),
    Case(why="nothing analysed yet", trace=WEIGHTED, row=[STATUS, "Progressing", 0],
         found=("Progressing", 0, 0), says=ON),
    Case(why="routed, not written down", trace=WEIGHTED, row=["vs"], nth=2, found=("Progressing", 20, 0), says=ON),
    Case(why="in the middle", trace=WEIGHTED, row=[STATUS, "Progressing", 40], found=("Progressing", 40, 0), says=ON),
    Case(why="at the last weight", trace=WEIGHTED, row=[STATUS, "Progressing", 60],
         found=("Progressing", 60, 0), says=ON),
    Case(why="copied, not written down", trace=WEIGHTED, row=[PRIMARY, "app:v2"],
         found=("Promoting", 60, 0), says=BACK),
    Case(why="promoting", trace=WEIGHTED, row=[STATUS, "Promoting"], found=("Promoting", 60, 0), says=BACK),
    Case(why="shifted, not written down", trace=WEIGHTED, row=["vs"], nth=5, found=("Promoting", 0, 0), says=BACK),
    Case(why="finalising", trace=WEIGHTED, row=[STATUS, "Finalising"], found=("Finalising", 0, 0), says=BACK),
    Case(why="pods taken, not written down", trace=WEIGHTED, row=[TARGET, "app:v2", 0], nth=2,
         found=("Finalising", 0, 0), says=BACK),
    Case(why="succeeded", trace=WEIGHTED, row=[STATUS, "Succeeded"], found=("Succeeded", 0, 0), says=REST),
    Case(why="step weights", trace="step-weights", row=[STATUS, "Progressing", 15],
         found=("Progressing", 15, 0), says=ON),
    Case(why="shifting by steps", trace="step-promotion", row=[STATUS, "Promoting", 10],
         found=("Promoting", 10, 0), says=BACK),
    Case(why="Service of another name, many fields", trace="service-full", row=[STATUS, "Progressing", 50],
         found=("Progressing", 50, 0), says=ON),
    Case(why="mirrored", trace="weighted-mirror", row=["vs"], nth=2, found=("Progressing", 0, 0), says=ON),
    Case(why="waiting for approval", trace="gate-rollout", row=[STATUS, "Waiting"], found=("Waiting", 0, 0), says=GATE),
    Case(why="waiting for promotion: status says 0 % and -1", trace=GATED, row=[STATUS, "WaitingPromotion"],
         found=("WaitingPromotion", 60, 0), says=GATE),
    Case(why="approved and copied", trace=GATED, row=[PRIMARY, "app:v2"], found=("Promoting", 60, 0), says=BACK),
    Case(why="promoting after a gate: status says 0 % and -1", trace=GATED, row=[STATUS, "Promoting"],
         found=("Promoting", 60, 0), says=BACK),
    Case(why="A/B: routed, not written down", trace="ab-header", row=["vs"], nth=2,
         found=("Progressing", 100, 0), says=ON),
    Case(why="A/B: in the middle", trace="ab-header", row=[STATUS, "Progressing", 0, 0, 1],
         found=("Progressing", 100, 1), says=ON),
    Case(why="A/B: all iterations done", trace="ab-header", row=[STATUS, "Progressing", 0, 0, 3],
         found=("Progressing", 100, 3), says=ON),
    Case(why="A/B: waiting for promotion", trace="ab-header", row=[STATUS, "Progressing", 0, 0, 3],
         more=[[STATUS, "WaitingPromotion", 0, 0, 2]], found=("WaitingPromotion", 100, 3), says=GATE),
    Case(why="A/B: promoting", trace="ab-header", row=[STATUS, "Promoting"], found=("Promoting", 100, 3), says=BACK),
    Case(why="blue/green: in the middle", trace="blue-green", row=[STATUS, "Progressing", 0, 0, 2],
         found=("Progressing", 0, 2), says=ON),
    Case(why="blue/green: mirrored", trace="blue-green", row=[STATUS, "Progressing", 0, 0, 0],
         more=[MIRRORED, [STATUS, "Progressing", 0, 0, 1]], analysis={"mirror": True},
         found=("Progressing", 0, 1), says=ON),
    Case(why="blue/green: waiting before the switch", trace="blue-green", row=[STATUS, "Progressing", 0, 0, 3],
         more=[[STATUS, "WaitingPromotion", 0, 0, 2]], found=("WaitingPromotion", 0, 3), says=GATE),
    Case(why="blue/green: switched, not written down", trace="blue-green", row=["vs"], nth=2,
         found=("Progressing", 100, 3), says=ON),
    Case(why="blue/green: switched", trace="blue-green", row=[STATUS, "Progressing", 0, 0, 4],
         found=("Progressing", 100, 4), says=ON),
    Case(why="blue/green: waiting after the switch", trace="blue-green", row=[STATUS, "Progressing", 0, 0, 4],
         more=[[STATUS, "WaitingPromotion", 0, 0, 2]], found=("WaitingPromotion", 100, 4), says=GATE),
    Case(why="blue/green: promoting", trace="blue-green", row=[STATUS, "Promoting"],
         found=("Promoting", 100, 4), says=BACK),
    Case(why="cookies: in the middle", trace="session-affinity", row=[STATUS, "Progressing", 40],
         found=("Progressing", 40, 0), says=ON),
    Case(why="cookies: finalising", trace="session-affinity", row=[STATUS, "Finalising"],
         found=("Finalising", 0, 0), says=BACK),
    Case(why="a changed ConfigMap, analysed", trace="configmap-tracked", row=[STATUS, "Progressing", 40],
         found=("Progressing", 40, 0), says=ON, ends=("Succeeded", "app:v1")),
    Case(why="a changed ConfigMap, copied", trace="configmap-tracked", row=[STATUS, "Promoting"],
         found=("Promoting", 60, 0), says=BACK, ends=("Succeeded", "app:v1")),
    Case(why="a ConfigMap changed a moment ago", trace="configmap-tracked", row=[STATUS, "Progressing", 40],
         more=[["cm app-config", {"data": {"k": "c"}, "owner": []}]], found=("Progressing", 40, 0), says=AGAIN,
         ends=("Succeeded", "app:v1")),
    Case(why="an autoscaler scaled the primary", trace="hpa", row=[PRIMARY, "app:v1", 2],
         found=("Progressing", 40, 0), says=ON),
    Case(why="failed checks are kept", trace="flaky-metrics", row=[STATUS, "Progressing", 60, 2],
         found=("Progressing", 60, 0), says=ON),
    Case(why="failed checks at the threshold", trace="weighted-metrics-fail", row=[STATUS, "Progressing", 20, 3],
         found=("Progressing", 20, 0), says=ON, ends=("Failed", "app:v1")),
    Case(why="rolled back, not written down", trace="weighted-metrics-fail", row=[TARGET, "app:v2", 0], nth=2,
         found=("Progressing", 0, 0), says=ON, ends=("Failed", "app:v1")),
    Case(why="failed", trace="weighted-metrics-fail", row=[STATUS, "Failed"], found=("Failed", 0, 0),
         says="it stays so", ends=("Failed", "app:v1")),
    Case(why="failed, and pushed since", trace="weighted-metrics-fail", row=[STATUS, "Failed"],
         more=[[TARGET, "app:v3", 0]], found=("Failed", 0, 0), says=NEW, ends=("Succeeded", "app:v3")),
    Case(why="pods that never get ready", trace="never-ready", row=[STATUS, "Progressing", 0],
         found=("Progressing", 0, 0), says=ON, ends=("Failed", "app:v1")),
    Case(why="a promotion that failed: the canary serves", trace=WEIGHTED, row=[STATUS, "Promoting"],
         more=[TO_CANARY, [STATUS, "Failed", 100, 0, 0]], found=("Failed", 100, 0), says="the canary serves"),
    Case(why="another revision, not seen", trace="push-mid-run", row=[TARGET, "app:v3", 1],
         found=("Progressing", 40, 0), says=AGAIN, ends=("Succeeded", "app:v3")),
    Case(why="another revision, seen", trace="push-mid-run", row=[STATUS, "Progressing", 20], nth=2,
         found=("Progressing", 20, 0), says=ON, ends=("Succeeded", "app:v3")),
    Case(why="another revision while it waits for promotion", trace=GATED, row=[STATUS, "WaitingPromotion"],
         more=[[TARGET, "app:v3", 1]], found=("WaitingPromotion", 60, 0), says=AGAIN, ends=("Succeeded", "app:v3")),
    Case(why="another revision while it promotes", trace=WEIGHTED, row=[STATUS, "Promoting"],
         more=[[TARGET, "app:v3", 1]], found=("Promoting", 60, 0), says=NEW, ends=("Succeeded", "app:v3")),
    Case(why="pushed back, not seen", trace="revert-mid-run", row=[TARGET, "app:v1", 1], nth=2,
         found=("Progressing", 40, 0), says="the rollout ends", ends=("Initialized", "app:v1")),
    Case(why="pushed back, and gone on with", trace="revert-mid-run", row=[STATUS, "Progressing", 60],
         found=("Promoting", 60, 0), says=BACK, ends=("Succeeded", "app:v1")),
    Case(why="analysis skipped, copied", trace="skip-analysis", row=[PRIMARY, "app:v2"],
         found=("Promoting", 0, 0), says=BACK),
)  # fmt: skip  # a table is read by its lines


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.trace}: {case.why}".replace(" ", "-"))
def test_a_rollout_goes_on_where_flagger_has_left_it(case: Case) -> None:
    """The first look moves nothing and says what it has found; then it goes on to a good end, with traffic on pods."""
    lab = case.left()
    before, routes, target = made(lab), routed(lab), replicas_of(lab.target)
    watch = Watch(lab)
    lab.clock.tick(10)
    watch.began = lab.clock()
    lab.step()
    state = state_of(lab)
    assert (state.phase.value, state.weight, state.iterations) == case.found
    assert (routed(lab), replicas_of(lab.target)) == (routes, target)
    assert [case.says in event for event in taken_over(lab)] == [True]
    history = json.loads(annotations(lab.canary)["serinus.dev/history"])
    assert [entry["stage"] for entry in history] == ["taken over"]
    lab.step()  # and nothing is asked or raised until an interval has passed
    assert (share(lab) <= case.found[1], lab.prometheus.asked) == (True, [])
    watch.to_the_end()
    assert (lab.phase, image(lab)) == case.ends
    assert (replicas_of(lab.target), share(lab), len(taken_over(lab))) == (0, 0, 1)
    nothing_is_lost(before, made(lab))


def is_plain(name: str) -> bool:
    """Whether a recording tells of one run that succeeds."""
    told = recording(name)
    return told["end"].get("phase") == "Succeeded" and len(told["given"]["moves"]) == 1


@pytest.mark.parametrize("name", [name for name in TRACES if is_plain(name)])
def test_what_is_left_at_rest_is_what_flagger_leaves(name: str) -> None:
    """So that Flagger, once it is started again, finds Services, routes, copies and scalers as it would make them."""
    lab = left(name, point(name, [STATUS, "Progressing", 0]))
    Watch(lab).to_the_end()
    apex = lab.canary["spec"]["service"].get("name", "app")
    found = {name: row for name, row in rows_of(lab, apex) if name not in (STATUS, TARGET, PRIMARY)}
    final = {row[0]: row for row in expected(recording(name))}
    assert found == {name: final[name] for name in found}
    assert (lab.phase, replicas_of(lab.target)) == ("Succeeded", 0)


def test_a_gate_that_is_closed_stays_closed() -> None:
    """It is asked at each interval, keeps the weight, and is told no second time."""
    lab = left(GATED, point(GATED, [STATUS, "WaitingPromotion"]))
    lab.webhooks.answers = {"http://hooks.test/promo": [403]}
    lab.tick(5)
    assert (lab.phase, share(lab), image(lab)) == ("WaitingPromotion", 60, "app:v1")
    assert len(lab.webhooks.asked) > 3
    assert len(lab.events) == 1
    lab.webhooks.answers.clear()
    lab.until("Succeeded")


@pytest.mark.parametrize(
    ("name", "row"),
    [
        pytest.param(WEIGHTED, [STATUS, "Progressing", 60], id="last weight"),
        pytest.param(GATED, [STATUS, "WaitingPromotion"], id="waiting for promotion"),
        pytest.param("ab-header", [STATUS, "Progressing", 0, 0, 3], id="A/B testing"),
        pytest.param("blue-green", [STATUS, "Progressing", 0, 0, 4], id="blue/green"),
    ],
)
def test_nothing_is_promoted_without_our_own_checks(name: str, row: Row) -> None:
    """However far Flagger had come: its checks were its own."""
    lab = left(name, point(name, row))
    lab.prometheus.values["requests_total"] = [10]
    Watch(lab).to_the_end()
    assert (lab.phase, image(lab), share(lab)) == ("Failed", "app:v1", 0)


@pytest.mark.parametrize("row", [[STATUS, "Initialized"], [PRIMARY, "app:v1"]], ids=["at rest", "initializing"])
def test_a_primary_that_is_selected_by_another_label_is_found_by_that(row: Row) -> None:
    """Whatever SERINUS_SELECTOR_LABELS says, its Service leads to its pods, and it is not made anew."""
    lab = left(WEIGHTED, point(WEIGHTED, row))
    primary = json.loads(json.dumps(lab.primary).replace('"app": "app-primary"', '"k8s-app": "app-primary"'))
    lab.delete(DEPLOYMENT, "app-primary")
    meta = {key: primary["metadata"][key] for key in ("name", "labels", "ownerReferences")}
    lab.create(DEPLOYMENT, {**primary, "metadata": meta})
    uid = lab.primary["metadata"]["uid"]
    lab.tick(3)
    selector = lab.get("v1/services/app-primary")["spec"]["selector"]
    assert selector == lab.primary["spec"]["selector"]["matchLabels"] == {"k8s-app": "app-primary"}
    assert lab.primary["metadata"]["uid"] == uid


def test_a_deletion_that_flagger_has_begun_is_finished() -> None:
    """Its finalizer is let go when the target has pods and traffic again."""
    stop = point("revert-on-deletion", [STATUS, "Initialized"])
    lab = left("revert-on-deletion", stop)
    lab.edit(CANARY, {"metadata": {"finalizers": [FINALIZER]}}, manager="flagger")
    lab.delete(CANARY_KIND, "app")
    lab.tick(4)
    assert (lab.canary, replicas_of(lab.target)) == (None, 1)
