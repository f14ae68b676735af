"""Objects in files: read, placed in a namespace, and compared with the types that an API server knows."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from handlers.errors import BadCanary
from handlers.rollout.objects import Kind, Object, Ref, metadata
from handlers.sandbox.api.schema import Schema
from handlers.sandbox.api.status import Cause, Undecodable
from handlers.sandbox.api.typed import type_of
from handlers.sandbox.crds import definitions


@dataclass(frozen=True, slots=True)
class Document:
    """One object and where it was written: `file:document`, counted from 1."""

    where: str
    obj: Object

    def of(self, kind: Kind) -> bool:
        """Whether it is of a kind, whatever the version: that is checked, and told."""
        group = str(self.obj.get("apiVersion", "")).rpartition("/")[0]
        return bool(self.obj.get("kind") == kind.name and group == kind.group)

    @property
    def key(self) -> tuple[str, str]:
        """Its namespace and name."""
        return str(metadata(self.obj)["namespace"]), str(metadata(self.obj).get("name", ""))

    def ref(self, kind: Kind) -> Ref:
        """Where it is going to live, being of this kind."""
        return Ref(kind, *self.key)


def read(name: str, namespace: str) -> Iterator[Document]:
    """The objects of a file, those of Lists one by one; one that says no namespace gets this one."""
    shown = "stdin" if name == "-" else name
    try:
        content = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        parsed = list(yaml.safe_load_all(content))
    except (OSError, UnicodeDecodeError) as error:
        raise BadCanary(f"{shown}: cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from error
    except yaml.YAMLError as error:
        raise BadCanary(f"{shown}: is not YAML: {' '.join(str(error).split())}") from error
    for index, document in enumerate(parsed, 1):
        where = f"{shown}:{index}"
        if document is not None and not isinstance(document, dict):
            raise BadCanary(f"{where}: {str(document)[:40]!r} is not an object")
        yield from (Document(where, _placed(where, item, namespace)) for item in _items(document or {}))


def _items(document: Object) -> Sequence[Any]:
    items = document.get("items")
    return items if str(document.get("kind", "")).endswith("List") and isinstance(items, list) else [document]


def _placed(where: str, item: Any, namespace: str) -> Object:
    if not isinstance(item, Mapping) or not isinstance(item.get("metadata") or {}, Mapping):
        raise BadCanary(f"{where}: metadata: is not an object")
    return {**item, "metadata": {"namespace": namespace, **metadata(item)}}


def refusals(obj: Object, kind: Kind) -> tuple[str, ...]:
    """Why an API server would not take an object of this kind: it does not fit the type of the kind."""
    found = json.loads(json.dumps(obj, default=str))  # YAML has dates, JSON has none
    shape = type_of(kind.api_version, kind.name)
    try:
        if shape is not None:
            shape.decoded(found, None, [])
            return ()
        return tuple(str(cause) for cause in by_schema(found, kind)[1])
    except Undecodable as error:
        return (str(error),)


def by_schema(obj: Object, kind: Kind) -> tuple[list[str], list[Cause]]:
    """The fields of a custom object that the API server drops, and what it refuses."""
    unknown: list[str] = []
    refused: list[Cause] = []
    schema = _schema(kind)
    schema.validate(schema.cleaned(obj, None, unknown), None, refused)
    return unknown, refused


@cache
def _schema(kind: Kind) -> Schema:
    """The schema that is shipped, by which an API server drops and refuses."""
    [found] = [item for item in definitions() if item["spec"]["names"]["kind"] == kind.name]
    versions = {version["name"]: version["schema"]["openAPIV3Schema"] for version in found["spec"]["versions"]}
    return Schema(versions[kind.version])
