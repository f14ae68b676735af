"""The types of built-in objects are those of the Kubernetes that the control plane is built from."""

from tests.controlplane.go_types import FILE, made


def test_the_types_are_those_of_the_modules() -> None:
    """`types.json` is what `python -m tests.controlplane.go_types` writes."""
    assert FILE.read_text(encoding="utf-8") == made()
