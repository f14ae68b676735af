"""What README.md and docs/ show of the code, made from the code.

`python -m tests.readme` writes it between the markers; a test fails when it is not what the code says.
"""

import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from handlers.events.event import ALERT, CANARY_DUE, PING, SYNCED, TICK
from handlers.explain.gauges import FAMILIES
from handlers.explain.lint import lint
from handlers.explain.lint import text as rollout_of
from handlers.explain.page import page
from handlers.explain.view import view
from handlers.exposition import API_UP, HISTOGRAMS, INFO
from handlers.gate import HANDLERS as GATES
from handlers.logs import JsonFormatter
from handlers.notifiers.knative import TYPE
from handlers.rollout.announcement import SEVERITIES, TOPICS
from handlers.rollout.snapshot import Cause, CauseKind
from handlers.rollout.spec.analysis import Hook
from handlers.rollout.table import TABLE, Ask
from handlers.settings_table import SECTIONS
from handlers.step.sweep import Subject, step_each
from handlers.step.watched import watched
from tests.conformance.deviations import DEVIATIONS
from tests.diagram import diagram
from tests.fields import FIELDS
from tests.lab import Lab, a_canary, an_alert, at, new_lab

Families = Mapping[str, tuple[str, tuple[str, ...]]]
ROOT = Path(__file__).parents[1]


def settings() -> str:
    """The tables of environment variables."""
    sections = {
        title: [(f"`{item.name}`", f"`{item.default}`" if item.default else "-", item.meaning) for item in items]
        for title, items in SECTIONS.items()
    }
    return _sections(("Variable", "Default", "Meaning"), sections)


def events() -> str:
    """The table of what is heard."""
    rows = (
        (
            "`POST /`",
            f"`{PING}`, `{TICK}`",
            "step every canary that is due; `data.namespace` and `data.name` narrow it",
        ),
        ("`POST /`", f"`{SYNCED}`", "look at the canaries whose target or own manifest Argo CD has synced"),
        ("`POST /`", f"`{CANARY_DUE}`", "step this one canary"),
        ("`POST /`", f"`{ALERT}`", "the next row's JSON, wrapped: the same"),
        (
            "`POST /alertmanager`",
            "Alertmanager's own JSON (version 4)",
            "each firing alert with the labels `namespace` and `canary` rolls that canary back, now, or holds it",
        ),
        *_gates(),
        (
            "`POST /run-job`",
            "a Canary's webhook, with `jobTemplate` or `jobSpec` in its metadata",
            "runs a Job for it and answers how that went ([jobs.md](jobs.md))",
        ),
        (
            "`POST /dead-letter`",
            "any event that a broker could not deliver",
            "records it: in the log, and as an Event on each canary that it is about",
        ),
        (
            "`GET /metrics`",
            "-",
            "for Prometheus ([metrics.md](metrics.md)); open to anybody who can reach the port",
        ),
        (
            "`GET /healthz/…`",
            "-",
            "`live`, `started`, `ready`: for probes ([image.md](image.md)); open too",
        ),
    )
    return _table(("At", "What", "Does"), rows)


def _gates() -> Iterator[Sequence[str]]:
    """What is asked about one canary, by the first part of its path."""
    does = {
        "gate": "manual gate: `check` answers 200 or 403; `approve` and `halt` always do",
        "rollback": "the same for webhooks of type `rollback`",
        "canary": "do it now, as by [annotation](commands.md); `metadata.reason` is told",
    }
    paths = [*GATES, "/gate/approve", "/gate/halt"]
    for name, text in does.items():
        last = ", ".join(f"`{path.rsplit('/', 1)[1]}`" for path in paths if path.startswith(f"/{name}/"))
        yield f"`POST /{name}/…`", f"{last}: Flagger's webhook payload, with `name` and `namespace`", text


def table() -> str:
    """The table of situations."""
    rows = ((stage.value, ", ".join(map(_ask, row.asks)) or "-", row.then) for stage, row in TABLE.items())
    return _table(("Situation", "Asks, in order", "Then"), rows)


def _ask(ask: Ask) -> str:
    return ask.value.value if isinstance(ask.value, Hook) else str(ask.value)


def deviations() -> str:
    """The table of differences to Flagger that the replay of its recordings applies."""
    return _table(("Name", "Serinus", "Why"), ((item.name, item.does, item.because) for item in DEVIATIONS))


def fields() -> str:
    """The tables of the fields of Flagger's resources."""
    sections = {
        kind: [(f"`spec.{row.field}`", row.does, f"`{row.test.partition('::')[2]}`") for row in rows]
        for kind, rows in FIELDS.items()
    }
    return _sections(("Field", "Serinus", "Shown by"), sections)


