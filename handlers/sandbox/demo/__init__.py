"""`serinus demo`: a story of four versions on real traffic. Nothing of it is scripted but the pushes: all that is shown
comes from the cluster, Envoy, Prometheus, and a client.
"""

import logging
import sys
from contextlib import AbstractContextManager, nullcontext

from handlers.sandbox.demo.model import Happening
from handlers.sandbox.demo.play import Play
from handlers.sandbox.demo.summary import NEXT, summary
from handlers.sandbox.demo.verdict import faults
from handlers.sandbox.process import SandboxError, interruptible

INTERRUPTED = 130


def run_demo(*, plain: bool) -> int:
    """Play the story and tell what came of it; the exit status.

    0: all went as told. 1: not, and the last lines say what was expected and what was seen. 130: Ctrl-C or SIGTERM.
    `plain` prints a line for each happening; so does an output that is no terminal.
    """
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    interruptible()
    plain = plain or not sys.stdout.isatty()
    if not plain:
        _say("Starting a cluster, Envoy, Prometheus, Alertmanager and the handlers ...")
    try:
        with Play(_tell if plain else _nothing) as play:
            with nullcontext() if plain else _screen(play):
                play.run()
            complaints = play.handlers.complaints()
        return _conclude(play, complaints)
    except KeyboardInterrupt:
        _say("Interrupted; everything is stopped.")
        return INTERRUPTED
    except SandboxError as error:
        _say(f"The sandbox failed: {error}")
        return 1


def _conclude(play: Play, complaints: list[str]) -> int:
    found = faults(play.seen, play.tally)
    _say()
    for text in summary(play.seen, play.tally, play.rescue, found, play.recorder.seconds()):
        _say(text)
    if found:
        for text in complaints:
            _say(f"handlers' log: {text}")
    _say(NEXT)
    return 1 if found else 0


def _screen(play: Play) -> AbstractContextManager[object]:
    from handlers.sandbox.demo.screen import screen  # noqa: PLC0415  rich is optional, and lines need none

    return screen(play)


def _tell(happening: Happening) -> None:
    _say(happening.line)


def _nothing(_: Happening) -> None:
    """The view shows it."""


def _say(text: str = "") -> None:
    print(text, flush=True)  # noqa: T201  it is a command line
