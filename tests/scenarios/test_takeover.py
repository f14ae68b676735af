"""A cluster that Flagger has run is taken over at any point, and two Canaries never fight over one target.

Where Flagger is stopped is a point of its recordings (tests/flagger.py), so between any two of its writes.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from handlers.errors import BadCanary
from handlers.rollout.objects import CANARY as CANARY_KIND
from handlers.rollout.objects import DEPLOYMENT, annotations
from handlers.rollout.spec import canary as canaries
from handlers.rollout.spec.canary import FINALIZER
from handlers.rollout.weights import Weights
from handlers.routers import istio
from handlers.step.step import step
from handlers.step.sweep import sweep
from tests.conformance.deviations import expected
from tests.conformance.replay import rows_of
from tests.flagger import STATUS as STATUS_PATH
from tests.flagger import TRACES, Row, left, point, recording
from tests.lab import TICK, Lab, a_canary, an_alert, at, new_lab
from tests.protocol.harness import ROUTE, finish, state_of
from tests.protocol.scenarios import daemons, served
from tests.protocol.steps import image

CANARY = "flagger.app/v1beta1/canaries/app"
AT_REST = ("Initialized", "Succeeded", "Failed")
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


WEIGHTED, GATED, CONFIGURED = "weighted-promotes", "gate-promotion", "configmap-tracked"
TO_CANARY = ["vs", {"hosts": ["app"], "gateways": ["mesh"], "http": [{"to": {"app-primary": 0, "app-canary": 100}}]}]
BOTH = {"to": {"app-primary": 100, "app-canary": 0}, "mirror": {"host": "app-canary"}}
MIRRORED = ["vs", {"hosts": ["app"], "gateways": ["mesh"], "http": [BOTH]}]
PRIMARY, STATUS, TARGET = "app-primary", "status", "target"
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


def routed(lab: Lab) -> Weights | None:
    """What the VirtualService does, whatever its rules; None while there is none."""
    canary = canaries.parse(lab.canary)
    route = lab.get(f"networking.istio.io/v1beta1/virtualservices/{canary.service.apex}")
    return istio.weights(canary, route) if route else None


def share(lab: Lab) -> int:
    """The canary's share of the traffic, or of the matched requests."""
    now = routed(lab)
    return now.canary if now else 0


def pods(obj: Any) -> int:
    """How many pods of a workload can take traffic."""
    return int(((obj or {}).get("status") or {}).get("readyReplicas", 0))


