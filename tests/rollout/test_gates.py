"""Gates survive their annotation, close in time, and nonsense opens none."""

import pytest

from handlers.errors import BadCanary
from handlers.rollout.gates import GATES, Gate, dump, is_open, load
from tests.rollout.examples import NOW, seconds


def test_gates_survive_the_annotation() -> None:
    """With and without an end."""
    gates = {Gate.GATE: None, Gate.ROLLBACK: NOW}
    assert load({GATES: dump(gates)}) == gates
    assert load({}) == load({GATES: ""}) == load({GATES: dump({})}) == {}


def test_a_gate_is_open_until_its_end() -> None:
    """And one that nobody opened is closed."""
    assert not is_open({}, Gate.GATE, NOW)
    assert is_open({Gate.GATE: None}, Gate.GATE, NOW)
    assert is_open({Gate.GATE: NOW}, Gate.GATE, NOW - seconds(1))
    assert not is_open({Gate.GATE: NOW}, Gate.GATE, NOW)
    assert not is_open({Gate.GATE: None}, Gate.ROLLBACK, NOW)


@pytest.mark.parametrize(
    "text",
    ["open", "[]", "1", '{"door": ""}', '{"gate": true}', '{"gate": "tomorrow"}', '{"gate": "2026-01-02T03:04:05"}'],
)
def test_nonsense_opens_nothing(text: str) -> None:
    """It is told what was expected."""
    with pytest.raises(BadCanary, match="expected a JSON object"):
        load({GATES: text})
