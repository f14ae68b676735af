"""Whatever users edit, and whenever: traffic goes to ready pods of the right version, and the edit arrives in the end.

SWEEP=all plays each edit in each situation; without it a sample is played, the same one each time.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.protocol import sampling
from tests.protocol.catalogue import EDITS
from tests.protocol.edited import play
from tests.protocol.edits import Edit
from tests.protocol.standings import STANDINGS, Standing

Pair = tuple[Standing, Edit]
ALL: tuple[Pair, ...] = tuple(
    (standing, edit) for edit in EDITS for standing in STANDINGS if edit.fits(standing.traits)
)
EACH = 1
"""How often each edit, and each situation, is in the sample at the least."""


def name(pair: Pair) -> str:
    """How a test is called, and found again by pytest -k."""
    return f"{pair[0].name}/{pair[1].name}"


def sample() -> tuple[Pair, ...]:
    """Each edit in some situations, and each situation with some edits, by a hash of their names."""
    shuffled = sorted(ALL, key=lambda pair: zlib.crc32(name(pair).encode()))
    return tuple(dict.fromkeys((*_first(shuffled, 0), *_first(shuffled, 1))))


def _first(pairs: list[Pair], side: int) -> Iterator[Pair]:
    seen: dict[object, int] = {}
    for pair in pairs:
        seen[pair[side]] = seen.get(pair[side], 0) + 1
        if seen[pair[side]] <= EACH:
            yield pair


@pytest.mark.parametrize("pair", ALL if sampling.ALL else sample(), ids=name)
def test_an_edit_leaves_nobody_without_an_answer_and_arrives_in_the_end(pair: Pair) -> None:
    """At no write of ours nobody, a stranger or too much of a new version answers, and all is as if made anew."""
    story = play(*pair)
    assert not story.wrong, str(story)


def test_the_page_says_how_much_is_swept() -> None:
    """The numbers of docs/protocol.md are those of the catalogue."""
    page = " ".join(Path("docs/protocol.md").read_text(encoding="utf-8").split())
    assert f"{len(EDITS)} edits in {len(STANDINGS)} situations" in page
    assert f"{len(ALL)} combinations" in page
    assert f"{len(sample())} of them" in page


def test_each_edit_has_a_name_of_its_own() -> None:
    """By it a counterexample is found again."""
    assert len({edit.name for edit in EDITS}) == len(EDITS)
    assert len({standing.name for standing in STANDINGS}) == len(STANDINGS)