class Watch:
    """Looks on while a rollout that was taken over goes on."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.began = lab, lab.clock()
        self.weight, self.asked = share(lab), 0
        lab.cluster.after = self._after

    def to_the_end(self, limit: int = 60) -> None:
        """Tick until it is at rest and nothing moves any more."""
        quiet = 0
        for _ in range(limit):
            before = self.lab.api.store.revision
            self.lab.kubelet.run()
            self.traffic_has_pods()
            self.lab.clock.tick(10)
            self.lab.step()
            self.traffic_has_pods()
            quiet = quiet + 1 if self.lab.phase in AT_REST and self.lab.api.store.revision == before else 0
            if quiet > 1:
                return
        raise AssertionError(f"it never ends: {state_of(self.lab)} {self.lab.events}")

    def traffic_has_pods(self) -> None:
        """Each side that has traffic has pods (invariant 1)."""
        now = routed(self.lab)
        if now is None:
            return
        primary = now.primary or now.matched
        for traffic, obj in ((primary, self.lab.primary), (now.canary, self.lab.target)):
            assert not traffic or pods(obj), (now, self.lab.events[-3:])

    def _after(self, verb: str, path: str) -> None:
        if verb != "patch" or "virtualservices" not in path:
            return
        weight, asked = share(self.lab), len(self.lab.prometheus.asked)
        if weight > self.weight:
            waited = (self.lab.clock() - self.began).total_seconds()
            assert waited >= canaries.parse(self.lab.canary).analysis.interval.total_seconds()
            assert not self.weight or asked > self.asked or not self.lab.canary["spec"]["analysis"].get("metrics")
        self.weight, self.asked = weight, asked


def made(lab: Lab) -> dict[str, Any]:
    """Owners, labels and annotations of all that is there, by kind, name and uid."""
    tables = lab.api.store.tables.items()
    return {
        f"{key[1]}/{name[1]}/{obj['metadata']['uid']}": {
            part: obj["metadata"].get(part) for part in ("ownerReferences", "labels", "annotations")
        }
        for key, table in tables
        for name, obj in table.objects.items()
        if name[0] == "shop" and key[1] != "events"
    }


def nothing_is_lost(before: dict[str, Any], after: dict[str, Any]) -> None:
    """All objects are still there, with what was on them."""
    for name, meta in before.items():
        assert name in after
        assert after[name]["ownerReferences"] == meta["ownerReferences"]
        for part in ("labels", "annotations"):
            assert (meta[part] or {}).items() <= (after[name][part] or {}).items(), (name, part)


def taken_over(lab: Lab) -> list[str]:
    """The Events that say so."""
    return [event for event in lab.events if "Taking over" in event]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.trace}: {case.why}".replace(" ", "-"))
def test_a_rollout_goes_on_where_flagger_has_left_it(case: Case) -> None:
    """The first look moves nothing and says what it has found; then it goes on to a good end, with traffic on pods."""
    lab = case.left()
    before, routes, target = made(lab), routed(lab), lab.target["spec"]["replicas"]
    watch = Watch(lab)
    lab.clock.tick(10)
    watch.began = lab.clock()
    lab.step()
    state = state_of(lab)
    assert (state.phase.value, state.weight, state.iterations) == case.found
    assert (routed(lab), lab.target["spec"]["replicas"]) == (routes, target)
    assert [case.says in event for event in taken_over(lab)] == [True]
    history = json.loads(annotations(lab.canary)["serinus.dev/history"])
    assert [entry["stage"] for entry in history] == ["taken over"]
    lab.step()  # and nothing is asked or raised until an interval has passed
    assert (share(lab) <= case.found[1], lab.prometheus.asked) == (True, [])
    watch.to_the_end()
    assert (lab.phase, image(lab)) == case.ends
    assert (lab.target["spec"]["replicas"], share(lab), len(taken_over(lab))) == (0, 0, 1)
    nothing_is_lost(before, made(lab))


@pytest.mark.parametrize("name", [name for name in TRACES if recording(name)["end"].get("phase") == "Succeeded"])
def test_what_is_left_at_rest_is_what_flagger_leaves(name: str) -> None:
    """So that Flagger, once it is started again, finds Services, routes, copies and scalers as it would make them."""
    lab = left(name, point(name, [STATUS, "Progressing", 0]))
    Watch(lab).to_the_end()
    apex = lab.canary["spec"]["service"].get("name", "app")
    found = {name: row for name, row in rows_of(lab, apex) if name not in (STATUS, TARGET, PRIMARY)}
    final = {row[0]: row for row in expected(recording(name))}
    assert found == {name: final[name] for name in found}
    assert (lab.phase, lab.target["spec"]["replicas"]) == ("Succeeded", 0)


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


@pytest.mark.parametrize(
    ("name", "row", "ends", "says"),
    [
        pytest.param(WEIGHTED, [STATUS, "Progressing", 40], ("Failed", "app:v1"), "Rolling back", id="at once"),
        pytest.param(WEIGHTED, [STATUS, "Promoting"], ("Succeeded", "app:v2"), "is too late", id="too late"),
        pytest.param(CONFIGURED, [STATUS, "Progressing", 40], ("Failed", "app:v1"), "Rolling back", id="of a config"),
        pytest.param(CONFIGURED, [STATUS, "Promoting"], ("Succeeded", "app:v1"), "is too late", id="config copied"),
    ],
)
def test_an_alert_may_be_the_first_that_is_heard(name: str, row: Row, ends: tuple[str, str], says: str) -> None:
    """It does not wait for a tick to take over first; what was taken over is told all the same."""
    lab = left(name, point(name, row))
    lab.step(an_alert(lab.clock()))
    assert (lab.phase == "Failed") == (ends[0] == "Failed")
    assert len(taken_over(lab)) == 1
    assert any(says in event for event in lab.events)
    Watch(lab).to_the_end()
    assert (lab.phase, image(lab), share(lab), len(taken_over(lab))) == (*ends, 0, 1)


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


def test_an_alert_from_before_the_run_is_not_about_it() -> None:
    """The run began when Flagger began it."""
    lab = left(WEIGHTED, point(WEIGHTED, [STATUS, "Progressing", 40]))
    began = lab.canary["status"]["conditions"][0]["lastTransitionTime"]
    lab.step(an_alert(datetime.fromisoformat(began) - timedelta(seconds=1)))
    assert (share(lab), taken_over(lab)) == (40, [])


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


LOST = {f"serinus.dev/{name}": None for name in ("state", "history")}


def forgotten(lab: Lab) -> Lab:
    """Somebody has replaced the Canary, and the annotations are gone."""
    lab.edit(CANARY, {"metadata": {"annotations": LOST}})
    return lab


@pytest.mark.parametrize(
    ("ready", "phase", "weight"),
    [
        pytest.param(lambda: at(new_lab(), "Progressing", 40), "Progressing", 40, id="in the middle"),
        pytest.param(lambda: at(daemons(), "Progressing", 40), "Progressing", 40, id="a DaemonSet"),
        pytest.param(lambda: at(new_lab(), "Promoting", 60), "Promoting", 60, id="promoting"),
        pytest.param(lambda: at(new_lab(), "Finalising"), "Finalising", 0, id="finalising"),
        pytest.param(lambda: served(at_weight=40), "Progressing", 40, id="a Service"),
    ],
)
def test_lost_annotations_are_made_up_for(ready: Callable[[], Lab], phase: str, weight: int) -> None:
    """Our own `.status` is as good as Flagger's, and says the revision exactly."""
    lab = forgotten(ready())
    lab.tick()
    assert (lab.phase, state_of(lab).weight, share(lab)) == (phase, weight, weight)
    lab.tick(20)
    assert (lab.phase, share(lab), len(taken_over(lab))) == ("Succeeded", 0, 1)
    primary = lab.primary  # a Service has none
    assert primary is None or primary["spec"]["template"]["spec"]["containers"][0]["image"] == "app:v2"


