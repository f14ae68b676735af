"""The manifests as a cluster would read them."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
KNATIVE = ROOT / "knative"
ALERTMANAGER = ROOT / "alertmanager"
BUILDS = {"Kustomization", "Component"}
"""What kustomize reads and no cluster is given."""


def paths() -> list[Path]:
    """Every file with Kubernetes objects, and the kustomizations."""
    return sorted(KNATIVE.rglob("*.yaml"))


def documents(path: Path) -> list[Any]:
    """The objects of one file."""
    return list(yaml.safe_load_all(path.read_text()))


def objects(kind: str = "") -> Iterator[dict[str, Any]]:
    """The objects of all files, of one kind or of all, without kustomizations."""
    for path in paths():
        for document in documents(path):
            if document["kind"] not in BUILDS and kind in ("", document["kind"]):
                yield document


def inside(node: object) -> Iterator[dict[str, Any]]:
    """Every mapping in a document, at any depth."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from inside(value)
    elif isinstance(node, list):
        for value in node:
            yield from inside(value)


def containers() -> Iterator[dict[str, Any]]:
    """Every container that runs the image."""
    for document in objects():
        for node in inside(document):
            yield from node.get("containers") or ()


def run(*command: str | Path) -> str:
    """What a program prints; a failure shows all of it. Skips where the program is not installed."""
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  fixed programs
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