def why() -> str:
    """What `serinus why` says of a canary whose metrics were bad once."""
    lab = at(new_lab(), "Progressing", 40)
    lab.prometheus.values = {"istio_requests_total": [98.2]}
    lab.tick()
    return _block("serinus why app", _page(lab))


def last_lines() -> str:
    """The end of what `serinus why` says of a canary that an alert has rolled back."""
    lab = at(new_lab(), "Progressing", 40)
    lab.clock.tick(4)
    lab.step(an_alert(lab.clock()))
    return _block("serinus why app | tail -4", "\n".join(_page(lab).splitlines()[-4:]))


def _page(lab: Lab) -> str:
    """Four seconds later, with the last three steps."""
    now = lab.clock() + timedelta(seconds=4)
    found = view(lab.canary, now)
    return page(replace(found, steps=found.steps[-3:]), now)


def _block(command: str, output: str) -> str:
    return f"```\n$ {command}\n{output}\n```"


def linted() -> str:
    """What `serinus lint` says of a Canary with two weaknesses."""
    shown = a_canary(analysis={"threshold": 1, "interval": "1m", "metrics": [{"name": "request-success-rate"}]})
    report = lint(shown, {})
    warnings = "\n".join(f"app.yaml:1: warning: {warning}" for warning in report.warnings)
    rollout = "\n".join(rollout_of(report))
    return _block("serinus lint app.yaml", f"{warnings}\napp.yaml:1: {rollout}")


def metrics() -> str:
    """The tables of what `/metrics` shows."""
    always: Families = {INFO[0]: (INFO[1], ("version", "mesh_provider")), API_UP[0]: (API_UP[1], ())}
    families: Mapping[str, Families] = {
        "Of canaries, the same from each process": {**always, **FAMILIES},
        "Of one process, histograms": HISTOGRAMS,
    }
    sections = {
        title: [
            (f"`{name}`", ", ".join(f"`{one}`" for one in labels) or "-", text) for name, (text, labels) in of.items()
        ]
        for title, of in families.items()
    }
    return _sections(("Metric", "Labels", "Means"), sections)


def step_line() -> str:
    """The line of one step, as JSON and as text."""
    lab = at(new_lab(), "Progressing", 20)
    lab.kubelet.run()
    lab.clock.tick(10)
    lab.cluster.after = lambda _verb, _path: lab.clock.tick(0.004)
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign, assignment]  # all that it is for
    log = logging.getLogger(watched.__module__)
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    step_each(lab.world, [Subject(lab.ref)], Cause(kind=CauseKind.TICK, id="/cron 4711"))
    log.removeHandler(handler)
    log.setLevel(before)
    (record,) = records
    record.created = lab.clock().timestamp()
    return f"```json\n{JsonFormatter().format(record)}\n```\n\n```\n{record.getMessage()}\n```"


def topics() -> str:
    """The table of the CloudEvents that are sent."""
    rows = ((f"`{TYPE}{topic}`", SEVERITIES.get(topic, "-"), when) for topic, when in TOPICS.items())
    return _table(("Type", "Severity", "When"), rows)


def _sections(head: Sequence[str], rows: Mapping[str, Iterable[Sequence[str]]]) -> str:
    """A table for each heading."""
    return "\n\n".join(f"## {title}\n\n{_table(head, found)}" for title, found in rows.items())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    first, *rest = (f"| {' | '.join(cells)} |" for cells in (head, *rows))
    return "\n".join([first, "|---" * len(head) + "|", *rest])


BLOCKS = {
    "README.md": {"why": last_lines},
    "docs/command-line.md": {"why": why, "lint": linted},
    "docs/flagger-differences.md": {"deviations": deviations},
    "docs/fields.md": {"fields": fields},
    "docs/steps.md": {"diagram": diagram, "table": table},
    "docs/settings.md": {"settings": settings},
    "docs/events.md": {"events": events, "topics": topics},
    "docs/metrics.md": {"metrics": metrics},
    "docs/logs-and-traces.md": {"step": step_line},
}


def filled(text: str, file: str) -> str:
    """The file with each block between its markers as the code says."""
    for name, make in BLOCKS[file].items():
        text = with_block(text, name, make)
    return text


def with_block(text: str, name: str, make: Callable[[], str], by: str = "tests/readme.py") -> str:
    """The text with this between the markers of a block. Raises ValueError when there are none."""
    pattern = re.compile(rf"(<!-- {name}: made by {by} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"there is no block {name}")
    return pattern.sub(lambda found: f"{found[1]}{make()}\n{found[2]}", text)


def main() -> int:
    """Write all blocks."""
    for file in BLOCKS:
        path = ROOT / file
        path.write_text(filled(path.read_text(encoding="utf-8"), file), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
