"""The images' recipe: what it copies is there, and how it starts is understood."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from handlers import serving
from handlers.settings import PREFIX
from handlers.settings_table import SETTINGS
from tests.manifests.files import ROOT, objects
from tests.manifests.image import TEXT, USER, last, stages

CONTEXT = [made.words for made in stages()["build"] if made.name == "COPY"]
RUN = ("handlers", "loadtester")


@pytest.mark.parametrize("source", [source for args in CONTEXT for source in args[:-1]])
def test_what_is_copied_is_there(source: str) -> None:
    """A source exists and is not kept out by .dockerignore, which lets in nothing else."""
    assert (ROOT / source).exists()
    assert f"!{source}" in (ROOT / ".dockerignore").read_text().splitlines()


def test_ignored_is_everything_but_that() -> None:
    """Nothing goes to the builder that is not copied: no checkout, no environment, no secret that lies about."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == {item for args in CONTEXT for item in args[:-1]}


@pytest.mark.parametrize("stage", RUN)
def test_how_it_starts_is_understood(stage: str, tmp_path: Path) -> None:
    """gunicorn, as installed, accepts the command line of the image, and the app is one that can be made."""
    program, *options = last(stage, "ENTRYPOINT").words
    (app,) = last(stage, "CMD").words
    module, _, call = app.partition(":")
    assert callable(getattr(importlib.import_module(module), call.removesuffix("()")))
    assert program == "gunicorn"
    (tmp_path / "tiny.py").write_text("def create_app():\n    return lambda environ, start: []\n")
    command = [sys.executable, "-m", program, "--check-config", *options, "tiny:create_app()"]
    path = f"{tmp_path}:{ROOT}"
    done = subprocess.run(  # noqa: S603  ours
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_last_stage_is_the_handlers() -> None:
    """`docker build .` makes their image, from nothing; the other one has to be asked for."""
    assert [made.words[0] for made in stages()["handlers"] if made.name == "FROM"] == ["scratch"]
    assert list(stages()) == ["", "build", "loadtester", "handlers"]


def test_threads_are_as_many_as_knative_sends() -> None:
    """A pod is given no request that would have to wait for a thread."""
    (limit,) = {
        item["spec"]["template"]["spec"]["containerConcurrency"]
        for item in objects("Service")
        if "template" in item["spec"]
    }
    assert serving.threads == limit


@pytest.mark.parametrize("stage", RUN)
def test_the_user_is_a_number(stage: str) -> None:
    """Kubernetes cannot tell whether a named user is root (runAsNonRoot)."""
    assert last(stage, "USER").rest == f"{USER}:{USER}"


def test_variables_are_settings() -> None:
    """A SERINUS_* variable in the image would have to be a setting: the app refuses others."""
    names = set(re.findall(rf"\b{PREFIX}\w+", TEXT))
    assert names <= {setting.name for setting in SETTINGS}
