"""Which test runs which commands of the pages: a line for each, and a rule for each family of them."""

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import replace
from io import StringIO
from typing import Final

import pytest

from handlers.cli import parser
from tests.docs.pages import Found, blocks, inline
from tests.manifests.files import ROOT
from tests.manifests.test_yaml_files import INSTALLED

EMBEDDED = "tests/docs/test_typed_commands.py::"
REAL = "tests/controlplane/test_typed_pages.py::"

BLOCKS: Final[Mapping[tuple[str, str], str]] = {
    ("README.md", "docker build"): "tests/controlplane/test_typed_readme.py::test_from_nothing_to_a_rollback",
    ("docs/tutorial.md", ""): "tests/e2e/test_tutorial.py::test_the_tutorial",
    ("docs/sandbox.md", "kubectl apply -f knative"): "tests/sandbox/agents/test_typed_sandbox.py::test_an_app_answers",
    ("docs/commands.md", "kubectl annotate canary"): f"{EMBEDDED}test_commands_by_annotation",
    ("docs/commands.md", "kubectl annotate namespace"): f"{EMBEDDED}test_a_freeze_of_a_namespace",
    ("docs/commands.md", "BODY="): f"{EMBEDDED}test_commands_over_http",
    ("docs/takeover.md", "kubectl -n flagger-system scale"): f"{EMBEDDED}test_flagger_is_stopped",
    ("docs/takeover.md", "kubectl annotate canaries"): f"{EMBEDDED}test_what_is_remembered_is_removed",
    ("docs/takeover.md", "kubectl patch canary podinfo"): f"{EMBEDDED}test_flagger_looks_for_the_first_time",
    ("docs/install.md", "kubectl create namespace"): f"{REAL}test_the_senders_tokens",
    ("docs/install.md", "kubectl -n knative-eventing"): f"{REAL}test_on_knative",
    ("docs/install.md", "kubectl apply -k knative/cron/"): f"{REAL}test_without_knative",
    ("docs/install.md", "TOKEN="): f"{REAL}test_argo_cd",
    ("docs/install.md", "serinus get"): f"{REAL}test_see_that_it_works",
    ("docs/alerts.md", "kubectl -n monitoring create secret"): f"{REAL}test_alertmanagers_token",
    ("docs/alerts.md", "kubectl -n monitoring create configmap"): f"{REAL}test_the_dashboard",
    ("docs/jobs.md", "TOKEN="): f"{REAL}test_run_job",
}
"""By the page and how the block begins; a test of ours types what is here under its name."""

COMMANDS: Final[Mapping[str, str]] = {
    'curl "$Envoy/listeners"': "tests/sandbox/agents/test_typed_sandbox.py::test_where_a_tcp_port_is",
    "kubectl get events": "tests/e2e/test_takeover.py::test_a_rollout_changes_hands_and_back",
    "kubectl describe canary NAME": f"{REAL}test_see_that_it_works",
    "kubectl -n serinus logs -l app.kubernetes.io/name=serinus": f"{REAL}test_see_that_it_works",
    "kubectl delete -k knative/": f"{REAL}test_removal",
    "kubectl -n flagger-system scale deployment flagger --replicas=1": f"{EMBEDDED}test_flagger_is_started_again",
    "kubectl apply -k alertmanager/operator/": f"{REAL}test_the_operator",
}
"""Commands within sentences, which a test of ours types, or has its like of."""


def typed_by(test: str) -> list[str]:
    """The commands that a test has to type, in the order of the pages. Fails when there are none."""
    accounts = [(key, block) for key in BLOCKS for block in blocks(key[0]) if begun_by(key, block)]
    found = [command for key, block in accounts if BLOCKS[key].endswith(f"::{test}") for command in block.commands]
    found += [command for command, name in COMMANDS.items() if name.endswith(f"::{test}")]
    assert found, f"no page has a command for {test}: see BLOCKS and COMMANDS"
    return found


def begun_by(key: tuple[str, str], block: Found) -> bool:
    """Whether this line of the table is about this block."""
    return block.page == key[0] and block.text.startswith(key[1])


