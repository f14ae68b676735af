"""What the sweeps share: processes whose every call can be watched, what a rollout leaves behind, how it ends."""

import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from threading import Semaphore, Thread
from typing import Any

from handlers.errors import Temporary, Unavailable
from handlers.providers.prometheus import MetricServer
from handlers.rollout.objects import Object
from handlers.rollout.objects.configs import digest, references
from handlers.rollout.objects.revision import of_target
from handlers.rollout.snapshot import Cause
from handlers.rollout.state import State, load
from handlers.step.ports import Request, Response, World
from handlers.step.step import step
from handlers.step.sweep import sweep
from tests.fakes import ApiCluster, Died, Prometheus, Webhooks
from tests.lab import TICK, Lab

AT_REST = ("Initialized", "Succeeded", "Failed")
ROUTE = "networking.istio.io/v1beta1/virtualservices/app"
_NONCES = count(1)
_NONCE = re.compile(r"nonce-[0-9.]+")


@dataclass
class Watcher:
    """Sees each call of a process, whether to the API, to a webhook or to Prometheus, before and after it is made."""

    before: Callable[[str, str], None] = lambda _verb, _path: None
    after: Callable[[str, str], None] = lambda _verb, _path: None


@dataclass
class _WatchedHttp:
    inner: Webhooks
    watcher: Watcher

    def send(self, request: Request) -> Response:
        self.watcher.before("send", request.url)
        response = self.inner.send(request)
        self.watcher.after("send", request.url)
        return response


@dataclass
class _WatchedMetrics:
    inner: Prometheus
    watcher: Watcher

    def query(self, server: MetricServer, promql: str) -> Sequence[Object]:
        self.watcher.before("query", promql)
        result = self.inner.query(server, promql)
        self.watcher.after("query", promql)
        return result


def process(lab: Lab, watcher: Watcher, prometheus: Prometheus | None = None) -> World:
    """A process of its own on the lab's cluster."""
    return replace(
        lab.world,
        cluster=ApiCluster(lab.api, before=watcher.before, after=watcher.after),
        http=_WatchedHttp(lab.webhooks, watcher),
        metrics=_WatchedMetrics(prometheus or lab.prometheus, watcher),
        nonce=lambda: f"nonce-{next(_NONCES)}",
    )


def twin(lab: Lab) -> Lab:
    """A lab in the same state, with the same answers to come, that goes its own way."""
    new = lab.copy()
    new.webhooks.answers = {url: list(answers) for url, answers in lab.webhooks.answers.items()}
    new.prometheus.values = {part: list(values) for part, values in lab.prometheus.values.items()}
    new.world = replace(new.world, nonce=lambda: f"nonce-{next(_NONCES)}")
    return new


@dataclass
class Trace:
    """Remembers the calls of a process."""

    calls: list[tuple[str, str]] = field(default_factory=list)

    @property
    def watcher(self) -> Watcher:
        """What to hand to the process."""
        return Watcher(before=lambda verb, path: self.calls.append((verb, path)))


@dataclass
class Fault:
    """Goes wrong at one call: before the first (`at` = 0), or after the `at`-th.

    `dies`: the process ends there. `lost`: the call was made, and is seen as failed. `refused`: it is not made at all.
    """

    kind: str
    at: int
    made: int = 0

    @property
    def watcher(self) -> Watcher:
        """What to hand to the process."""
        return Watcher(before=self._before, after=self._after)

    def _before(self, verb: str, path: str) -> None:
        if self.kind == "dies" and self.at == 0:
            raise Died
        if self.kind == "refused" and self.made + 1 == self.at:
            self.made += 1
            raise Unavailable(f"{verb} {path}: connection refused")

    def _after(self, verb: str, path: str) -> None:
        self.made += 1
        if self.made == self.at and self.kind == "dies":
            raise Died
        if self.made == self.at and self.kind == "lost":
            raise Unavailable(f"{verb} {path}: the answer was lost")


def run(world: World, lab: Lab, cause: Cause = TICK) -> str:
    """One step by a process, to whatever end; how it ended."""
    try:
        return step(world, lab.ref, cause).told
    except Died:
        return "died"
    except Temporary as error:
        return f"503 {error}"


class Handler:
    """A process that makes one step in a thread of its own, and each call only when it is let."""

    def __init__(self, work: Callable[[Watcher], str], after: Callable[[str, str], None]) -> None:
        self.ended = False
        self.result: str | BaseException = ""
        self.next = ("", "")
        self._work = work
        self._after = after
        self._may = Semaphore(0)
        self._stands = Semaphore(0)
        self._thread = Thread(target=self._run, daemon=True)

    def go(self, calls: int = 1_000) -> int:
        """Let it make this many calls; how many it made before it ended. It has stopped when this returns."""
        if not self._thread.ident:
            self._thread.start()
            self._stands.acquire()
        for made in range(calls):
            if self.ended:
                return made
            self._may.release()
            self._stands.acquire()
        return calls

    def to(self, verb: str, end: str) -> "Handler":
        """Let it go on until such a call is the next that it makes."""
        self.go(0)
        while not self.ended and not (self.next[0] == verb and self.next[1].endswith(end)):
            self.go(1)
        assert not self.ended, f"it ended before {verb} {end}: {self.result}"
        return self

    def _run(self) -> None:
        try:
            self.result = self._work(Watcher(before=self._before, after=self._after))
        except BaseException as error:  # noqa: BLE001  told to the test by whoever asks for the result
            self.result = error
        self.ended = True
        self._stands.release()

    def _before(self, verb: str, path: str) -> None:
        self.next = (verb, path)
        self._stands.release()
        self._may.acquire()


