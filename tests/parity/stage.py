"""Lets a player play many scenarios side by side on one API server, each in a namespace of its own."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from handlers.rollout.objects import CANARY, DAEMONSET
from handlers.sandbox.kube import Kube, Object, Resource
from handlers.sandbox.kube import resource_of as resource_of_object
from handlers.sandbox.process import SandboxError, wait_for
from handlers.wiring import now
from tests.conformance.moves import Move, drains
from tests.conformance.workload import CHANGED
from tests.parity.audit import Window
from tests.parity.played import Played, Seen, Status, status_of
from tests.parity.players import Player, Serinus
from tests.parity.recorder import Recorder, resource_of
from tests.parity.scenarios import Scenario, idle, scenarios
from tests.parity.script import Script

CANARIES = resource_of(CANARY)
NEVER_READY = "NEVER_READY"
"""A pod of the sandbox with this variable never gets ready."""
ENDS = ("Succeeded", "Failed")
QUIET_INTERVALS = 1.5
"""After an end so many intervals are waited for what may still come, and at least some seconds."""
QUIET_SECONDS = 3.0
INTERVALS_MOST = 32
"""The longest scenario takes Flagger 20 intervals; one that takes so many does not end."""
SECONDS_LEAST = 180
"""So much time has each player, however short its intervals are: pods start at their own speed."""
READY_SECONDS = 60
REST_SECONDS = 240


@dataclass
class Run:
    """A scenario under way."""

    scenario: Scenario
    played: Played
    moves: list[Move]
    rows: int = 0
    quiet_since: float = 0.0

    @property
    def ends(self) -> tuple[str | None, ...]:
        """The phases in which it may be over; None: the Canary is gone. Initialized is one after a cancelled run."""
        return (*ENDS, None, "Initialized") if self.scenario.moves[-1].phase != "Initialized" else (*ENDS, None)

    @property
    def status(self) -> Status:
        """The last one that was seen."""
        return self.played.seen[-1].status if self.played.seen else {}


class Stage:
    """Scenarios are set up, watched and recorded here."""

    def __init__(self, kube: Kube, script: Script, recorder: Recorder) -> None:
        self._kube = kube
        self._script = script
        self._recorder = recorder
        self._idle: dict[str, int] = {}
        self.rested: dict[str, datetime] = {}
        """Since when all Canaries of an idle namespace are initialized."""

    def prepare(self, player: str, chosen: Iterable[Scenario]) -> list[Run]:
        """Make the namespaces with their targets, and wait until these are ready; raises SandboxError."""
        runs = [Run(scenario, Played(namespace=f"{player}-{scenario.name}"), scenario.moves) for scenario in chosen]
        for run in runs:
            self._namespace(run.played.namespace)
            self._script.expect(run.played.namespace, run.scenario)
            for thing in run.scenario.workload(run.played.namespace):
                self._create(thing)
        for run in runs:
            wait_for(partial(self._is_ready, run), f"{run.played.namespace} is ready", READY_SECONDS)
        return runs

    def play(self, player: Player, runs: list[Run]) -> dict[str, Played]:
        """Play them to their ends, by scenario's name; one that does not end in time is given back as such."""
        for run in runs:
            self._create(run.scenario.canary(run.played.namespace, self._script.hooks_url))
        deadline = time.monotonic() + max(INTERVALS_MOST * player.interval, SECONDS_LEAST)
        while time.monotonic() < deadline and not all(run.played.ended for run in runs):
            player.beat()
            self._look(player, [run for run in runs if not run.played.ended])
        for run in runs:
            self._record(run)
        return {run.scenario.name: run.played for run in runs}

    def idle(self, player: str, number: int) -> str:
        """Make so many Canaries to which nothing happens; the namespace they are in."""
        namespace = f"{player}-idle-{number}"
        self._namespace(namespace)
        self._idle[namespace] = number
        for deployment, canary in idle(namespace, number):
            self._create(deployment)
            self._create(canary)
        return namespace

    def rest(self, player: Player, namespace: str, intervals: int) -> Window:
        """Wait until these idle ones are initialized, and then so many intervals; raises SandboxError."""

        def passed() -> bool:
            player.beat()
            self._look(player, [])
            begin = self.rested.get(namespace)
            return begin is not None and player.intervals(Window(begin, now())) >= intervals

        wait_for(passed, f"{namespace} is at rest", REST_SECONDS)
        return Window(self.rested[namespace], now())

    def alert(self, player: Serinus) -> Window:
        """A rollout under way, and an alert about it: when it was rolled back for that; raises SandboxError."""
        told = next(scenario for scenario in scenarios(["weighted-promotes"]))
        (run,) = self.prepare(player.name, [Scenario("alert", told.given)])
        namespace = run.played.namespace
        self._create(run.scenario.canary(namespace, self._script.hooks_url))

        def under_way() -> bool:
            player.beat()
            self._look(player, [run])
            return run.status.get("phase") == "Progressing" and run.status["canaryWeight"] > 0

        wait_for(under_way, f"{namespace} has traffic", READY_SECONDS)
        window = player.alert(namespace, now())
        self._look(player, [run])
        if run.status.get("phase") != "Failed":
            raise SandboxError(f"{namespace} is {run.status} after an alert, expected Failed")
        return window

    def clear(self) -> None:
        """Delete all Canaries, and wait until they are gone."""
        for canary in self._kube.list(CANARIES)["items"]:
            meta = canary["metadata"]
            self._kube.delete(CANARIES, meta["namespace"], meta["name"])
        wait_for(lambda: not self._kube.list(CANARIES)["items"], "all Canaries are deleted", READY_SECONDS)

    def _look(self, player: Player, runs: list[Run]) -> None:
        listed = self._kube.list(CANARIES)["items"]
        found = {canary["metadata"]["namespace"]: canary for canary in listed}
        at = now()
        self._note_rest(listed, at)
        for run in runs:
            canary = found.get(run.played.namespace) or {}
            run.played.seen.append(Seen(at, status_of(canary)))
            if run.moves and run.moves[0].is_due(run.status) and not drains(canary):
                self._make(run, run.moves.pop(0))
            elif not run.moves and run.status.get("phase") in run.ends:
                run.played.ended = self._is_quiet(run, player)

    def _note_rest(self, listed: Iterable[Object], at: datetime) -> None:
        phases = Counter(
            canary["metadata"]["namespace"] for canary in listed if status_of(canary).get("phase") == "Initialized"
        )
        for namespace, number in self._idle.items():
            if phases[namespace] == number:
                self.rested.setdefault(namespace, at)

    def _is_quiet(self, run: Run, player: Player) -> bool:
        rows = len(self._recorder.writes(run.played.namespace, run.scenario.apex))
        if rows != run.rows:
            run.rows, run.quiet_since = rows, time.monotonic()
        return time.monotonic() - run.quiet_since > max(QUIET_INTERVALS * player.interval, QUIET_SECONDS)

    def _record(self, run: Run) -> None:
        played = run.played
        played.writes = self._recorder.writes(played.namespace, run.scenario.apex)
        played.events = self._recorder.events(played.namespace)
        played.told = list(self._script.told[played.namespace])
        played.hooks = list(self._script.hooks[played.namespace])
        played.answers = list(self._script.answers[played.namespace])
        played.queries = set(self._script.queries[played.namespace])

    def _make(self, run: Run, move: Move) -> None:
        namespace, kind = run.played.namespace, resource_of(run.scenario.target)
        if move.delete:
            self._kube.delete(CANARIES, namespace, "app")
        elif move.patch:
            self._kube.patch(CANARIES, namespace, "app", dict(move.patch))
        elif move.config:
            plural, _, name = move.config.partition("/")
            self._kube.patch(Resource("v1", plural), namespace, name, {"data": CHANGED[plural]})
        else:
            target = self._kube.get(kind, namespace, "app")
            container = target["spec"]["template"]["spec"]["containers"][0] | {"image": f"app:{move.version}"}
            others = [variable for variable in container.get("env", []) if variable["name"] != NEVER_READY]
            container["env"] = [*others, *([{"name": NEVER_READY, "value": "true"}] if move.never_ready else [])]
            patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
            self._kube.patch(kind, namespace, "app", patch)

    def _namespace(self, name: str) -> None:
        self._create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def _create(self, thing: Object) -> None:
        self._kube.create(resource_of_object(thing), thing)

    def _is_ready(self, run: Run) -> bool:
        found = self._kube.get(resource_of(run.scenario.target), run.played.namespace, "app")
        status = found.get("status") or {}
        if run.scenario.target is DAEMONSET:
            return bool(status.get("numberReady"))
        return bool(status.get("readyReplicas", 0) >= found["spec"]["replicas"])
