"""docs/parity.md shows a performance, and that of all scenarios."""

import json
import re

from tests.parity.compare import Comparison, needed
from tests.parity.docs import PAGE, block
from tests.parity.report import Line, Result
from tests.parity.scenarios import RECORDINGS


def test_the_page_has_each_scenario_with_its_wanted_differences() -> None:
    """A recording, or a deviation, that is new is measured by `make parity` first."""
    rows = re.findall(r"^\| ([-a-z0-9]+) \| \d+ \| ([^|]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    recordings = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in RECORDINGS.glob("*.json")}
    wanted = {name: needed(recording, recording["events"]) for name, recording in recordings.items()}
    assert dict(rows) == {name: ", ".join(deviations) or "-" for name, deviations in wanted.items()}


def test_a_block_has_what_was_measured() -> None:
    """Costs as they were counted, the command and the versions; a scenario without differences has none."""
    line = Line("a weight step", "19", None, good=True)
    same = Comparison("plain", 26, deviations=(), rules=("pods-take-time",), unwanted=())
    text = block(Result({"Flagger": "1.44.0"}, (same,), (line,), {}))
    assert "| a weight step | 19 | - |" in text
    assert "| plain | 26 | - | pods-take-time |" in text
    assert "`make parity` with Flagger 1.44.0" in text
