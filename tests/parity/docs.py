"""What docs/parity.md shows of the last whole performance."""

from pathlib import Path
from typing import Final

from tests.conformance.deviations import DEVIATIONS
from tests.parity.compare import EVENED, Comparison
from tests.parity.report import Result
from tests.readme import with_block

PAGE: Final = Path(__file__).parents[2] / "docs" / "parity.md"
COMMAND: Final = "make parity"


def write(result: Result) -> Path:
    """Put it between the markers of the page; where that is."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_block(text, "parity", lambda: block(result), COMMAND), encoding="utf-8")
    return PAGE


def block(result: Result) -> str:
    """The tables."""
    measured = " · ".join(f"{name} {number}" for name, number in result.versions.items())
    costs = [f"| {line.what} | {_cell(line.flagger)} | {_cell(line.serinus)} |" for line in result.costs]
    played = [_row(item) for item in result.comparisons]
    return "\n".join(
        [
            f"Measured by `{COMMAND}` with {measured}.",
            "",
            "| Requests to the API server | Flagger | Serinus |",
            "|---|---|---|",
            *costs,
            "",
            "| Scenario | Writes | Different on purpose | Evened out |",
            "|---|---|---|---|",
            *played,
            "",
            "| Difference | Serinus | Why |",
            "|---|---|---|",
            *(f"| {item.name} | {item.does} | {item.because} |" for item in DEVIATIONS if item.name in _needed(result)),
            "",
            "| Evened out | Why |",
            "|---|---|",
            *(f"| {name} | {because} |" for name, because in EVENED),
        ]
    )


def _needed(result: Result) -> set[str]:
    return {name for item in result.comparisons for name in item.deviations}


def _row(item: Comparison) -> str:
    return f"| {item.scenario} | {item.writes} | {_cell(', '.join(item.deviations))} | {_cell(', '.join(item.rules))} |"


def _cell(text: str | None) -> str:
    return text or "-"
