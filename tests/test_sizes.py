"""Files and functions are short enough to be read at once."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = sorted(path for top in ("handlers", "tests") for path in (ROOT / top).rglob("*.py"))
FILE, FUNCTION = 300, 30
"""Most lines of each."""
LONG: Mapping[str, str] = {
    "handlers/rollout/spec/canary.py parse": "one line for each field of the spec",
    "handlers/rollout/spec/canary.py _service": "one line for each field of spec.service",
    "handlers/step/act.py rendered": "one case for each action",
}
"""Functions that are tables."""


def lines(function: ast.FunctionDef) -> int:
    """Lines of a function's body without its docstring; a list, tuple or dict that it spells out is one of them."""
    first, *rest = function.body
    body = rest if rest and ast.get_docstring(function) else [first, *rest]
    last = function.end_lineno or function.lineno
    return last - body[0].lineno + 1 - sum(spelled(item) for item in body)


def spelled(node: ast.AST) -> int:
    """How many lines more than one the outermost lists, tuples and dicts in it take."""
    if isinstance(node, ast.Dict | ast.List | ast.Tuple):
        return (node.end_lineno or node.lineno) - node.lineno
    return sum(spelled(child) for child in ast.iter_child_nodes(node))


def long_functions() -> Iterator[str]:
    """File and name of each function that is too long."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and lines(node) > FUNCTION:
                yield f"{path.relative_to(ROOT)} {node.name}"


def test_files_are_short() -> None:
    """None has more than 300 lines."""
    counts = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {name: count for name, count in counts.items() if count > FILE} == {}


def test_functions_are_short() -> None:
    """None has more than 30 lines but those that are tables, and of these all still are."""
    assert set(long_functions()) == set(LONG)
