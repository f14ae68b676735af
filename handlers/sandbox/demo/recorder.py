"""Writes down what happens in the cluster, at Envoy and at Prometheus while the story goes on."""

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

import urllib3

from handlers.rollout import history
from handlers.sandbox.behaviour import version
from handlers.sandbox.demo.model import Counters, Happening, Routed, Step, Tally
from handlers.sandbox.demo.story import APP, NAMESPACE
from handlers.sandbox.informer import Agent, Informers
from handlers.sandbox.kube import DEPLOYMENTS, VIRTUAL_SERVICES, Object, Resource
from handlers.sandbox.process import http
from handlers.sandbox.sandbox import Sandbox
from handlers.sandbox.traffic import Traffic
from handlers.wiring import now

CANARIES = Resource("flagger.app/v1beta1", "canaries")
EVENTS = Resource("v1", "events")
WINDOW = 2.0
"""Seconds over which the split is measured for the view."""
FEW = 100


class Recorder(Agent):
    """Looks whenever one of the story's objects changes, and at least five times a second.

    Seconds count from `began`, the time (UTC) at second 0. `tell` gets each happening as it is noticed.
    """

    pulse = 0.2

    def __init__(self, sandbox: Sandbox, tell: Callable[[Happening], None]) -> None:
        self.began, self._zero = now(), time.monotonic()
        self.happenings: list[Happening] = []
        self.steps: list[Step] = []
        self.routed: list[Routed] = []
        self.tally = Tally()
        self.alerts: dict[str, str] = {}
        self.traffic: Traffic | None = None
        self._tell = tell
        self._sandbox = sandbox
        self._lock = threading.Lock()
        self._samples: deque[tuple[float, Counters]] = deque()
        self._events: set[str] = set()
        self._counted = 0
        self._informers = Informers(sandbox.kube)
        self._canaries, self._routes = self._informers[CANARIES], self._informers[VIRTUAL_SERVICES]
        self._deployments, self._told = self._informers[DEPLOYMENTS], self._informers[EVENTS]
        super().__init__([self._canaries, self._routes, self._told])

    def start(self) -> None:
        """Begin to watch."""
        self._informers.start()
        self._informers.synced()
        super().start()

    def stop(self) -> None:
        """Watch no more."""
        super().stop()
        self._informers.stop()

    def seconds(self, monotonic: float | None = None) -> float:
        """Seconds since the start, of now or of a monotonic time."""
        return (time.monotonic() if monotonic is None else monotonic) - self._zero

    def note(self, who: str, text: str) -> None:
        """Write down what happens elsewhere."""
        happening = Happening(self.seconds(), who, text)
        with self._lock:
            self.happenings.append(happening)
            self._tell(happening)

    def reconcile(self) -> None:
        """Look at everything once; the routes first, for their time counts."""
        self._look_at_routes()
        self._look_at_canary()
        self._look_at_events()
        self._count()
        self._look_at_alerts()

    @property
    def canary(self) -> Object:
        """The Canary, {} before there is one."""
        return self._canaries.find(NAMESPACE, APP) or {}

    @property
    def phase(self) -> str:
        """The Canary's phase."""
        return str((self.canary.get("status") or {}).get("phase", ""))

    @property
    def weight(self) -> int:
        """The canary's weight in the VirtualService."""
        return self.routed[-1].weight if self.routed else 0

    def runs(self, name: str) -> str:
        """The tag of the image in the template of a Deployment, empty when there is none."""
        found = self._deployments.find(NAMESPACE, name)
        return version(found["spec"]["template"]["spec"]["containers"][0]["image"]) if found else ""

    def pods(self, name: str) -> int:
        """Pods of a Deployment."""
        found = self._deployments.find(NAMESPACE, name) or {}
        return int((found.get("status") or {}).get("replicas") or 0)

    def measured(self) -> float | None:
        """The canary's share at Envoy in percent, since this weight was set but for at most WINDOW seconds.

        None while there are too few requests to say.
        """
        samples = list(self._samples)
        if not samples:
            return None
        since = self.seconds() - WINDOW
        if self.routed and self.routed[-1].at >= since:
            first = self.routed[-1].counters
        else:
            first = next((counters for at, counters in samples if at >= since), samples[-1][1])
        requests = samples[-1][1].since(first)
        return requests.share if requests.total >= FEW else None

    def _look_at_routes(self) -> None:
        found = self._routes.find(NAMESPACE, APP)
        if found is None:
            return
        weight = weight_of(found)
        if not self.routed or self.routed[-1].weight != weight:
            at = self.seconds()
            self.routed.append(Routed(at=at, weight=weight, counters=self._counters()))

    def _look_at_canary(self) -> None:
        annotations = (self.canary.get("metadata") or {}).get("annotations") or {}
        last = self.steps[-1]["at"] if self.steps else ""
        self.steps += [step for step in history.load(annotations) if step["at"] > last]

    def _look_at_events(self) -> None:
        mine = [event for event in self._told.objects() if event["metadata"]["namespace"] == NAMESPACE]
        new = [event for event in mine if event["metadata"]["name"] not in self._events]
        for event in sorted(new, key=lambda event: int(event["metadata"]["resourceVersion"])):
            self._events.add(event["metadata"]["name"])
            if event.get("source", {}).get("component") == "serinus":
                self.note("serinus", event["message"])

    def _look_at_alerts(self) -> None:
        try:
            answer = http.request("GET", f"{self._sandbox.prometheus.url}/api/v1/alerts")
        except urllib3.exceptions.HTTPError:
            return
        active = json.loads(answer.data)["data"]["alerts"]
        found = {alert["labels"]["alertname"]: state_of(alert) for alert in active}
        for name in sorted(found.keys() | self.alerts.keys()):
            state = found.get(name, "over")
            if state.partition(" ")[0] != self.alerts.get(name, "").partition(" ")[0]:
                self.note("prometheus", f"alert {name} is {state}")
        self.alerts = found

    def _count(self) -> None:
        self._samples.append((self.seconds(), self._counters()))
        while self._samples[0][0] < self.seconds() - 2 * WINDOW:
            self._samples.popleft()
        if self.traffic:
            answers = self.traffic.summary().answers
            new = answers[self._counted :]
            self._counted = len(answers)
            self.tally.add(new)
            for answer in new:
                if answer.lost:
                    sent = self.seconds(self.traffic.began) + answer.at
                    self.note("client", f"lost the request of {sent:.2f}s: {answer.status} {answer.error}")

    def _counters(self) -> Counters:
        pattern = f"^cluster\\.{NAMESPACE}/{APP}(-primary)?/[^.~]+\\.upstream_rq_total$"
        try:
            answer = http.request("GET", f"{self._sandbox.envoy_url}/stats", fields={"filter": pattern})
        except urllib3.exceptions.HTTPError:
            return self._samples[-1][1] if self._samples else Counters()
        found = counters_of(answer.data.decode().splitlines())
        return Counters(primary=found[f"{APP}-primary"], canary=found[APP])


def counters_of(lines: Sequence[str]) -> Counter[str]:
    """Requests by workload, from lines as `cluster.demo/podinfo/http.upstream_rq_total: 12`."""
    found = Counter[str]()
    for line in lines:
        name, _, value = line.partition(": ")
        if value:
            found[name.split("/")[1]] += int(value)
    return found


def weight_of(route: Object) -> int:
    """The canary's weight in a VirtualService of the demo."""
    targets: list[dict[str, Any]] = [target for rule in route["spec"]["http"] for target in rule["route"]]
    return sum(int(target.get("weight") or 0) for target in targets if target["destination"]["host"] == f"{APP}-canary")


def state_of(alert: Object) -> str:
    """`firing (2487)`: the state and the value of an alert of Prometheus."""
    value = alert["annotations"].get("value", "")
    return f"{alert['state']} ({value})" if value else str(alert["state"])
