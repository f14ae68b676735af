"""docs/flagger-tests.md forgets none of Flagger's tests, and names tests of ours that say which one they tell again."""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = (HERE.parent / "docs" / "flagger-tests.md").read_text(encoding="utf-8")
LINES = (HERE / "samples" / "flagger" / "tests.txt").read_text(encoding="utf-8").split("\n")[:-1]


@dataclass(frozen=True, slots=True)
class Row:
    """Tests of Flagger's, each as file and name or a whole file, and ours, or the reason why there is none."""

    originals: tuple[str, ...]
    ours: tuple[str, ...]
    why: str

    def covers(self, line: str) -> bool:
        """Whether one of them is in this line of the list."""
        return line in self.originals or line.partition(" ")[0] in self.originals


def rows() -> list[Row]:
    """The rows of all tables; in those of a file the names are without it."""
    found, file = [], ""
    for line in PAGE.splitlines():
        if line.startswith("## "):
            file = line.removeprefix("## ") if line.startswith("## pkg/") else ""
        elif line.startswith("| `"):
            left, right = line.strip("| ").split(" | ")
            originals = tuple(f"{file} {name}".strip() for name in re.findall(r"`([^`]+)`", left))
            ours = tuple(re.findall(r"`([^`]+::[^`]+)`", right))
            found.append(Row(originals, ours, "" if ours else right))
    return found


ROWS = rows()
TOLD = [(original, test) for row in ROWS for original in row.originals for test in row.ours]


@pytest.mark.parametrize("line", LINES)
def test_no_test_is_forgotten(line: str) -> None:
    """Each test of Flagger's is in one row of the page, and in one only."""
    assert len([row for row in ROWS if row.covers(line)]) == 1


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.originals[0])
def test_no_row_is_about_nothing(row: Row) -> None:
    """Each name in a row is that of a test of Flagger's, and there is a test of ours or a reason."""
    for original in row.originals:
        assert original in LINES or original in {line.partition(" ")[0] for line in LINES}
    assert row.ours or len(row.why) > 20


@pytest.mark.parametrize(("original", "test"), TOLD)
def test_ours_name_the_original(original: str, test: str) -> None:
    """Each test of ours is there, and its docstring names the one that it tells again, with or without `Test`."""
    file, _, function = test.partition("::")
    script, _, name = original.partition(" ")
    called = Path(script).stem if script.endswith(".sh") else name.partition("/")[0].removeprefix("Test")
    assert called.removeprefix("_") in docstrings(file)[function]


@cache
def docstrings(file: str) -> dict[str, str]:
    """The functions of a file of tests with what they say of themselves."""
    tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
    return {node.name: ast.get_docstring(node) or "" for node in tree.body if isinstance(node, ast.FunctionDef)}
