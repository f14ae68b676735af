"""The image's recipe: what it copies is there, and how it starts is understood."""

import importlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from handlers.settings import PREFIX
from handlers.settings_table import SETTINGS
from tests.manifests.files import ROOT, containers, objects

TEXT = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
INSTRUCTIONS = [tuple(line.split(maxsplit=1)) for line in TEXT.splitlines() if line and not line.startswith("#")]
CONTEXT = [args.split() for name, args in INSTRUCTIONS if name == "COPY" and not args.startswith("--from")]


def last(name: str) -> str:
    """The arguments of the last instruction of a name."""
    return [args for found, args in INSTRUCTIONS if found == name][-1]


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


def test_gunicorn_takes_the_options(tmp_path: Path) -> None:
    """gunicorn, as installed, accepts the command line of the image."""
    program, *options = json.loads(last("ENTRYPOINT"))
    (app,) = json.loads(last("CMD"))
    gunicorn = shutil.which(program, path=Path(sys.executable).parent)
    assert gunicorn
    assert app == "handlers.app:create_app()"
    (tmp_path / "tiny.py").write_text("def create_app():\n    return lambda environ, start: []\n")
    command = [gunicorn, "--check-config", *options, "tiny:create_app()"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  ours
    assert done.returncode == 0, done.stderr


def test_both_apps_can_be_imported() -> None:
    """What the image starts, and what a load tester's pod starts instead, are apps that can be made."""
    args = [item["args"] for item in containers() if item["name"] == "loadtester"]
    for (app,) in [json.loads(last("CMD")), *args]:
        module, _, call = app.partition(":")
        assert callable(getattr(importlib.import_module(module), call.removesuffix("()")))


def test_threads_are_as_many_as_knative_sends() -> None:
    """A pod is given no request that would have to wait for a thread."""
    options = json.loads(last("ENTRYPOINT"))
    (limit,) = (
        item["spec"]["template"]["spec"]["containerConcurrency"]
        for item in objects("Service")
        if "template" in item["spec"]
    )
    assert f"--threads={limit}" in options


def test_the_user_is_a_number() -> None:
    """Kubernetes cannot tell whether a named user is root (runAsNonRoot)."""
    assert last("USER") == "65532:65532"


def test_variables_are_settings() -> None:
    """A SERINUS_* variable in the image would have to be a setting: the app refuses others."""
    names = set(re.findall(rf"\b{PREFIX}\w+", TEXT))
    assert names <= {setting.name for setting in SETTINGS}


def test_all_installed_imports_survive_without_aio() -> None:
    """What the image deletes of the Kubernetes client is not imported by any part that runs there."""
    assert "kubernetes/aio" in TEXT
    check = next(json.loads(args) for name, args in INSTRUCTIONS if name == "RUN" and args.startswith("["))
    code = f"{check[2]}; import sys; assert 'kubernetes' in sys.modules; sys.exit('kubernetes.aio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False)  # noqa: S603  ours
    assert done.returncode == 0
