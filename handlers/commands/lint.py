"""`serinus lint`: manifests of Canaries, checked before they are applied; against a cluster too, if that is wanted."""

import argparse
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from handlers.commands.beside import Found, in_cluster, in_files
from handlers.commands.manifests import Document, by_schema, read, refusals
from handlers.errors import BadCanary
from handlers.explain.lint import Report, as_json, lint, lint_namespace, text
from handlers.explain.surroundings import KINDS, Surroundings
from handlers.rollout.objects import CANARY, NAMESPACE, Object
from handlers.settings import Settings
from handlers.step.ports import Cluster


def add(commands: Any) -> None:
    """Tell argparse's sub-commands of it."""
    command = commands.add_parser("lint", help="check manifests of Canaries, and show the rollout")
    command.add_argument("files", nargs="+", metavar="FILE", help="YAML or JSON, any number of documents; - : stdin")
    command.add_argument("--cluster", action="store_true", help="check them against what the cluster has as well")
    command.add_argument("--strict", action="store_true", help="a warning fails as well")
    command.add_argument("-q", "--quiet", action="store_true", help="only errors and warnings")
    command.add_argument("-o", "--output", choices=["text", "json"], default="text")


def run(arguments: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> int:
    """Check the files; 1 when there are errors. Raises BadCanary for what is no manifest, or has no Canary, and
    Unavailable when the cluster does not say what it has.
    """
    if not arguments.cluster:
        return check(arguments, Settings.from_env(environ))
    from handlers.adapters.context import namespace  # noqa: PLC0415  half a second that other commands do not wait
    from handlers.adapters.kubernetes import connect  # noqa: PLC0415  same

    return check(arguments, Settings.from_env(environ), connect(environ), namespace(environ))


def check(
    arguments: argparse.Namespace, settings: Settings, cluster: Cluster | None = None, namespace: str = "default"
) -> int:
    """The same beside what a cluster has, if there is one; `namespace`: that of manifests which name none."""
    documents = [document for name in arguments.files for document in read(name, namespace)]
    manifests = [item.obj for item in documents if item.of(CANARY)]
    if not manifests:
        raise BadCanary(f"there is no Canary in {', '.join(arguments.files)}")
    live = in_cluster(cluster, manifests, settings.mesh_provider) if cluster is not None else None
    reports = list(_reports(documents, live, settings))
    if arguments.output == "json":
        _print(json.dumps([{"file": where, **as_json(report)} for where, report in reports], indent=2))
    else:
        for where, report in reports:
            _print("\n".join(_lines(where, report, quiet=arguments.quiet)))
    bad = any(report.errors or (arguments.strict and report.warnings) for _, report in reports)
    return int(bad)


def _reports(documents: Sequence[Document], live: Found | None, settings: Settings) -> Iterator[tuple[str, Report]]:
    """One for each Canary, and for each other object that has mistakes."""
    written, there = in_files(documents), live or Found()
    around = Surroundings(
        files=written.objects,
        cluster=live.objects if live else None,
        accepted=settings.selector_labels,
        provider=settings.mesh_provider,
    )
    templates, namespaces = {**there.templates, **written.templates}, {**there.namespaces, **written.namespaces}
    for item in documents:
        if item.of(CANARY):
            found = lint(item.obj, templates, namespaces=namespaces, around=around)
            yield item.where, _with_schema(item.obj, found)
        elif (found := _other(item)).errors:
            yield item.where, found


def _other(item: Document) -> Report:
    """What is wrong with an object that is looked at beside a Canary."""
    if item.of(NAMESPACE):
        return lint_namespace(item.obj)
    wrong = (
        f"the API server refuses it: {text}" for kind in KINDS if item.of(kind) for text in refusals(item.obj, kind)
    )
    return Report(name=f"{item.obj.get('kind')} {'/'.join(item.key)}", errors=tuple(wrong))


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


def _with_schema(obj: Object, report: Report) -> Report:
    """The report with what the API server would say: fields that it drops, values that it refuses."""
    unknown, refused = by_schema(obj, CANARY)
    dropped = tuple(f"{path}: there is no such field, the API server drops it" for path in unknown)
    # what the handlers said themselves is said once, and better
    more = tuple(
        f"the API server refuses it: {cause}"
        for cause in refused
        if not any(cause.field in error for error in report.errors)
    )
    return replace(report, errors=(*report.errors, *more), warnings=(*dropped, *report.warnings))
