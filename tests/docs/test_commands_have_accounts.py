"""Each command that a page tells a reader to type is run by a test, or the page says what it needs."""

import re

import pytest

from tests.docs.accounts import BLOCKS, COMMANDS, all_blocks, all_inline, begun_by, of_a_block, problem
from tests.docs.pages import NEEDS, OTHERS, PAGES, SHELL, Found, fenced
from tests.manifests.files import ROOT

TESTS = sorted({*BLOCKS.values(), *COMMANDS.values()})
TO_DO = (
    "Type it in a test and give its name in tests/docs/accounts.py; or, where none can, "
    f"let the paragraph say one of: {', '.join(NEEDS)}."
)


@pytest.mark.parametrize("block", all_blocks(PAGES), ids=lambda block: block.where)
def test_a_block_of_commands(block: Found) -> None:
    """A block has exactly one account: a test, or what the paragraph above it says."""
    accounts = of_a_block(block)
    assert accounts, f"{block.where}: nothing runs these commands. {TO_DO}\n{block.text}"
    assert len(accounts) == 1, f"{block.where}: more than one account: {', '.join(accounts)}"


@pytest.mark.parametrize("command", all_inline(PAGES), ids=lambda command: f"{command.where} {command.text}")
def test_a_command_in_a_sentence(command: Found) -> None:
    """A command within a sentence is typed by a test, or is what its program takes, or the page says what it needs."""
    wrong = problem(command)
    assert not wrong, f"{command.where}: `{command.text}`: {wrong}. {TO_DO}"


@pytest.mark.parametrize("page", PAGES)
def test_what_a_block_is(page: str) -> None:
    """What a block has is told by the word at its fence, so that commands are not taken for something else."""
    for block in fenced(page):
        assert block.kind in (SHELL, *OTHERS), f"{block.where}: expected {SHELL} for commands, or one of {OTHERS}"


@pytest.mark.parametrize("name", TESTS)
def test_an_account_names_a_test(name: str) -> None:
    """The test that an account names is there; one of those that type pages types what it is named for."""
    file, _, function = name.partition("::")
    text = (ROOT / file).read_text()
    assert re.search(rf"^def {function}\(", text, re.MULTILINE)
    assert "import typed_by" not in text or re.search(rf"(typed_by|types)\(\"{function}\"\)", text)


def test_no_account_is_left_over() -> None:
    """Each account is about something that a page has."""
    here = all_blocks(PAGES)
    assert [key for key in BLOCKS if not any(begun_by(key, block) for block in here)] == []
    said = {command.text for command in all_inline(PAGES)}
    assert COMMANDS.keys() - said == set()
