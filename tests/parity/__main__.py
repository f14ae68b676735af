"""Flagger and Serinus play the same scenarios on one real API server: `python -m tests.parity [--set small]`.

Prints what each scenario came to and what it cost, and writes it to `build/parity/` as JSON; with the whole set, also
into docs/parity.md. Exit status 1: something differs that should not, or costs more than it may.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from handlers.sandbox.kube import ApiError
from handlers.sandbox.process import SandboxError, interruptible
from tests.controlplane.programs import BuildError, build
from tests.parity import docs, report
from tests.parity.performance import Measured, perform
from tests.parity.scenarios import SMALL, scenarios


def main(arguments: Sequence[str]) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.parity", description=__doc__)
    parser.add_argument("--set", choices=("all", "small"), default="all", help="small: what takes three minutes")
    parser.add_argument("--only", nargs="*", default=[], metavar="SCENARIO", help="these scenarios, without any costs")
    told = parser.parse_args(arguments)
    chosen = scenarios(told.only or (SMALL if told.set == "small" else ()))
    interruptible()
    directory = Path(tempfile.mkdtemp(prefix="serinus-parity-"))
    try:
        build()
        measured = perform(directory, chosen, crowds=_crowds(told.set, told.only))
    except (ApiError, BuildError, SandboxError) as error:
        sys.stderr.write(f"{error}\nlogs: {directory}\n")
        return 1
    except KeyboardInterrupt:
        return 1
    return _judged(measured, directory, whole=told.set == "all" and not told.only)


def _crowds(size: str, only: Sequence[str]) -> tuple[int, ...]:
    """How many idle Canaries are measured together."""
    if only:
        return ()
    return (1, 10, 100) if size == "all" else (1, 10)


def _judged(measured: Measured, directory: Path, *, whole: bool) -> int:
    result = report.judge(measured)
    sys.stdout.write(report.text(result))
    sys.stdout.write(f"written: {report.write(result, measured)}\n")
    if not result.good:
        sys.stderr.write(f"logs: {directory}\n")
        return 1
    shutil.rmtree(directory)
    if whole:
        sys.stdout.write(f"written: {docs.write(result)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
