"""`serinus lint` on files."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from handlers.cli import main
from tests.explain.test_lint import ERRORS, TEMPLATE
from tests.lab import a_canary, a_deployment


def written(path: Path, *documents: Any) -> str:
    """A file with these documents; its path."""
    path.write_text(yaml.safe_dump_all(documents))
    return str(path)


def test_a_good_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The rollout is shown, other objects are passed over, and the status is 0."""
    name = written(tmp_path / "app.yaml", a_deployment(), None, a_canary())
    assert main(["lint", name]) == 0
    assert capsys.readouterr().out.startswith(f"{name}:3: Canary shop/app, if every check passes: at least 1m0s")
    assert main(["lint", "--quiet", name]) == 0
    assert capsys.readouterr().out == ""


def test_errors_name_file_and_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All mistakes of all files are told, those that only the API server would find among them, and the status is 1."""
    bad = a_canary(analysis={"threshold": "x"}, targetRef={"kind": "Deployment", "name": "app"})
    name = written(tmp_path / "bad.yaml", a_canary(), bad)
    assert main(["lint", name]) == 1
    out = capsys.readouterr().out
    assert f"{name}:1: Canary shop/app" in out
    assert f"{name}:2: error: spec.analysis.threshold: 'x' is not a whole number\n" in out
    assert f"{name}:2: error: the API server refuses it: spec.targetRef.apiVersion: Required value" in out
    assert f"{name}:2: Canary" not in out


def test_a_misspelt_field_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An API server drops it without a word; with --strict a warning fails."""
    name = written(tmp_path / "c.yaml", a_canary(analysis={"stepWieght": 10}))
    assert main(["lint", name]) == 0
    warning = f"{name}:1: warning: spec.analysis.stepWieght: there is no such field, the API server drops it\n"
    assert warning in capsys.readouterr().out
    assert main(["lint", "--strict", name]) == 1


def test_templates_of_other_files_are_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A Canary and its MetricTemplate may be in two files."""
    canary = written(tmp_path / "c.yaml", a_canary(analysis={"metrics": [ERRORS]}))
    template = written(tmp_path / "t.yaml", TEMPLATE)
    assert main(["lint", canary, template]) == 1
    assert f"{canary}:1: error: spec.analysis.metrics[0]: MetricTemplate shop/errors: " in capsys.readouterr().out


def test_a_namespace_in_the_files_is_checked_with_its_canaries(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mistakes in its freeze windows fail, and those that can be read are shown beside the rollout."""
    namespace: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    namespace["metadata"]["annotations"] = {"serinus.dev/freeze": "0 18 * * 5 62h"}
    good = written(tmp_path / "good.yaml", namespace, a_canary())
    assert main(["lint", good]) == 0
    assert "  frozen in: 0 18 * * 5 62h (serinus.dev/freeze of Namespace shop)\n" in capsys.readouterr().out
    namespace["metadata"]["annotations"] = {"serinus.dev/freeze": "weekends"}
    bad = written(tmp_path / "bad.yaml", namespace, a_canary())
    assert main(["lint", bad]) == 1
    out = capsys.readouterr().out
    assert out.startswith(f"{bad}:1: error: frozen by serinus.dev/freeze of Namespace shop: 'weekends', expected")
    assert f"{bad}:2: Canary shop/app" in out


def test_stdin_lists_and_a_missing_namespace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `kubectl get canaries -o yaml` prints can be piped in; a manifest need not say its namespace."""
    canary = a_canary()
    del canary["metadata"]["namespace"]
    everything = {"apiVersion": "v1", "kind": "List", "items": [canary, a_deployment()]}
    monkeypatch.setattr("sys.stdin", io.StringIO(yaml.safe_dump(everything)))
    assert main(["lint", "-o", "json", "-"]) == 0
    [report] = json.loads(capsys.readouterr().out)
    assert (report["file"], report["name"], report["seconds"]) == ("stdin:1", "default/app", 60)
    assert report["steps"][1]["weight"] == 20


@pytest.mark.parametrize("name", ["shop/canary.yaml", "migration.yaml"])
def test_the_examples_hold(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is shipped to be copied has no mistake and no field that an API server would drop, and fits the page."""
    examples = Path(__file__).parents[2] / "knative" / "examples"
    assert main(["lint", str(examples / name)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "if every check passes" in " ".join(lines)
    assert not [line for line in lines if "drops it" in line]
    assert max(len(line) for line in lines if line.startswith(" ")) <= 100


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"a: [", "is not YAML: while parsing"),
        (b"text", "1: 'text' is not an object"),
        (b"metadata: text", "1: metadata: is not an object"),
        (b"kind: List\nitems: [text]", "1: metadata: is not an object"),
        (b"\xff\xfe\xff", "cannot be read: it is not UTF-8"),
        (b"kind: Deployment", "there is no Canary in"),
        (b"{apiVersion: example.com/v1, kind: Canary}", "there is no Canary in"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_what_is_no_manifest_is_told(
    content: bytes | None, error: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line with the file and what is wrong with it, and status 1."""
    path = tmp_path / "file.yaml"
    if content is not None:
        path.write_bytes(content)
    assert main(["lint", str(path)]) == 1
    said = capsys.readouterr().err
    assert error in said
    assert said.count("\n") == 1


def test_a_reader_that_has_seen_enough(tmp_path: Path) -> None:
    """`serinus lint ... | head -1` ends without a traceback when nobody reads on."""
    name = written(tmp_path / "app.yaml", a_canary())
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "handlers", "lint", name]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False)  # noqa: S603  our own program
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("owned", [False, True])
def test_a_virtual_service_that_is_there_is_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], owned: bool
) -> None:
    """As a file or as `kubectl get` prints it; one that was made for the Canary follows it."""
    rule = {"timeout": "15s", "route": [{"destination": {"host": "app"}}]}
    owners = [{"kind": "Canary", "name": "app", "uid": "u-1"}]
    there = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "app", "namespace": "shop", **({"ownerReferences": owners} if owned else {})},
        "spec": {"hosts": ["shop.example.com"], "http": [rule]},
    }
    canary = written(tmp_path / "c.yaml", a_canary(service={"timeout": "5s"}))
    found = written(tmp_path / "vs.yaml", {"apiVersion": "v1", "kind": "List", "items": [there]})
    assert main(["lint", canary, found]) == int(not owned)
    says = 'spec.service.timeout: "5s", but VirtualService shop/app, which is there already, says http[0].timeout "15s"'
    assert (f"{canary}:1: error: {says}" in capsys.readouterr().out) is not owned
