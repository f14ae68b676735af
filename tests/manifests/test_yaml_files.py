"""Every manifest is YAML that a cluster takes for an object."""

from pathlib import Path

import pytest
import yaml

from tests.manifests.files import ALERTMANAGER, BUILDS, KNATIVE, ROOT, documents, objects, paths, run

ALL = [*paths(), *sorted(ALERTMANAGER.glob("*.yml")), *sorted(ALERTMANAGER.rglob("*.yaml"))]


def name(path: Path) -> str:
    """A path as test ids show it."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", ALL, ids=name)
def test_files_are_yaml_without_tabs(path: Path) -> None:
    """A file parses, has something in each document, and no tab, which some tools take for spaces."""
    assert all(documents(path))
    assert "\t" not in path.read_text()


@pytest.mark.parametrize("path", paths(), ids=name)
def test_objects_say_what_and_who_they_are(path: Path) -> None:
    """An object has a version, a kind and a name; a kustomization needs no name."""
    for document in documents(path):
        assert {"apiVersion", "kind"} <= document.keys()
        assert document["kind"] in BUILDS or document["metadata"]["name"]


INSTALLED = ["", "cron", "cron/run-job", "event-transform", "kafka", "loadtester", "run-job"]
"""The folders that a user applies."""


@pytest.mark.parametrize("folder", INSTALLED)
def test_kustomize_builds(folder: str) -> None:
    """A folder with a kustomization builds, each object once."""
    built = [*yaml.safe_load_all(run("kubectl", "kustomize", KNATIVE / folder))]
    ids = [(item["apiVersion"], item["kind"], item["metadata"]["name"]) for item in built]
    assert len(ids) == len(set(ids)) > 0


@pytest.mark.parametrize("folder", INSTALLED)
def test_images_are_set_in_one_place(folder: str) -> None:
    """Every container gets an image of the component, and the load tester its own."""
    named = documents(KNATIVE / "image" / "kustomization.yaml")[0]["images"]
    ours = {image["name"]: f"{image['newName']}:{image['newTag']}" for image in named}
    built = run("kubectl", "kustomize", KNATIVE / folder)
    found = {line.split("image: ")[1] for line in built.splitlines() if "image: " in line}
    name = {"loadtester": "serinus-loadtester", "event-transform": ""}.get(folder, "serinus")
    assert found == ({ours[name]} if name else set())


def test_what_is_installed_on_top_is_not_in_what_is_below() -> None:
    """No two folders that are applied beside each other have an object in common but the definitions of the image."""
    stacks = [("", "run-job", "loadtester", "event-transform"), ("cron", "cron/run-job", "loadtester")]
    for stack in stacks:
        built = [item for folder in stack for item in yaml.safe_load_all(run("kubectl", "kustomize", KNATIVE / folder))]
        ids = [(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in built]
        assert len(ids) == len(set(ids))


def test_every_file_is_used() -> None:
    """A manifest that is no example is named by the kustomization beside it, or it would be forgotten."""
    for path in paths():
        if path.name != "kustomization.yaml" and not {"examples", "argocd"} & set(path.parts):
            (kustomization,) = documents(path.with_name("kustomization.yaml"))
            assert path.name in kustomization["resources"]


def test_no_secret_is_in_a_manifest() -> None:
    """Tokens are made by hand and named here: an example token would be somebody's real one."""
    assert not list(objects("Secret"))