def finish(lab: Lab, *, limit: int = 80) -> None:
    """Ticks, one an interval, until the rollout is over, everything is told, and nothing moves any more."""
    quiet = 0
    for _ in range(limit):
        lab.kubelet.run()
        lab.clock.tick(10)
        before = lab.api.store.revision
        with suppress(Temporary):
            sweep(lab.world, (), TICK)
        state = state_of(lab)
        at_rest = state.phase.value in AT_REST and not state.claim and not state.outbox
        over = lab.canary is None or at_rest
        quiet = quiet + 1 if over and lab.api.store.revision == before else 0
        if quiet > 1:
            return
    raise AssertionError(f"it never ends: {state_of(lab)} {lab.events}")


def state_of(lab: Lab) -> State:
    """The state in the Canary's annotation."""
    return load((lab.canary or {"metadata": {}})["metadata"].get("annotations") or {}) or State()


def revision_of(lab: Lab) -> str:
    """The revision that the target shows now, by its template and its configs."""
    found = {config: lab.get(f"v1/{config.replace('/', 's/')}") for config in references(lab.target)}
    digests = {config: digest(config, obj) for config, obj in found.items() if obj}
    return of_target(lab.target, digests, state_of(lab).baseline)


def picture(lab: Lab) -> dict[str, Any]:
    """What a rollout leaves behind, without times, counters, nonces and the order of alerts, known to fire or not."""
    specs = {
        path: (lab.get(path) or {}).get("data" if "configmaps" in path or "secrets" in path else "spec")
        for path in (
            "apps/v1/deployments/app",
            "apps/v1/deployments/app-primary",
            ROUTE,
            "networking.istio.io/v1beta1/destinationrules/app-canary",
            "networking.istio.io/v1beta1/destinationrules/app-primary",
            "apps/v1/daemonsets/app",
            "apps/v1/daemonsets/app-primary",
            "autoscaling/v2/horizontalpodautoscalers/app-primary",
            "keda.sh/v1alpha1/scaledobjects/app-primary",
            *("v1/configmaps/app-config", "v1/configmaps/app-config-primary", "v1/secrets/app-secret-primary"),
            *("v1/services/app", "v1/services/app-canary", "v1/services/app-primary"),
        )
    }
    known = state_of(lab)
    state = replace(
        known,
        seq=0,
        stepped=None,
        started=None,
        deadline=None,
        observed={},
        alerts=tuple(sorted(known.alerts)),
        firing=(),
    )
    shown = ("phase", "canaryWeight", "failedChecks", "iterations", "lastAppliedSpec", "lastPromotedSpec")
    status = (lab.canary or {}).get("status") or {}
    scaler = lab.get("keda.sh/v1alpha1/scaledobjects/app") or {"metadata": {}}
    return {
        **specs,
        "scaler": scaler["metadata"].get("annotations"),
        "promoted": ((lab.primary or {}).get("metadata", {}).get("annotations") or {}).get("serinus.dev/promoted"),
        "status": {key: status.get(key) for key in shown},
        "condition": [(item["status"], item["reason"]) for item in status.get("conditions", ())],
        "state": state,
        "firing": sorted((alert.key, alert.holds, alert.told) for alert in known.firing),
    }


def told(lab: Lab) -> list[tuple[str, str, str]]:
    """What webhooks were sent: where, what about (without the time of sending), under which Idempotency-Key."""
    found = []
    for request in lab.webhooks.asked:
        body = json.loads(request.body)
        (body.get("metadata") or {}).pop("timestamp", None)
        about = json.dumps(body, sort_keys=True)
        found.append((request.url, about, request.headers["Idempotency-Key"]))
    return found


def content(lab: Lab) -> str:
    """All that decides how a rollout goes on from here: everything in the namespace but nonces, times and versions."""
    tables = lab.api.store.tables.items()
    objects = {
        f"{key}{name}": _plain(obj)
        for key, table in tables
        for name, obj in table.objects.items()
        if name[0] and key[1] != "events"
    }
    known = [objects, str(lab.clock.moment), sorted(lab.events), _texts(lab)]
    return _NONCE.sub("nonce", json.dumps(known, sort_keys=True))


def _texts(lab: Lab) -> list[tuple[str, str]]:
    return [(url, about) for url, about, _ in told(lab)]


def _plain(obj: Any) -> Any:
    meta = {key: value for key, value in obj["metadata"].items() if key in ("name", "generation", "annotations")}
    return {**obj, "metadata": meta}
