"""Every manifest is YAML that a cluster takes for an object."""

from pathlib import Path

import pytest
import yaml

from tests.manifests.files import ALERTMANAGER, BUILDS, KNATIVE, ROOT, documents, objects, paths, run

ALL = [*paths(), *sorted(ALERTMANAGER.glob("*.yml"))]


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


@pytest.mark.parametrize("folder", ["", "base", "cron"])
def test_kustomize_builds(folder: str) -> None:
    """A folder with a kustomization builds, each object once."""
    built = [*yaml.safe_load_all(run("kubectl", "kustomize", KNATIVE / folder))]
    ids = [(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in built]
    assert len(ids) == len(set(ids)) > 0


@pytest.mark.parametrize("folder", ["", "cron"])
def test_the_image_is_set_in_one_place(folder: str) -> None:
    """Every container gets the image of the kustomization."""
    (image,) = documents(KNATIVE / folder / "kustomization.yaml")[0]["images"]
    built = run("kubectl", "kustomize", KNATIVE / folder)
    images = {line.split("image: ")[1] for line in built.splitlines() if "image: " in line}
    assert images == {f"{image['newName']}:{image['newTag']}"}


def test_no_secret_is_in_a_manifest() -> None:
    """Tokens are made by hand and named here: an example token would be somebody's real one."""
    assert not list(objects("Secret"))
