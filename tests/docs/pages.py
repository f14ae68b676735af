"""What the pages tell a reader to type: blocks of commands, and commands within sentences."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.manifests.files import ROOT

PAGES = ("README.md", "CONTRIBUTING.md", *sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/*.md")))
PROGRAMS = (
    *("kubectl", "make", "serinus", "docker", "curl", "gunicorn", "pytest", "python", "openssl", "promtool", "amtool"),
    *("helm", "pip", "git"),
)
NEEDS = ("for a real cluster", "needs a container engine")
"""What a page says, in the paragraph above a block or around a command, where no test can type it."""
SHELL = "sh"
OTHERS = ("", "yaml", "json", "mermaid")
_FENCED = re.compile(r"^(?P<by> *)```(?P<kind>\w*)\n(?P<text>.*?)^(?P=by)```$", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`((?:[^`\n]|\n(?!\n))+)`")
_PROMPT = "$ "


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Something to type: the text, the page and the line where it begins, and the paragraph above or around it."""

    page: str
    line: int
    text: str
    around: str
    kind: str = SHELL

    @property
    def where(self) -> str:
        """`docs/install.md:24`."""
        return f"{self.page}:{self.line}"

    @property
    def needs(self) -> bool:
        """Whether the page says that it cannot be typed here."""
        return any(need in " ".join(self.around.split()) for need in NEEDS)

    @property
    def commands(self) -> list[str]:
        """The commands of a block, each on one line but for what a backslash or an open quote goes on with."""
        found: list[str] = []
        for line in re.sub(r"\\\n\s*", "", self.text).splitlines():
            if found and _is_open(found[-1]):
                found[-1] += f"\n{line}"
            elif line:
                found.append(line)
        return found


def _is_open(command: str) -> bool:
    return command.replace('\\"', "").count('"') % 2 == 1


def fenced(page: str) -> Iterator[Found]:
    """Every fenced block of a page, of any kind."""
    text = _read(page)
    for found in _FENCED.finditer(text):
        above = text[: found.start()].rstrip().rpartition("\n\n")[2]
        inner = re.sub(f"^{found['by']}", "", found["text"], flags=re.MULTILINE)
        yield Found(page=page, line=_line(text, found.start()), text=inner, around=above, kind=found["kind"])


def blocks(page: str) -> list[Found]:
    """The blocks of commands of a page."""
    return [
        block
        for block in fenced(page)
        if block.kind == SHELL or (not block.kind and any(map(begins, block.text.splitlines())))
    ]


def inline(page: str) -> Iterator[Found]:
    """The commands of a page within its sentences, and those after a prompt in what it shows as output."""
    text = _read(page)
    for block in fenced(page):
        for line in block.text.splitlines():
            if block.kind == "" and line.startswith(_PROMPT):
                yield Found(page=page, line=block.line, text=line.removeprefix(_PROMPT), around="")
    prose = _FENCED.sub(lambda found: "\n" * found[0].count("\n"), text)
    for found in _INLINE.finditer(prose):
        command = " ".join(found[1].split()).removeprefix(".venv/bin/")
        if begins(command):
            around = prose[prose.rfind("\n\n", 0, found.start()) + 1 : prose.find("\n\n", found.end())]
            yield Found(page=page, line=_line(prose, found.start()), text=command, around=around)


def begins(text: str) -> bool:
    """Whether this begins with a program and what it is told; a program's name alone is a word."""
    program, space, _ = text.partition(" ")
    return bool(space) and program.removeprefix(".venv/bin/") in PROGRAMS


def _read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