def of_a_block(block: Found) -> list[str]:
    """All accounts of a block; there should be one. A test counts for more than what the page says."""
    tests = [test for key, test in BLOCKS.items() if begun_by(key, block)]
    marked = ["the page"] if block.needs and not tests else []
    if all(line.startswith("make ") and not problem(replace(block, text=line)) for line in block.commands):
        marked.append("the rule about make")
    return marked + tests


def problem(command: Found) -> str:
    """What is wrong with a command within a sentence; empty when there is an account of it."""
    if command.needs or command.text in COMMANDS:
        return ""
    words = shlex.split(command.text.partition(" | ")[0])
    rule = FAMILIES.get(words[0])
    return rule(words[1:]) if rule else "no test runs it, and no rule is about its like"


def _make(words: Sequence[str]) -> str:
    """A target that is in the Makefile, with variables that are read there."""
    text = (ROOT / "Makefile").read_text()
    for word in words:
        name, is_variable, _ = word.partition("=")
        there = rf"\$\({name}\)" if is_variable else rf"^{re.escape(name)}:"
        if not re.search(there.replace("\\.venv", "\\$\\(VENV\\)"), text, re.MULTILINE):
            return f"the Makefile knows no {name}"
    return ""


def _serinus(words: Sequence[str]) -> str:
    """A command of ours that its parser takes; its name alone is a way to speak of it."""
    if len(words) == 1:
        words = [*words, "--help"]
    told = StringIO()
    try:
        with redirect_stderr(told):
            parser().parse_args([word.removesuffix("...") for word in words])
    except SystemExit as ended:
        return told.getvalue().strip() if ended.code else ""
    return ""


def _kubectl(words: Sequence[str]) -> str:
    """An installation, which other tests make, or the name of a command."""
    match words:
        case ["apply", "-k", folder]:
            known = folder.removeprefix("knative/").strip("/") in INSTALLED and folder.startswith("knative/")
            return "" if known else "it is no folder that tests/controlplane/test_manifests.py applies"
        case [_] | ["create", _]:
            return _runs("kubectl", *words, "--help")
        case _:
            return "no test types it"


def _gunicorn(words: Sequence[str]) -> str:
    """An app that it finds, with a configuration that it takes."""
    return _runs(sys.executable, "-m", "gunicorn", "--check-config", *words)


def _python(words: Sequence[str]) -> str:
    """A module that can be run."""
    match words:
        case ["-m", "tests.parity", "--only", "NAME"]:  # what --help of an option says is what the page means
            return _runs(sys.executable, "-m", "tests.parity", "--only", "plain", "--help")
        case ["-m", module]:
            return "" if importlib.util.find_spec(module) else f"there is no module {module}"
        case _:
            return "no rule is about it"


def _pytest(words: Sequence[str]) -> str:
    """Options that it has, and tests that are there."""
    return _runs(sys.executable, "-m", "pytest", *words, "--version") or next(
        (f"there is no {word}" for word in words if word.startswith("tests") and not (ROOT / word).exists()), ""
    )


def _runs(*command: str) -> str:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    environ = {"PATH": "/usr/bin:/bin:/usr/local/bin", "SERINUS_NO_AUTH": "true", "HOME": "/nowhere"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)  # noqa: S603  our pages
    return done.stderr.strip() if done.returncode else ""


FAMILIES: Final[Mapping[str, Callable[[Sequence[str]], str]]] = {
    "make": _make,
    "serinus": _serinus,
    "kubectl": _kubectl,
    "gunicorn": _gunicorn,
    "pytest": _pytest,
    "python": _python,
}
"""What a command has to be like, by its program; gives what is wrong with it."""


def all_blocks(pages: Sequence[str]) -> list[Found]:
    """The blocks of commands of all pages."""
    return [block for page in pages for block in blocks(page)]


def all_inline(pages: Sequence[str]) -> list[Found]:
    """The commands within sentences of all pages."""
    return [command for page in pages for command in inline(page)]
