"""A real Flagger does on the sandbox's own cluster what it was recorded to do on a real one."""

import json
from pathlib import Path

import pytest

from handlers.sandbox.sandbox import Options, Sandbox
from tests.controlplane.programs import build
from tests.parity.played import Played
from tests.parity.players import Flagger
from tests.parity.recorder import Recorder
from tests.parity.scenarios import RECORDINGS, SMALL, scenarios
from tests.parity.script import Script
from tests.parity.stage import Stage

CHOSEN = tuple(name for name in SMALL if name != "revert-on-deletion")
"""That one ends with garbage collection, which comes at once here, before Flagger can make some of it again."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    """Most of the small set of `make parity`, on the embedded API server with its own controllers."""
    build()
    directory: Path = tmp_path_factory.mktemp("flagger")
    chosen = scenarios(CHOSEN)
    with (
        Sandbox(Options(metrics=False)) as sandbox,
        Script.running() as script,
        Recorder(sandbox.kube) as recorder,
        Flagger(directory, sandbox.kubeconfig, script) as player,
    ):
        stage = Stage(sandbox.kube, script, recorder)
        return stage.play(player, stage.prepare(player.name, chosen))


@pytest.mark.parametrize("name", CHOSEN)
def test_flagger_writes_what_it_writes_on_a_real_cluster(played: dict[str, Played], name: str) -> None:
    """Each change of each object comes in the order of the recording, and the scenario to its end."""
    recording = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    assert played[name].ended
    assert played[name].writes == recording["writes"]
