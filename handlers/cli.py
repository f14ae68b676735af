"""The command line: look at canaries, check manifests, send a tick, run the sandbox and its demo."""

import argparse
import json
import os
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

from handlers.commands import lint, look
from handlers.errors import SerinusError, Unavailable
from handlers.events.event import TICK
from handlers.step.ports import Request

OK = range(200, 300)
BROKEN_PIPE = 141
"""What a shell says of a program that SIGPIPE has ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status."""
    parser = argparse.ArgumentParser(prog="serinus", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    sandbox = commands.add_parser("sandbox", help="a cluster with real traffic on loopback, until Ctrl-C")
    sandbox.add_argument("--api", action="store_true", help="only the API server: no pods, no traffic, no metrics")
    sandbox.add_argument("--interval", type=float, default=1.0, help="seconds between scrapes (default: 1)")
    sandbox.add_argument("--alerts-to", default="", metavar="URL", help="webhook that Alertmanager sends alerts to")
    demo = commands.add_parser("demo", help="one version promoted and two rolled back, in the sandbox")
    demo.add_argument("--plain", action="store_true", help="lines instead of a live view, for logs")
    tick = commands.add_parser("tick", help="send one tick to the handlers, for cron")
    tick.add_argument("--url", required=True, help="where the handlers listen")
    tick.add_argument("--token-file", type=Path, help="a file with the bearer token")
    tick.add_argument("--namespace", default="", help="only canaries of this namespace")
    tick.add_argument("--name", default="", help="only this canary")
    look.add(commands)
    lint.add(commands)
    arguments = parser.parse_args(argv)
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has seen enough, as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the last flush, when Python ends
        return BROKEN_PIPE
    except SerinusError as error:
        print(f"serinus {arguments.command}: {error}", file=sys.stderr)  # noqa: T201  it is a command line
        return 1
    return status


def _run(arguments: argparse.Namespace) -> int:
    # each command imports what it needs: a tick does not wait for a cluster to be imported
    match arguments.command:
        case "sandbox":
            from handlers.sandbox.sandbox import main_sandbox  # noqa: PLC0415  see above

            return main_sandbox(api_only=arguments.api, interval=arguments.interval, alerts_to=arguments.alerts_to)
        case "demo":
            from handlers.sandbox.demo import run_demo  # noqa: PLC0415  see above

            return run_demo(plain=arguments.plain)
        case "tick":
            return _tick(arguments)
        case "lint":
            return lint.run(arguments)
        case _:
            return look.run(arguments)


def _tick(arguments: argparse.Namespace) -> int:
    from handlers.adapters.http import HttpClient  # noqa: PLC0415  see above

    data = {key: value for key in ("namespace", "name") if (value := getattr(arguments, key))}
    event = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "/serinus/tick", "type": TICK, "data": data}
    headers = {"Content-Type": "application/cloudevents+json"}
    if arguments.token_file:
        headers["Authorization"] = f"Bearer {_token(arguments.token_file)}"
    request = Request(method="POST", url=arguments.url, headers=headers, body=json.dumps(event).encode(), timeout=60)
    response = HttpClient().send(request)
    if response.status not in OK:
        raise Unavailable(f"answered {response.status} {response.body.decode(errors='replace').strip()[:256]}")
    return 0


def _token(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").split()[0]
    except (OSError, IndexError) as error:
        raise Unavailable(f"--token-file {path}: {error}") from error
