"""The live view: one screen of 80 x 24, drawn from a Scene. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from handlers.sandbox.demo.model import Happening, limits, value_of
from handlers.sandbox.demo.story import version_of

WIDTH = 80
BAR = 40
EVENTS = 8
METRICS = 3
COLOURS = {"1.0.0": "cyan", "1.0.1": "green", "1.0.2": "red", "1.0.3": "yellow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What there is to see at one moment; weights and `measured` in percent, `at` in seconds since the start."""

    at: float
    number: int
    acts: int
    title: str
    phase: str
    target: str
    primary: str
    weight: int
    measured: float | None
    checks: Sequence[Mapping[str, Any]]
    alerts: Mapping[str, str]
    happenings: Sequence[Happening]
    sent: int
    lost: int
    failed: Counter[str]
    versions: Counter[str]


def draw(scene: Scene) -> RenderableType:
    """The whole screen."""
    minutes, seconds = divmod(int(scene.at), 60)
    parts = [
        Text(scene.title, style="bold"),
        _who(scene),
        Text(),
        _bar("intended", scene.weight, scene, "by Serinus"),
        _bar("measured", scene.measured, scene, "at Envoy"),
        Text(),
        _metrics(scene.checks),
        _alerts(scene.alerts),
        Text(),
        _events(scene.happenings),
        Text(),
        *_client(scene),
    ]
    title = f"serinus demo  {minutes}:{seconds:02}  act {scene.number} of {scene.acts}"
    return Panel(Group(*parts), title=title, title_align="left", width=WIDTH)


def _who(scene: Scene) -> Text:
    text = Text(f"{scene.phase or 'no Canary yet'}   target ")
    text.append(version_of(scene.target) or "-", style=_colour(scene.target))
    text.append("   primary ")
    text.append(version_of(scene.primary) or "-", style=_colour(scene.primary))
    return text


def _bar(name: str, percent: float | None, scene: Scene, source: str) -> Text:
    filled = round(BAR * (percent or 0) / 100)
    text = Text(f"{name}  ")
    text.append("█" * filled, style=_colour(scene.target))
    text.append("░" * (BAR - filled), style=_colour(scene.primary))
    shown = "-" if percent is None else f"{percent:.1f}"
    return text.append(f" {shown:>5} % ").append(source, style="dim")


def _metrics(checks: Sequence[Mapping[str, Any]]) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, width=WIDTH - 4)
    for check in checks[:METRICS]:
        good = check.get("outcome") == "passed"
        outcome = Text(str(check.get("outcome", "")), style="green" if good else "bold red")
        table.add_row(str(check.get("metric", "")), value_of(check), limits(check), outcome)
    if not checks:
        table.add_row(Text("no metric was asked for yet", style="dim"))
    for _ in range(METRICS - max(1, len(checks[:METRICS]))):
        table.add_row("")
    return table


def _alerts(alerts: Mapping[str, str]) -> Text:
    if not alerts:
        return Text("alerts: none", style="dim")
    style = "bold red" if any(state.startswith("firing") for state in alerts.values()) else "yellow"
    words = ", ".join(f"{name} {state}" for name, state in alerts.items())
    return Text(f"alerts: {words}", style=style, no_wrap=True, overflow="ellipsis")


def _events(happenings: Sequence[Happening]) -> RenderableType:
    lines = [happening.line for happening in happenings[-EVENTS:]]
    lines += [""] * (EVENTS - len(lines))
    return Group(*(Text(text, no_wrap=True, overflow="ellipsis") for text in lines))


def _client(scene: Scene) -> Sequence[Text]:
    text = Text(f"client: {scene.sent} requests, ")
    text.append(f"{scene.lost} lost", style="bold red" if scene.lost else "green")
    for tag, count in sorted((+scene.failed).items()):
        text.append(f", {count} errors from {version_of(tag)}", style=_colour(tag))
    answers = Text("answers: ")
    for tag, count in sorted(scene.versions.items()):
        answers.append(f"{version_of(tag)} {count}   ", style=_colour(tag))
    return text, answers


def _colour(tag: str) -> str:
    return COLOURS.get(version_of(tag), "white")
