"""The command line: look at canaries, check manifests, send a tick, run the sandbox and its demo."""

import argparse
import os
import sys
from collections.abc import Sequence

from handlers.commands import lint, look, tick
from handlers.errors import SerinusError

BROKEN_PIPE = 141
"""What a shell says of a program that SIGPIPE has ended."""


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    found = argparse.ArgumentParser(prog="serinus", description=__doc__)
    commands = found.add_subparsers(dest="command", required=True)
    sandbox = commands.add_parser("sandbox", help="a cluster with real traffic on loopback, until Ctrl-C")
    sandbox.add_argument("--api", action="store_true", help="only the API server: no pods, no traffic, no metrics")
    sandbox.add_argument("--interval", type=float, default=1.0, help="seconds between scrapes (default: 1)")
    sandbox.add_argument("--alerts-to", default="", metavar="URL", help="webhook that Alertmanager sends alerts to")
    demo = commands.add_parser("demo", help="one version promoted and two rolled back, in the sandbox")
    demo.add_argument("--plain", action="store_true", help="lines instead of a live view, for logs")
    tick.add(commands)
    look.add(commands)
    lint.add(commands)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status."""
    arguments = parser().parse_args(argv)
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
            return tick.run(arguments)
        case "lint":
            return lint.run(arguments)
        case _:
            return look.run(arguments)
