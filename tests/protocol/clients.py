"""Who would answer a client: by route, Service, selector, ready pods and port, as a mesh and kube-proxy find them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from handlers.rollout.identity import Identity
from handlers.rollout.objects import Object
from handlers.rollout.objects.daemonsets import scaled_to_zero
from handlers.rollout.objects.sides import pod_labels
from handlers.rollout.state import Phase
from tests.lab import Lab
from tests.protocol.harness import state_of

SPACE = "shop"
WORKLOADS = ("deployments", "daemonsets", "statefulsets")
_AT_REST = (Phase.INITIALIZED, Phase.SUCCEEDED, Phase.FAILED, Phase.WAITING)


@dataclass(frozen=True)
class Pods:
    """The pods that a workload has: by what they are found, on which ports they listen, and how many are ready."""

    name: str
    uid: str
    labels: Mapping[str, str]
    ports: frozenset[int | str]
    image: str
    ready: int


@dataclass(frozen=True)
class Answer:
    """What becomes of the requests for a host, in percent of the worst rule: of those that nobody answers, that another
    workload answers, or any of two that one Service leads to, and that a version gets which is not promoted. `why`:
    what is wrong, in words.
    """

    lost: int = 0
    strange: int = 0
    unpromoted: int = 0
    why: tuple[str, ...] = ()

    def worse(self, other: "Answer") -> bool:
        """Whether more goes wrong than in the other."""
        return self.lost > other.lost or self.strange > other.strange or self.unpromoted > other.unpromoted

    def plus(self, other: "Answer") -> "Answer":
        """Of two sides of a rule."""
        return Answer(
            self.lost + other.lost,
            self.strange + other.strange,
            self.unpromoted + other.unpromoted,
            (*self.why, *other.why),
        )

    def worst(self, other: "Answer") -> "Answer":
        """Of two rules."""
        return Answer(
            max(self.lost, other.lost),
            max(self.strange, other.strange),
            max(self.unpromoted, other.unpromoted),
            (*self.why, *other.why),
        )

    def above(self, limit: int, where: str) -> "Answer":
        """With only so much of what is not promoted as is too much."""
        over = max(0, self.unpromoted - limit)
        why = f"{where}: {self.unpromoted} % for what is not promoted, {limit} % is the most"
        return replace(self, unpromoted=over, why=(*self.why, why) if over else self.why)

    @property
    def bad(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.lost or self.strange or self.unpromoted)


def objects(lab: Lab, plural: str) -> dict[str, Any]:
    """The namespace's objects of a kind, by name."""
    found: dict[str, Any] = {}
    for (_, kind), table in lab.api.store.tables.items():
        if kind == plural:
            found |= {name: obj for (space, name), obj in table.objects.items() if space == SPACE}
    return found


