"""Fields of Knative's, Argo CD's and the Prometheus operator's resources are spelt as these define them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.manifests.files import ALERTMANAGER, ROOT, documents, objects

FIELDS: Mapping[str, Any] = json.loads((ROOT / "tests" / "samples" / "definitions" / "fields.json").read_text())
UNNAMED = {"delivery.timeout"}
"""Fields that a definition keeps without naming them: Knative's feature delivery-timeout, on by default since 1.15."""
OPERATOR = documents(ALERTMANAGER / "operator" / "prometheus-rule.yaml")
FOREIGN = [item for item in [*objects(), *OPERATOR] if "." in item["apiVersion"].partition("/")[0]]


def key(item: Mapping[str, Any]) -> str:
    """An object's version and kind, as the sample has them."""
    return f"{item['apiVersion']} {item['kind']}"


def unknown(node: object, known: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """The paths of fields that are not known; everything below a field of any shape is."""
    if isinstance(node, list):
        for item in node:
            yield from unknown(item, known, where)
    elif isinstance(node, dict) and known != {"*": {}}:
        for name, value in node.items():
            path = f"{where}.{name}".removeprefix(".")
            if name not in known and "*" not in known and path not in UNNAMED:
                yield path
            else:
                yield from unknown(value, known.get(name, known.get("*", {"*": {}})), path)


@pytest.mark.parametrize(
    "item",
    [item for item in FOREIGN if key(item) in FIELDS],
    ids=lambda item: f"{item['kind']} {item['metadata']['name']}",
)
def test_fields_exist(item: Mapping[str, Any]) -> None:
    """An API server would drop a field that is misspelt, and what it says would not happen."""
    assert list(unknown(item.get("spec", {}), FIELDS[key(item)])) == []


def test_misspelt_fields_are_found() -> None:
    """The check can fail, also in a list and below one."""
    known: dict[str, Any] = {"a": {"b": {}}, "any": {"*": {}}}
    assert list(unknown({"a": [{"b": 1}, {"c": 1}], "any": {"x": {"y": 1}}, "d": 1}, known)) == ["a.c", "d"]


def test_no_kind_is_forgotten() -> None:
    """Each kind of another project is checked, but for Istio's and ours, which the sandbox checks, and Kubernetes'."""
    kinds = {key(item) for item in FOREIGN if not item["apiVersion"].partition("/")[0].endswith(("k8s.io", "istio.io"))}
    assert {kind for kind in kinds if not kind.startswith("flagger.app")} <= set(FIELDS)
