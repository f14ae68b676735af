"""The YAML that pages show is what a cluster, and Serinus, take."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from handlers.cli import main
from handlers.rollout.freeze import FREEZE, unreadable
from tests.docs.pages import PAGES, Found, fenced
from tests.lab import a_canary

BLOCKS = [block for page in PAGES for block in fenced(page) if block.kind == "yaml"]


def canary(shown: Any) -> dict[str, Any] | None:
    """The Canary that a block is, or that has its webhooks; None when it is about something else."""
    if not isinstance(shown, dict):
        return None
    if shown.get("kind") == "Canary":
        return shown
    return a_canary(analysis={"webhooks": shown["webhooks"]}) if "webhooks" in shown else None


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.where)
def test_a_block_is_taken(block: Found, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is YAML; a Canary, or its webhooks, has no mistake and deserves no warning, and a freeze can be read."""
    shown = yaml.safe_load(block.text)
    if made := canary(shown):
        (tmp_path / "canary.yaml").write_text(yaml.safe_dump(made))
        assert main(["lint", "--strict", str(tmp_path / "canary.yaml")]) == 0, capsys.readouterr().out
    elif isinstance(shown, dict) and FREEZE in shown:
        assert not unreadable(shown[FREEZE])
    else:
        assert shown


def test_there_is_something_of_each() -> None:
    """Or this would show nothing."""
    loaded = [yaml.safe_load(block.text) for block in BLOCKS]
    assert sum(canary(shown) is not None for shown in loaded) >= 4
    assert any(isinstance(shown, dict) and FREEZE in shown for shown in loaded)
