"""`serinus lint`: manifests of Canaries, checked before they meet a cluster."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from handlers.errors import BadCanary
from handlers.explain.lint import Report, as_json, lint, lint_namespace, text
from handlers.rollout.objects import CANARY, METRIC_TEMPLATE, NAMESPACE, VIRTUAL_SERVICE, Kind, Object, metadata
from handlers.sandbox.api.schema import Schema
from handlers.sandbox.api.status import Cause
from handlers.sandbox.crds import definitions


@dataclass(frozen=True, slots=True)
class Document:
    """One object and where it was written: `file:document`, counted from 1."""

    where: str
    obj: Object


def add(commands: Any) -> None:
    """Tell argparse's sub-commands of it."""
    command = commands.add_parser("lint", help="check manifests of Canaries without a cluster, and show the rollout")
    command.add_argument("files", nargs="+", metavar="FILE", help="YAML or JSON, any number of documents; - : stdin")
    command.add_argument("--strict", action="store_true", help="a warning fails as well")
    command.add_argument("-q", "--quiet", action="store_true", help="only errors and warnings")
    command.add_argument("-o", "--output", choices=["text", "json"], default="text")


def run(arguments: argparse.Namespace) -> int:
    """Check the files; 1 when there are errors. Raises BadCanary for what is no manifest, or has no Canary."""
    documents = [document for name in arguments.files for document in _documents(name)]
    if not any(_is(item.obj, CANARY) for item in documents):
        raise BadCanary(f"there is no Canary in {', '.join(arguments.files)}")
    reports = list(_reports(documents))
    if arguments.output == "json":
        _print(json.dumps([{"file": where, **as_json(report)} for where, report in reports], indent=2))
    else:
        for where, report in reports:
            _print("\n".join(_lines(where, report, quiet=arguments.quiet)))
    bad = any(report.errors or (arguments.strict and report.warnings) for _, report in reports)
    return int(bad)


def _reports(documents: Sequence[Document]) -> Iterator[tuple[str, Report]]:
    """One for each Canary, and for each Namespace that has mistakes."""
    templates = {_key(item.obj): item.obj for item in documents if _is(item.obj, METRIC_TEMPLATE)}
    namespaces = {_key(item.obj)[1]: item.obj for item in documents if _is(item.obj, NAMESPACE)}
    routes = [item.obj for item in documents if _is(item.obj, VIRTUAL_SERVICE)]
    schema = _schema()
    for item in documents:
        if _is(item.obj, CANARY):
            found = lint(item.obj, templates, namespaces=namespaces, routes=routes)
            yield item.where, _with_schema(schema, item.obj, found)
        elif _is(item.obj, NAMESPACE) and (found := lint_namespace(item.obj)).errors:
            yield item.where, found


def _lines(where: str, report: Report, *, quiet: bool) -> Iterator[str]:
    yield from (f"{where}: error: {error}" for error in report.errors)
    yield from (f"{where}: warning: {warning}" for warning in report.warnings)
    if report.steps and not report.errors and not quiet:
        first, *rest = text(report)
        yield f"{where}: {first}"
        yield from rest


def _print(lines: str) -> None:
    if lines:
        print(lines)  # noqa: T201  it is a command line


def _documents(name: str) -> Iterator[Document]:
    """The objects of a file, those of Lists one by one; a Canary without a namespace gets the one named default."""
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
        yield from (Document(where, _placed(where, item)) for item in _items(document or {}))


def _items(document: Object) -> Sequence[Any]:
    items = document.get("items")
    return items if str(document.get("kind", "")).endswith("List") and isinstance(items, list) else [document]


def _placed(where: str, item: Any) -> Object:
    if not isinstance(item, Mapping) or not isinstance(item.get("metadata") or {}, Mapping):
        raise BadCanary(f"{where}: metadata: is not an object")
    return {**item, "metadata": {"namespace": "default", **metadata(item)}}


def _is(obj: Object, kind: Kind) -> bool:
    """Whatever the version: that is checked, and told."""
    group = str(obj.get("apiVersion", "")).rpartition("/")[0]
    return obj.get("kind") == kind.name and group == kind.group


def _key(obj: Object) -> tuple[str, str]:
    return str(metadata(obj)["namespace"]), str(metadata(obj).get("name", ""))


def _schema() -> Schema:
    """The schema of Canaries that is shipped, by which an API server drops and refuses."""
    [found] = [item for item in definitions() if item["spec"]["names"]["kind"] == CANARY.name]
    return Schema(found["spec"]["versions"][0]["schema"]["openAPIV3Schema"])


def _with_schema(schema: Schema, obj: Object, report: Report) -> Report:
    """The report with what the API server would say: fields that it drops, values that it refuses."""
    unknown: list[str] = []
    refused: list[Cause] = []
    schema.validate(schema.cleaned(obj, None, unknown), None, refused)
    dropped = tuple(f"{path}: there is no such field, the API server drops it" for path in unknown)
    # what the handlers said themselves is said once, and better
    more = tuple(
        f"the API server refuses it: {cause}"
        for cause in refused
        if not any(cause.field in error for error in report.errors)
    )
    return replace(report, errors=(*report.errors, *more), warnings=(*dropped, *report.warnings))
