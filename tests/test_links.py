"""Links in Markdown lead somewhere. Those out of the repository are not followed."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[1]
BUILT = re.compile(r"(?:^|/)(?:\.|build/)")
"""Folders with what is installed, cached or built."""


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


PAGES = sorted(path for path in ROOT.rglob("*.md") if not BUILT.search(_name(path)))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    """Each relative link names something in the repository, and after a # a heading that is in it."""
    for link in _links(page.read_text(encoding="utf-8")):
        url = urlsplit(link)
        if url.scheme:
            continue
        file = (page.parent / unquote(url.path)).resolve() if url.path else page
        assert file.exists(), f"{link}: there is no such file"
        assert file.is_relative_to(ROOT), f"{link}: it is not in the repository"
        if url.fragment:
            assert url.fragment in _anchors(file.read_text(encoding="utf-8")), f"{link}: there is no such heading"


def test_the_readme_leads_to_every_page() -> None:
    """No page of docs/ is found only by who knows its name."""
    linked = {ROOT / link.partition("#")[0] for link in _links((ROOT / "README.md").read_text(encoding="utf-8"))}
    assert set((ROOT / "docs").glob("*.md")) <= linked


def test_anchors_are_those_of_github() -> None:
    """Small letters; marks go, each blank is a hyphen, what comes again is counted; code has no headings."""
    text = "# Where *Flagger's* `CRDs` are\n\n## Ü & b_c\n\n```sh\n# no heading\n```\n\nAgain\n-----\n\n### Again\n"
    assert _anchors(text) == {"where-flaggers-crds-are", "ü--b_c", "again", "again-1"}


def _links(text: str) -> Iterator[str]:
    """The targets of all links and images; what stands in code is none."""
    for token in _tokens(text):
        for part in token.children or ():
            if target := part.attrGet("href") or part.attrGet("src"):
                yield str(target)


def _anchors(text: str) -> set[str]:
    """What a link may name after the # (as in TableOfContentsFilter of https://github.com/gjtorikian/html-pipeline)."""
    tokens, found = _tokens(text), Counter[str]()
    for heading in (after for before, after in pairwise(tokens) if before.type == "heading_open"):
        words = "".join(part.content for part in heading.children or () if part.type in {"text", "code_inline"})
        anchor = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        found[anchor] += 1
    return {f"{anchor}-{number}" if number else anchor for anchor, count in found.items() for number in range(count)}


def _tokens(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(text)