@dataclass
class Clients:
    """Asks, for each host that clients call, who would answer.

    Pods follow their workload when `rolled` is called: until then those of the template before serve, but for what
    Kubernetes takes away at once. `own`: the targets, and their primaries, that have been this Canary's.
    """

    lab: Lab
    hosts: list[str] = field(default_factory=list)
    own: set[str] = field(default_factory=set)
    pods: dict[str, Pods] = field(default_factory=dict)
    released: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.noticed()
        if not any(name.endswith("-primary") for name in self._workloads()):
            self.released |= {pods.image for pods in self.pods.values() if pods.name in self.own}

    def noticed(self) -> None:
        """Pods follow their workloads, and whom the Canary names now is its own."""
        self.rolled()
        body, text = self.lab.canary["spec"], state_of(self.lab).identity
        target = Identity.read(text).target.split("/")[1] if text else body["targetRef"]["name"]
        self.own |= {target, f"{target}-primary"}
        apex = Identity.read(text).apex if text else (body.get("service") or {}).get("name") or target
        if apex not in self.hosts and apex in objects(self.lab, "services") and not self.answer(apex).lost:
            self.hosts.append(apex)

    def rolled(self) -> None:
        """Pods are what their workload's template and status say now."""
        self.pods = {name: _pods(obj) for name, obj in self._workloads().items()}

    def answers(self) -> dict[str, Answer]:
        """What each host's clients get."""
        return {host: self.answer(host) for host in self.hosts}

    def answer(self, host: str) -> Answer:
        """What the clients of a host get, by the worst of its rules."""
        promoted, serving, limit = self._promoted(), self._serving(), self._limit()
        found = Answer()
        for where, sides, counts in self._rules(host):
            total = sum(weight for _, weight in sides) or 1
            rule = Answer()
            for service, weight in sides:
                rule = rule.plus(self._of_side(where, service, round(100 * weight / total), promoted, serving))
            found = found.worst(rule.above(limit if counts else 100, where))
        return found

    def _of_side(self, where: str, service: str, share: int, promoted: set[str], serving: Sequence[Pods]) -> Answer:
        """What becomes of the share that goes to one Service."""
        reason, found = self._behind(service, serving)
        odd = [pods.name for pods in found if pods.name not in self.own or len(found) > 1]
        new = any(pods.image not in promoted for pods in found if pods.name in self.own)
        why = [f"{where}: {share} % for {reason}"] if reason else []
        why += [f"{where}: {share} % for {service}, which leads to pods of {odd}"] if odd else []
        return Answer(share if reason else 0, share if odd else 0, share if new else 0, tuple(why))

    @property
    def anybody(self) -> bool:
        """Whether any workload of this Canary has ready pods."""
        return any(pods.ready and pods.name in self.own for pods in self._serving())

    def _workloads(self) -> dict[str, Any]:
        return {f"{kind}/{name}": obj for kind in WORKLOADS for name, obj in objects(self.lab, kind).items()}

    def _serving(self) -> list[Pods]:
        """The pods that are there: less what was deleted, scaled to nothing or taken away to be made anew."""
        found, there = [], self._workloads()
        for name, pods in self.pods.items():
            obj = there.get(name)
            if obj is None or obj["metadata"]["uid"] != pods.uid or not pods.ready:
                continue
            if obj["spec"].get("replicas") == 0 or scaled_to_zero(obj):
                continue
            recreated = (obj["spec"].get("strategy") or {}).get("type") == "Recreate"
            if not (recreated and _pods(obj) != pods):
                found.append(pods)
        return found

    def _promoted(self) -> set[str]:
        """The versions that a primary runs, or is getting."""
        own = (obj for name, obj in self._workloads().items() if name.endswith("-primary"))
        running = {pods.image for pods in self.pods.values() if pods.name.endswith("-primary")}
        return self.released | running | {_image(obj) for obj in own}

    def _limit(self) -> int:
        """The most that may go to what is not promoted: none at rest, and not more than the spec says in a run."""
        state, body = state_of(self.lab), self.lab.canary["spec"]
        if state.phase in _AT_REST and not state.weight and not state.claim:
            return 0
        if state.phase is Phase.INITIALIZING:  # nothing is there to compare a first version with
            return 100
        analysis = body.get("analysis") or {}
        if analysis.get("iterations") and not analysis.get("match"):
            return 100
        here = [pods for pods in self._serving() if pods.name in self.own]
        if not any(pods.name.endswith("-primary") for pods in here) or state.weight == 100 or self._gap():
            return 100
        return max(int(analysis.get("maxWeight") or 100), state.weight)

    def _gap(self) -> bool:
        """Whether the primary is about to be without pods, or on other ports, for a while."""
        target = self.lab.canary["spec"]["targetRef"]["name"]
        both = [obj for name, obj in self._workloads().items() if name.split("/")[1] in (target, f"{target}-primary")]
        recreated = any((obj["spec"].get("strategy") or {}).get("type") == "Recreate" for obj in both)
        return recreated or len({_ports(obj) for obj in both}) > 1

    def _rules(self, host: str) -> Iterator[tuple[str, Sequence[tuple[str, int]], bool]]:
        """Each rule for the host: where it stands, its destinations with weight, whether weights of ours apply."""
        routes = [
            (name, obj["spec"])
            for name, obj in objects(self.lab, "virtualservices").items()
            if _reaches(obj["spec"], host)
        ]
        for name, body in routes:
            for key in ("http", "tcp"):
                for index, rule in enumerate(body.get(key) or ()):
                    sides = [(_service(side), int(side.get("weight", 100))) for side in rule.get("route") or ()]
                    narrow = index < len(body[key]) - 1 and bool(rule.get("match"))
                    yield f"{host} by {name}.{key}[{index}]", [one for one in sides if one[1]], not narrow
        if not routes:
            yield f"{host} by its Service", [(host, 100)], True

    def _behind(self, name: str, serving: Sequence[Pods]) -> tuple[str, list[Pods]]:
        """Why a Service leads to nobody, empty when it does not; and the pods that it leads to."""
        service = objects(self.lab, "services").get(name)
        if service is None:
            return f"Service {name}, which does not exist", []
        selector = service["spec"].get("selector") or {}
        found = [pods for pods in serving if selector and selector.items() <= pods.labels.items()]
        if not found:
            return f"Service {name}, whose selector {selector} finds no ready pod", []
        first = service["spec"]["ports"][0]
        port = first.get("targetPort") or first["port"]
        if deaf := [pods.name for pods in found if port not in pods.ports]:
            return f"Service {name}, on whose port {port} no pod of {deaf} listens", found
        return "", found


def _reaches(body: Object, host: str) -> bool:
    """Whether calls of a host inside the mesh come to a VirtualService."""
    inside = "mesh" in (body.get("gateways") or ["mesh"])
    return inside and any(
        one in ("*", host) or one.startswith(f"{host}.{SPACE}.svc") for one in body.get("hosts") or ()
    )


def _service(side: Object) -> str:
    return str(side["destination"]["host"]).partition(".")[0]


def _pods(obj: Object) -> Pods:
    status = obj.get("status") or {}
    ready = int(status.get("readyReplicas") or status.get("numberReady") or 0)
    meta = obj["metadata"]
    return Pods(meta["name"], meta["uid"], dict(pod_labels(obj)), _ports(obj), _image(obj), ready)


def _image(obj: Object) -> str:
    return str(obj["spec"]["template"]["spec"]["containers"][0]["image"])


def _ports(obj: Object) -> frozenset[int | str]:
    boxes = obj["spec"]["template"]["spec"]["containers"]
    named = [port for box in boxes for port in box.get("ports") or ()]
    return frozenset(value for port in named for value in (port["containerPort"], port.get("name")) if value)
