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
from tests.parity import docs, recordings, report
from tests.parity.performance import Measured, perform
from tests.parity.scenarios import RECORDINGS, SMALL, scenarios

CROWDS = {"all": (1, 10, 100), "small": (1, 10)}
"""How many idle Canaries are measured together."""


def main(arguments: Sequence[str]) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.parity", description=__doc__)
    parser.add_argument("--set", choices=("all", "small"), default="all", help="small: what takes three minutes")
    parser.add_argument("--only", nargs="*", default=[], metavar="SCENARIO", help="these scenarios, without any costs")
    parser.add_argument("--record", action="store_true", help="keep what Flagger did as recordings in that folder")
    parser.add_argument("--folder", type=Path, default=RECORDINGS, help="where the scenarios are")
    told = parser.parse_args(arguments)
    part = bool(told.only or told.folder != RECORDINGS)
    chosen = scenarios(told.only or (SMALL if told.set == "small" else ()), told.folder)
    interruptible()
    directory = Path(tempfile.mkdtemp(prefix="serinus-parity-"))
    try:
        build()
        measured = perform(directory, chosen, crowds=() if part else CROWDS[told.set])
    except (ApiError, BuildError, SandboxError) as error:
        sys.stderr.write(f"{error}\nlogs: {directory}\n")
        return 1
    except KeyboardInterrupt:
        return 1
    if told.record:
        for scenario in measured.scenarios:
            recordings.write(told.folder, scenario, measured.flagger.played[scenario.name])
    return _judged(measured, directory, whole=told.set == "all" and not part)


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
