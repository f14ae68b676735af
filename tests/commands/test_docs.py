"""docs/command-line.md is about the commands that there are."""

import re

import pytest

from handlers.cli import parser
from tests.manifests.files import ROOT

PAGE = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## `serinus (\w+)`\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][a-z-]*")


def options(command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What `--help` of a command lists."""
    monkeypatch.setenv("COLUMNS", "200")  # so that no option is broken at its hyphen
    with pytest.raises(SystemExit):
        parser().parse_args([command, "--help"])
    return set(OPTION.findall(capsys.readouterr().out)) - {"-h", "--help"}


def test_every_command_has_a_section() -> None:
    """Each command has a section, and there is none about another one."""
    (listed,) = re.findall(r"\{([a-z,]+)\} \.\.\.", parser().format_usage())
    assert SECTIONS.keys() == set(listed.split(","))


@pytest.mark.parametrize("command", SECTIONS)
def test_a_section_names_all_options(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command's section names each of its options, and no other."""
    assert set(OPTION.findall(SECTIONS[command])) == options(command, capsys, monkeypatch)
