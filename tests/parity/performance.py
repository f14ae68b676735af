"""The whole performance: a control plane, and first Flagger on it, then Serinus."""

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

from handlers.sandbox.informer import Informers
from handlers.sandbox.kube import Kube
from handlers.sandbox.node import Node
from handlers.sandbox.process import SandboxError
from tests.controlplane.control_plane import ControlPlane
from tests.controlplane.definitions import definitions
from tests.parity.audit import Asked, Window, requests
from tests.parity.played import Played
from tests.parity.players import Flagger, Player, Serinus
from tests.parity.recorder import Recorder
from tests.parity.scenarios import Scenario
from tests.parity.script import Script
from tests.parity.stage import Stage

SYNC_SECONDS = 15
TOGETHER = 37
"""So many scenarios are played side by side: more take Flagger all the speed it allows itself."""
REST_INTERVALS = 4
"""How long idle Canaries are watched at least."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Some Canaries to which nothing happened for a while: how many, where, when, and for how many intervals."""

    number: int
    namespace: str
    window: Window
    intervals: float


@dataclass
class Part:
    """What one player did, and the requests it made."""

    player: Player
    played: dict[str, Played] = field(default_factory=dict)
    idle: list[Idle] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    seconds: float = 0.0
    alert: Window | None = None
    """When Serinus rolled back by an alert."""


@dataclass(frozen=True, slots=True)
class Measured:
    """All that is reported from."""

    scenarios: Sequence[Scenario]
    flagger: Part
    serinus: Part


def perform(directory: Path, scenarios: Sequence[Scenario], crowds: Sequence[int]) -> Measured:
    """Play them; `crowds` are numbers of idle Canaries to measure. Raises ApiError, BuildError, SandboxError."""
    with ExitStack() as running:
        plane = running.enter_context(ControlPlane(directory, Flagger.name, Serinus.name))
        plane.install(*definitions("github.com/fluxcd/flagger", "istio.io/api"))
        _start_node(running, plane.kube)
        script = running.enter_context(Script.running())
        recorder = running.enter_context(Recorder(plane.kube))
        stage = Stage(plane.kube, script, recorder)
        parts = []
        for kind in (Flagger, Serinus):
            with kind(directory, plane.kubeconfig(kind.name), script) as player:
                parts.append(_part(stage, player, scenarios, crowds))
        if recorder.broken:
            raise SandboxError(f"the recording has a hole: the watch of {recorder.broken[0]} was cut off")
        for part in parts:
            part.asked = requests(plane.audit(), [part.player.name])
    return Measured(scenarios, *parts)


def _start_node(running: ExitStack, kube: Kube) -> None:
    """What runs the pods that the real controllers make."""
    informers = Informers(kube)
    node = Node(kube, informers, schedules=False)
    running.callback(informers.stop)
    informers.start()
    if not informers.synced(SYNC_SECONDS):
        raise SandboxError(f"the API server lists no pods within {SYNC_SECONDS} s")
    running.callback(node.stop)
    node.start()


def _part(stage: Stage, player: Player, scenarios: Sequence[Scenario], crowds: Sequence[int]) -> Part:
    begin = time.monotonic()
    part = Part(player)
    beside = {number: stage.idle(player.name, number) for number in crowds if number <= player.beside}
    waves = ceil(len(scenarios) / TOGETHER)
    for wave in (scenarios[first::waves] for first in range(waves)):
        _say(f"{player.name} plays {len(wave)} scenarios")
        part.played |= stage.play(player, stage.prepare(player.name, wave))
        if not part.idle:
            part.idle = [_rested(stage, player, number, namespace) for number, namespace in beside.items()]
        stage.clear()
    if crowds and isinstance(player, Serinus):
        part.alert = stage.alert(player)
        stage.clear()
    for number in crowds:
        if number not in beside:
            _say(f"{player.name} is measured with {number} idle")
            part.idle.append(_rested(stage, player, number, stage.idle(player.name, number)))
            stage.clear()
    part.seconds = time.monotonic() - begin
    return part


def _rested(stage: Stage, player: Player, number: int, namespace: str) -> Idle:
    window = stage.rest(player, namespace, REST_INTERVALS)
    return Idle(number, namespace, window, player.intervals(window))


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
