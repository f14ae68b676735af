"""`serinus demo`: a story of four versions on real traffic. Nothing of it is scripted but the pushes: all that is shown
comes from the cluster, Envoy, Prometheus, and a client.
"""

import logging
import sys
from contextlib import AbstractContextManager, nullcontext

from urllib3.exceptions import HTTPError

from handlers.sandbox.demo import measure
from handlers.sandbox.demo.model import Happening
from handlers.sandbox.demo.pace import Busy, became_busy, too_late
from handlers.sandbox.demo.play import Play
from handlers.sandbox.demo.summary import NEXT, heading, summary
from handlers.sandbox.demo.verdict import faults
from handlers.sandbox.kube import ApiError
from handlers.sandbox.process import Late, SandboxError, interruptible

INTERRUPTED = 130
BUSY = 75
"""EX_TEMPFAIL of sysexits.h: not now, try again later."""


def run_demo(*, plain: bool) -> int:
    """Play the story and tell what came of it; the exit status.

    0: all went as told. 1: not, and the last lines say what was expected and what was seen. 75: the machine has too
    much else to do for that to say anything, and the last line says by which measure. 130: Ctrl-C or SIGTERM.
    `plain` prints a line for each happening; so does an output that is no terminal.
    """
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    interruptible()
    plain = plain or not sys.stdout.isatty()
    if not plain:
        _say("Measuring this machine; starting a cluster, Envoy, Prometheus, Alertmanager and the handlers ...")
    try:
        with measure.Timers() as timers:
            return _told(timers, plain=plain)
    except KeyboardInterrupt:
        _say("Interrupted; everything is stopped.")
        return INTERRUPTED


def _told(timers: measure.Timers, *, plain: bool) -> int:
    share = measure.share()
    try:
        with Play(_tell if plain else _nothing, share) as play:
            with nullcontext() if plain else _screen(play):
                play.run()
            complaints = play.handlers.complaints()
        return _conclude(play, complaints, timers.late)
    except Busy as error:
        return _too_busy(error)
    except (Late, ApiError, HTTPError) as error:
        busy = too_late(share, timers.late)
        return _too_busy(busy) if busy else _failed(error)
    except SandboxError as error:
        return _failed(error)


def _conclude(play: Play, complaints: list[str], late: float) -> int:
    found = faults(play.seen, play.tally, play.acts)
    if found:
        healthy = frozenset(act.tag for act in play.acts if act.end != "Failed")
        if busy := became_busy(play.traffic.summary().answers, healthy, late, play.pace):
            raise busy
    _say()
    _say(heading(play.recorder.seconds(), play.pace))
    for text in summary(play.seen, play.tally, play.rescue, found):
        _say(text)
    if found:
        for text in complaints:
            _say(f"handlers' log: {text}")
    _say(NEXT)
    return 1 if found else 0


def _too_busy(why: Busy) -> int:
    _say(f"This machine is too busy for the demo: {why}. Please try again when it has less to do.")
    return BUSY


def _failed(error: Exception) -> int:
    _say(f"The sandbox failed: {error}")
    return 1


def _screen(play: Play) -> AbstractContextManager[object]:
    from handlers.sandbox.demo.screen import screen  # noqa: PLC0415  rich is optional, and lines need none

    return screen(play)


def _tell(happening: Happening) -> None:
    _say(happening.line)


def _nothing(_: Happening) -> None:
    """The view shows it."""


def _say(text: str = "") -> None:
    print(text, flush=True)  # noqa: T201  it is a command line
