"""README.md and docs/ show what the code says."""

import re
from pathlib import Path

import pytest

from tests.readme import BLOCKS, filled

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("file", BLOCKS)
def test_what_is_made_from_the_code_is_current(file: str) -> None:
    """Tables and diagram are what the code says; `python -m tests.readme` writes them."""
    text = (ROOT / file).read_text(encoding="utf-8")
    assert text == filled(text, file)


def test_links_lead_to_files() -> None:
    """Each relative link in README.md and docs/ leads to something that is there, and to a heading that is in it."""
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for link in _links(page.read_text(encoding="utf-8")):
            file, _, heading = link.partition("#")
            assert (page.parent / file).exists(), f"{page.name}: {link}"
            assert not heading or heading in _headings(page.parent / file), f"{page.name}: {link}"


def _headings(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    lines = [
        line.lstrip("#").strip().lower() for line in page.read_text(encoding="utf-8").splitlines() if line[:1] == "#"
    ]
    return {re.sub(r"[^a-z0-9 -]", "", line).replace(" ", "-") for line in lines}


def _links(text: str) -> list[str]:
    parts = text.split("](")[1:]
    targets = [part.partition(")")[0] for part in parts]
    return [target for target in targets if not target.startswith(("http", "#"))]