def test_a_service_that_was_promoted_is_not_copied_over() -> None:
    """Where not even a status is left, what NAME-primary points at stays until something else was analysed."""
    lab = forgotten(served(at_weight=40))
    assert lab.api.call("PATCH", STATUS_PATH, {"status": {"phase": ""}}).status == 200
    lab.edit("v1/services/app-primary", {"metadata": {"annotations": {"serinus.dev/promoted": None}}})
    lab.until("Initialized")
    assert lab.get("v1/services/app-primary")["spec"]["selector"] == {"version": "1"}
    lab.until("Succeeded")
    assert lab.get("v1/services/app-primary")["spec"]["selector"] == {"version": "2"}


@pytest.mark.parametrize("row", [[STATUS, "Initialized"], [PRIMARY, "app:v1"]], ids=["at rest", "initializing"])
def test_a_primary_that_is_selected_by_another_label_is_refused(row: Row) -> None:
    """Or its Service would lead to no pod; nothing is touched, and the setting is named."""
    lab = left(WEIGHTED, point(WEIGHTED, row))
    primary = json.loads(json.dumps(lab.primary).replace('"app": "app-primary"', '"k8s-app": "app-primary"'))
    lab.delete(DEPLOYMENT, "app-primary")
    meta = {key: primary["metadata"][key] for key in ("name", "labels", "ownerReferences")}
    lab.create(DEPLOYMENT, {**primary, "metadata": meta})
    before = made(lab)
    with pytest.raises(BadCanary, match=r"label app=, expected app=app-primary; SERINUS_SELECTOR_LABELS"):
        lab.step()
    assert made(lab) == before


def test_a_deletion_that_flagger_has_begun_is_finished() -> None:
    """Its finalizer is let go when the target has pods and traffic again."""
    stop = point("revert-on-deletion", [STATUS, "Initialized"])
    lab = left("revert-on-deletion", stop)
    lab.edit(CANARY, {"metadata": {"finalizers": [FINALIZER]}}, manager="flagger")
    lab.delete(CANARY_KIND, "app")
    lab.tick(4)
    assert (lab.canary, lab.target["spec"]["replicas"]) == (None, 1)


def points(name: str) -> Sequence[int]:
    """After each write of a recording, until the Canary is deleted; what all begin with only in one of them."""
    rows = recording(name)["writes"]
    begun = rows.index([STATUS, "Initialized", 0, 0, 0]) if name != WEIGHTED else 0
    end = next((index for index, row in enumerate(rows) if row[:2] == [STATUS, "Terminating"]), len(rows))
    return range(begun + 1, end + 1)


@pytest.mark.parametrize("name", TRACES)
def test_flagger_may_stop_after_any_write(name: str) -> None:
    """Between any two of its writes: whoever has traffic has pods, no raise is unchecked, the end is a right one."""
    for stop in points(name):
        lab = left(name, stop)
        before, was, status = made(lab), image(lab) if lab.primary else "", lab.canary.get("status") or {}
        Watch(lab).to_the_end()
        wanted = lab.target["spec"]["template"]["spec"]["containers"][0]["image"]
        never = wanted in lab.kubelet.never
        bad = status.get("phase") == "Failed" or never or status.get("failedChecks", 0) >= 3
        assert (image(lab), lab.phase == "Failed") == (was if bad else wanted, bad), (stop, lab.events)
        assert (lab.target["spec"]["replicas"], share(lab)) == (0, 0), (stop, lab.events)
        nothing_is_lost(before, made(lab))


def test_a_second_canary_on_one_target_is_refused() -> None:
    """Both are named, nothing of the first is touched, and the first goes on; other canaries cost nothing more."""
    lab = new_lab()
    lab.until("Initialized")
    second = a_canary()
    second["metadata"]["name"] = "another"
    path = "/apis/flagger.app/v1beta1/namespaces/shop/canaries"
    assert lab.api.call("POST", path, second).status == 201
    before = lab.get(ROUTE), lab.primary
    with pytest.raises(BadCanary, match=r"belongs to Canary app already.*Canary another has to name another"):
        step(lab.world, type(lab.ref)(lab.ref.kind, "shop", "another"), TICK)
    for _ in range(3):
        lab.clock.tick(10)
        sweep(lab.world, (), TICK)
    assert (lab.get(ROUTE), lab.primary) == before
    assert sum("belongs to Canary app already" in event for event in lab.events) == 1
    lab.push("app:v2")
    lab.until("Succeeded")
    finish(lab)
    assert lab.phase == "Succeeded"
