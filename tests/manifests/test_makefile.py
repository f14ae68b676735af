"""`make demo` and `make test` in a fresh clone: what each installs, in either order."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.shell import needs
from tests.manifests.files import ROOT

pytestmark = needs("make")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone, as far as make looks at it."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def commands(clone: Path, target: str) -> list[str]:
    """What make would do."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    told = subprocess.run(  # noqa: S603  nothing comes from outside
        ["make", "-n", target],  # noqa: S607  the one on the PATH, as a user's
        cwd=clone,
        env=environ,
        check=True,
        capture_output=True,
        text=True,
    )
    return told.stdout.splitlines()


def installs(clone: Path, target: str) -> list[str]:
    """The extras that pip would install, one after the other."""
    return re.findall(r"pip install .*'\.\[(\w+)\]'", "\n".join(commands(clone, target)))


def done(clone: Path, *stamps: str) -> None:
    """What is there after a run of make that left these stamps."""
    for path in ("bin/pip", *stamps):
        file = clone / ".venv" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def test_each_command_installs_what_it_needs_and_no_more(clone: Path) -> None:
    """The demo needs no tools of developers."""
    assert installs(clone, "demo") == ["sandbox"]
    assert installs(clone, "test") == ["dev"]


def test_the_commands_work_in_either_order(clone: Path) -> None:
    """After the demo the rest is installed; after the tests nothing is missing for the demo."""
    done(clone, ".demo")
    assert installs(clone, "demo") == []
    assert installs(clone, "test") == ["dev"]
    made = [line for line in commands(clone, "test") if line.startswith("touch ")]
    assert made == ["touch .venv/.demo .venv/.ready"]
    done(clone, ".demo", ".ready")
    assert installs(clone, "demo") == installs(clone, "test") == []


def test_a_new_requirement_is_installed_for_both(clone: Path) -> None:
    """Whoever pulls a newer pyproject.toml gets what it asks for."""
    done(clone, ".demo", ".ready")
    later = (clone / ".venv" / ".ready").stat().st_mtime + 10
    os.utime(clone / "pyproject.toml", (later, later))
    assert installs(clone, "demo") == ["sandbox"]
    assert installs(clone, "test") == ["dev"]


@pytest.mark.parametrize("target", ["demo", "test"])
def test_each_slow_step_is_told_before_it_begins(clone: Path, target: str) -> None:
    """Nobody looks at a silent terminal for a minute."""
    lines = commands(clone, target)
    for slow in (" -m venv ", " -m pip install "):
        number = next(number for number, line in enumerate(lines) if slow in line)
        assert any(line.startswith("echo ") for line in (lines[number - 1], lines[number])), lines[number]
