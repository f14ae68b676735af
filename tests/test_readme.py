"""README.md and docs/ show what the code says."""

import re
from pathlib import Path

import pytest

from handlers.cli import main
from tests.readme import BLOCKS, filled

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("file", BLOCKS)
def test_what_is_made_from_the_code_is_current(file: str) -> None:
    """Tables and diagram are what the code says; `python -m tests.readme` writes them."""
    text = (ROOT / file).read_text(encoding="utf-8")
    assert text == filled(text, file)


def test_there_is_nothing_to_say_against_its_canary(tmp_path: Path) -> None:
    """The Canary of README.md is one that `serinus lint --strict` takes."""
    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    file = tmp_path / "canary.yaml"
    file.write_text(text)
    assert main(["lint", "--strict", str(file)]) == 0
