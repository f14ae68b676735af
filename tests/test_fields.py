"""docs/fields.md forgets no field of Flagger's resources, and names tests that exist."""

import re
from pathlib import Path

import pytest

from handlers.rollout.spec.canary import parse
from handlers.rollout.weights import Split
from handlers.routers import istio
from tests.fields import FIELDS, Row
from tests.lab import a_canary

HERE = Path(__file__).parent
PATHS = (HERE / "samples" / "flagger" / "crd_fields.txt").read_text(encoding="utf-8").split("\n")[:-1]
ROWS = [(kind, row) for kind, rows in FIELDS.items() for row in rows]


@pytest.mark.parametrize("line", PATHS)
def test_no_field_is_forgotten(line: str) -> None:
    """Each field that Flagger's CRDs define is in one row of the table, and in one only."""
    kind, _, path = line.partition(" ")
    path = path.removeprefix("spec.")
    assert len([row for row in FIELDS[kind] if row.covers(path)]) == 1


@pytest.mark.parametrize(("kind", "row"), ROWS, ids=lambda part: part.field if isinstance(part, Row) else part)
def test_no_row_is_about_nothing(kind: str, row: Row) -> None:
    """Each row is about a field that Flagger's CRDs define, and its test is there."""
    assert any(row.covers(line.partition(" spec.")[2]) for line in PATHS if line.startswith(f"{kind} "))
    file, _, function = row.test.partition("::")
    assert re.search(rf"^def {function}\(", (HERE / file).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(
    "service",
    [
        {"backendTimeout": "5s"},
        {"meshName": "mesh"},
        {"backends": ["backend"]},
        {"gatewayRefs": [{"name": "gateway"}]},
        {"mirror": [{"backendRef": {"name": "app-canary", "port": 80}}]},
    ],
    ids=lambda service: next(iter(service)),
)
def test_a_field_for_another_mesh_changes_nothing(service: dict[str, object]) -> None:
    """What is about another mesh is passed over, as by Flagger's Istio router."""
    with_it, without = parse(a_canary(service=service)), parse(a_canary())
    assert with_it == without
    assert istio.route(with_it, Split(weight=20), None) == istio.route(without, Split(weight=20), None)
