"""README.md and docs/ show what the code says."""

from pathlib import Path

import pytest

from tests.readme import BLOCKS, filled

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("file", BLOCKS)
def test_what_is_made_from_the_code_is_current(file: str) -> None:
    """Tables and diagram are what the code says; `python -m tests.readme` writes them."""
    text = (ROOT / file).read_text(encoding="utf-8")
    assert text == filled(text, file)
