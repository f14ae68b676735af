"""Keeps the live view on the terminal while the story goes on."""

from contextlib import AbstractContextManager
from functools import partial

from rich.console import RenderableType
from rich.live import Live

from handlers.sandbox.demo.model import asked
from handlers.sandbox.demo.play import Play
from handlers.sandbox.demo.story import APP
from handlers.sandbox.demo.view import Scene, draw

REFRESH = 4
"""Times a second."""


def screen(play: Play) -> AbstractContextManager[Live]:
    """The view, from entering until leaving; the terminal is then as it was before."""
    return Live(get_renderable=partial(_now, play), screen=True, refresh_per_second=REFRESH)


def _now(play: Play) -> RenderableType:
    return draw(scene(play))


def scene(play: Play) -> Scene:
    """What there is to see now."""
    recorder, tally = play.recorder, play.recorder.tally
    checks = [found for step in list(recorder.steps) if (found := asked(step))]
    return Scene(
        at=recorder.seconds(),
        number=play.acts.index(play.act) + 1,
        acts=len(play.acts),
        title=play.act.title,
        phase=recorder.phase,
        target=recorder.runs(APP),
        primary=recorder.runs(f"{APP}-primary"),
        weight=recorder.weight,
        measured=recorder.measured(),
        checks=checks[-1] if checks else (),
        alerts=dict(recorder.alerts),
        happenings=tuple(recorder.happenings),
        sent=tally.sent,
        lost=tally.lost.total(),
        failed=tally.failed.copy(),
        versions=tally.versions.copy(),
    )
