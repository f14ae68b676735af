"""The page about the protocol and its tests name the same things."""

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "protocol.md"


def test_the_page_names_each_test_of_a_rule() -> None:
    """A rule's test that is renamed, added or removed is so on the page as well."""
    files = sorted(HERE.glob("test_rules*.py"))
    tests = {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)}
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text("utf-8")))
    assert tests == named
