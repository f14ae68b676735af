"""The definitions of our resources: one copy, for clusters, for the sandbox and for `serinus lint`."""

from typing import Any

import pytest
import yaml

from handlers.sandbox.crds import definitions
from tests.manifests.files import KNATIVE, ROOT, documents

FOLDER = ROOT / "handlers" / "crds"
OURS = [document for document in definitions() if document["spec"]["group"] == "flagger.app"]
KINDS = {"Canary", "MetricTemplate", "AlertProvider"}


def test_all_of_them_are_installed() -> None:
    """The folder's kustomization names each definition in it, and the sandbox serves each."""
    (kustomization,) = documents(FOLDER / "kustomization.yaml")
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == files
    assert {item["spec"]["names"]["kind"] for item in OURS} == KINDS


@pytest.mark.parametrize("definition", OURS, ids=lambda item: item["spec"]["names"]["kind"])
def test_kubectl_explain_has_something_to_say(definition: dict[str, Any]) -> None:
    """Each field of a Canary's spec, analysis and metrics has a description, and each kind has one."""
    (version,) = definition["spec"]["versions"]
    assert version["subresources"] == {"status": {}}
    schema = version["schema"]["openAPIV3Schema"]
    spec = schema["properties"]["spec"]["properties"]
    assert schema["description"]
    if definition["spec"]["names"]["kind"] == "Canary":
        metric = spec["analysis"]["properties"]["metrics"]["items"]["properties"]
        fields = {**spec, **spec["analysis"]["properties"], **metric}
        assert [name for name, field in fields.items() if "description" not in field] == []


def test_they_are_left_out_where_flagger_has_its_own() -> None:
    """The component takes exactly these definitions away."""
    (component,) = documents(KNATIVE / "without-crds" / "kustomization.yaml")
    deleted = [yaml.safe_load(patch["patch"]) for patch in component["patches"]]
    assert {item["metadata"]["name"] for item in deleted} == {item["metadata"]["name"] for item in OURS}
    assert {item["$patch"] for item in deleted} == {"delete"}
    assert [patch["target"]["name"] for patch in component["patches"]] == [item["metadata"]["name"] for item in deleted]
