"""What docs/install.md and docs/alerts.md tell a reader to write works."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from handlers.events.alertmanager import read
from tests.manifests.files import KNATIVE, ROOT, run

DOCS = ROOT / "docs"
REMOTE = re.compile(r"https://git\.example\.com/serinus//([\w/-]+)\?ref=v0\.1\.0")


def blocks(page: str, containing: str) -> list[str]:
    """The YAML blocks of a page that have this in them."""
    found = re.findall(r"```yaml\n(.+?)```", (DOCS / page).read_text(), re.DOTALL)
    return [block for block in found if containing in block]


OWN = blocks("install.md", "kind: Kustomization")


def built(kustomization: str, folder: Path) -> dict[tuple[str, str], Any]:
    """The objects that a reader's own kustomization makes, with this checkout in place of the remote one."""
    here = os.path.relpath(ROOT, folder)
    (folder / "kustomization.yaml").write_text(REMOTE.sub(rf"{here}/\1", kustomization))
    objects = yaml.safe_load_all(run("kubectl", "kustomize", folder))
    return {(f"{item['apiVersion']} {item['kind']}", item["metadata"]["name"]): item for item in objects}


@pytest.fixture
def whole(tmp_path: Path) -> set[tuple[str, str]]:
    """The kinds and names of the whole installation."""
    everything = tmp_path / "everything"
    everything.mkdir()
    return set(built(f"resources: [{os.path.relpath(KNATIVE, everything)}]", everything))


def test_ones_own_changes(tmp_path: Path, whole: set[tuple[str, str]]) -> None:
    """The first kustomization sets the image and the address of Prometheus, and leaves everything else."""
    found = built(OWN[0], tmp_path)
    service = found["serving.knative.dev/v1 Service", "serinus"]
    (container,) = service["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "ghcr.io/your-team/serinus:0.1.0"
    assert container["env"][0] == {
        "name": "SERINUS_METRICS_SERVER",
        "value": "http://prometheus-operated.monitoring:9090",
    }
    assert found.keys() == whole


def test_without_our_definitions(tmp_path: Path, whole: set[tuple[str, str]]) -> None:
    """The second one is the installation without the three definitions."""
    missing = whole - built(OWN[1], tmp_path).keys()
    crd = "apiextensions.k8s.io/v1 CustomResourceDefinition"
    names = ("canaries", "metrictemplates", "alertproviders")
    assert missing == {(crd, f"{name}.flagger.app") for name in names}


def test_a_rule_of_ones_own(tmp_path: Path) -> None:
    """Prometheus takes each rule of the page, and its labels name a canary to the handlers."""
    rules = [yaml.safe_load(block)[0] for block in blocks("alerts.md", "- alert:")]
    assert [rule["alert"] for rule in rules] == ["PrimaryFails", "CheckoutFails"]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "own", "rules": rules}]}))
    run("promtool", "check", "rules", file)
    known = {"status": "firing", "annotations": {}, "fingerprint": "f", "startsAt": "2026-11-23T12:00:00Z"}
    alerts = read({"version": "4", "alerts": [{**known, "labels": rule["labels"]} for rule in rules]})
    assert [(alert.namespace, alert.canary) for alert in alerts] == [("shop", "checkout")] * 2


def test_every_folder_is_told_of() -> None:
    """Each folder that somebody can apply has a line in the table."""
    text = (DOCS / "install.md").read_text()
    folders = {path.parent.relative_to(ROOT).as_posix() for path in KNATIVE.rglob("kustomization.yaml")}
    parts = {"knative/base", "knative/default", "knative/image", "knative/run-job/base"}
    assert {folder for folder in folders - parts if f"(../{folder}/)" not in text} == set()
