"""`serinus tick`: the clock's event, sent once, or again and again for a while: cron knows nothing under a minute."""

import argparse
import json
import math
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from handlers.errors import BadSetting, Permanent, SerinusError, Temporary, Unavailable
from handlers.events.event import TICK
from handlers.rollout.spec.durations import go_duration
from handlers.step.ports import Http, Request

OK = range(200, 300)
TIMEOUT = 60.0
"""Seconds until the handlers must have answered, a second try included."""
PAUSE = 1.0
"""Seconds before a tick is sent once more, as in the Triggers of knative/default/."""
SHORTEST, LONGEST = timedelta(seconds=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """What the command needs: HTTP, a clock in seconds, and somebody to tell of what is lost."""

    http: Http
    now: Callable[[], float]
    sleep: Callable[[float], None]
    complain: Callable[[str], None]


def add(commands: Any) -> None:
    """Tell argparse's sub-commands of it."""
    command = commands.add_parser("tick", help="send one tick to the handlers, or one after the other, for cron")
    command.add_argument("--url", required=True, help="where the handlers listen")
    command.add_argument("--token-file", type=Path, help="a file with the bearer token")
    command.add_argument("--namespace", default="", help="only canaries of this namespace")
    command.add_argument("--name", default="", help="only this canary")
    command.add_argument("--every", type=_length, metavar="DURATION", help="one each 10s, say, until --for is over")
    command.add_argument(
        "--for", type=_length, dest="lasting", metavar="DURATION", help="with --every: how long, as 55s"
    )


def _length(text: str) -> timedelta:
    found = go_duration(text)
    if found is None or not SHORTEST <= found <= LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration from 1s to 1h, as 10s")
    return found


def run(arguments: argparse.Namespace) -> int:
    """Send what is wanted; gives the exit status."""
    from handlers.adapters.http import HttpClient  # noqa: PLC0415  other commands do not wait for it

    def complain(text: str) -> None:
        print(f"serinus tick: {text}", file=sys.stderr, flush=True)  # noqa: T201  it is a command line

    return send(arguments, Sender(http=HttpClient(), now=time.monotonic, sleep=time.sleep, complain=complain))


def send(arguments: argparse.Namespace, sender: Sender) -> int:
    """Send one tick, or with `--every` many; gives the exit status. Raises SerinusError when one was not taken."""
    if arguments.every is None and arguments.lasting is None:
        _tick(arguments, sender, sender.now() + TIMEOUT)
    elif arguments.every is None or arguments.lasting is None or arguments.every > arguments.lasting:
        raise BadSetting("--every and --for want each other, and --for is the longer one, as --every 10s --for 55s")
    else:
        _ticks(arguments, sender)
    return 0


def _ticks(arguments: argparse.Namespace, sender: Sender) -> None:
    """Send ticks at their times until these are over; a lost one is told, and the next one makes it good.

    What falls due while an answer is awaited is left out, for one tick steps all that is due. No answer is awaited
    beyond the end. Raises Unavailable when any was lost.
    """
    every, due = arguments.every.total_seconds(), sender.now()
    end = due + arguments.lasting.total_seconds()
    sent = lost = 0
    while due < end:
        sender.sleep(max(0.0, due - sender.now()))
        try:
            _tick(arguments, sender, end)
        except SerinusError as error:
            lost += 1
            sender.complain(str(error))
        sent += 1
        due += every * max(1, math.ceil((sender.now() - due) / every))
    if lost:
        raise Unavailable(f"{lost} of {sent} ticks were not taken")


def _tick(arguments: argparse.Namespace, sender: Sender, end: float) -> None:
    """Send one, and once more where that can help and there is time for it."""
    data = {key: value for key in ("namespace", "name") if (value := getattr(arguments, key))}
    event = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "/serinus/tick", "type": TICK, "data": data}
    headers = {"Content-Type": "application/cloudevents+json"}
    if arguments.token_file:
        headers["Authorization"] = f"Bearer {_token(arguments.token_file)}"
    request = Request(method="POST", url=arguments.url, headers=headers, body=json.dumps(event).encode())
    try:
        _post(request, sender, end)
    except Temporary:
        if sender.now() + PAUSE >= end:
            raise
        sender.sleep(PAUSE)
        _post(request, sender, end)


def _post(request: Request, sender: Sender, end: float) -> None:
    response = sender.http.send(replace(request, timeout=min(TIMEOUT, end - sender.now())))
    if response.status in OK:
        return
    told = f"answered {response.status} {response.body.decode(errors='replace').strip()[:256]}"
    raise Unavailable(told) if response.status == Temporary.status else Permanent(told)


def _token(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").split()[0]
    except (OSError, IndexError) as error:
        raise Unavailable(f"--token-file {path}: {error}") from error
