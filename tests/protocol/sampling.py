"""How much of a sweep is played: all of it with SWEEP=all (`make sweep`), and else a part, the same one each time."""

import os
import zlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

ALL = os.environ.get("SWEEP") == "all"


def some(things: Sequence[T], of: int, name: str) -> Sequence[T]:
    """Each of them, or one in so many, beginning with another one for another name."""
    return things if ALL else things[zlib.crc32(name.encode()) % min(of, len(things) or 1) :: of]


def examples(number: int) -> int:
    """How many examples hypothesis draws for a heavy property: a third of them, or with SWEEP=all each."""
    return number if ALL else number // 3
