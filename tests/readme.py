"""What README.md and docs/ show of the code, made from the code.

`python -m tests.readme` writes it between the markers; a test fails when it is not what the code says.
"""

import itertools
import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
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
from handlers.rollout.checks import Check, Finding, HookCheck, Outcome
from handlers.rollout.snapshot import Cause, CauseKind, Primary, Snapshot, Target
from handlers.rollout.spec.analysis import Analysis, Hook, Webhook
from handlers.rollout.spec.canary import Canary, CanaryService
from handlers.rollout.stages import stage_of
from handlers.rollout.state import Phase, State
from handlers.rollout.table import TABLE, Ask, checks, decide
from handlers.rollout.weights import Weights
from handlers.settings_table import SETTINGS
from handlers.step.sweep import Subject, step_each
from handlers.step.watched import watched
from tests.conformance.deviations import DEVIATIONS
from tests.fields import FIELDS
from tests.lab import a_canary, at, new_lab

Families = Mapping[str, tuple[str, tuple[str, ...]]]
ROOT = Path(__file__).parents[1]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def settings() -> str:
    """The table of environment variables."""
    rows = [f"| `{item.name}` | {f'`{item.default}`' if item.default else '-'} | {item.meaning} |" for item in SETTINGS]
    return "\n".join(["| Variable | Default | Meaning |", "|---|---|---|", *rows])


def events() -> str:
    """The table of events."""
    heard = {
        f"`{PING}`, `{TICK}`": "step every canary that is due; `data.namespace` and `data.name` narrow it",
        f"`{SYNCED}`": "look at the canaries whose target or own manifest Argo CD has synced",
        f"`{CANARY_DUE}`": "step this one canary",
        f"`{ALERT}`": "Alertmanager's webhook body, wrapped: as below",
    }
    rows = [f"| `POST /` | {name} | {does} |" for name, does in heard.items()]
    native = "Alertmanager's own JSON (version 4)"
    does = "each firing alert with the labels `namespace` and `canary` rolls that canary back, now"
    rows += [f"| `POST /alertmanager` | {native} | {does} |", *_gates()]
    rows.append(
        "| `POST /run-job` | a Canary's webhook, with `jobTemplate` or `jobSpec` in its metadata "
        "| runs a Job for it and answers how that went ([docs/jobs.md](docs/jobs.md)) |"
    )
    lost = "in the log, and as an Event on each canary that it is about"
    rows.append(f"| `POST /dead-letter` | any event that a broker could not deliver | records it: {lost} |")
    scraped = "Flagger's metrics and this process's for Prometheus ([docs/metrics.md](docs/metrics.md))"
    rows.append(f"| `GET /metrics` | - | {scraped}; open to anybody who can reach the port |")
    rows.append(
        "| `GET /healthz/…` | - | `live`, `started`, `ready`: for probes ([docs/image.md](docs/image.md)); open too |"
    )
    return "\n".join(["| At | What | Does |", "|---|---|---|", *rows])


def _gates() -> Iterator[str]:
    """What is asked about one canary, by the first part of its path."""
    does = {
        "gate": "manual gate: `check` answers 200 or 403; `approve` and `halt` always do",
        "rollback": "the same for webhooks of type `rollback`",
        "canary": "do it now, as by [annotation](docs/commands.md); `metadata.reason` is told",
    }
    paths = [*GATES, "/gate/approve", "/gate/halt"]
    for name, text in does.items():
        last = ", ".join(f"`{path.rsplit('/', 1)[1]}`" for path in paths if path.startswith(f"/{name}/"))
        yield f"| `POST /{name}/…` | {last}: Flagger's webhook payload, with `name` and `namespace` | {text} |"


def table() -> str:
    """The table of situations."""
    rows = [
        f"| {stage.value} | {', '.join(_ask(ask) for ask in row.asks) or '-'} | {row.then} |"
        for stage, row in TABLE.items()
    ]
    return "\n".join(["| Situation | Asks, in order | Then |", "|---|---|---|", *rows])


def _ask(ask: Ask) -> str:
    return ask.value.value if isinstance(ask.value, Hook) else str(ask.value)


def diagram() -> str:
    """The phases, and which situation leads from one to another, found by deciding over all kinds of snapshots."""
    edges: dict[tuple[str, str], list[str]] = {}
    for before, stage, after in sorted(set(_transitions())):
        edges.setdefault((before, after), []).append(stage)
    lines = [f"    {before} --> {after}: {', '.join(stages)}" for (before, after), stages in edges.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> Initializing: bootstrap", *lines, "```"])


def _transitions() -> Iterator[tuple[str, str, str]]:
    for snapshot in _snapshots():
        stage = stage_of(snapshot)
        for found in _findings(checks(snapshot, stage)):
            decision = decide(snapshot, stage, found)
            after = decision.state.phase
            if after is not snapshot.known.phase and not decision.refused:
                yield snapshot.known.phase.value, stage.value, after.value


def _findings(asked: Sequence[Check]) -> Iterator[list[Finding]]:
    """All go on; and each in turn is the one that does not."""
    goes_on = [Finding(check=check, outcome=_answer(check, going_on=True)) for check in asked]
    yield goes_on
    for index, check in enumerate(asked):
        yield [*goes_on[:index], Finding(check=check, outcome=_answer(check, going_on=False))]


def _answer(check: Check, *, going_on: bool) -> Outcome:
    back = isinstance(check, HookCheck) and check.hook.type is Hook.ROLLBACK
    return Outcome.REFUSED if back is going_on else Outcome.PASSED


def _snapshots() -> Iterator[Snapshot]:
    spec = {"uid": "u", "generation": 1, "target_name": "app", "service": CanaryService(apex="app", port=80)}
    hooks = tuple(Webhook(type=kind, name=kind.value, url="http://hook") for kind in Hook)
    analysis = Analysis(step_weight=50, webhooks=hooks)
    canary = Canary(namespace="shop", name="app", analysis=analysis, **spec)  # type: ignore[arg-type]  # all of it is right
    revisions, phases = ("old", "new", "newer"), [phase for phase in Phase if phase is not Phase.TERMINATING]
    readiness = itertools.product((True, False), (True, False), (True, False))
    kinds = (CauseKind.TICK, CauseKind.ALERT)
    for phase, shows, weight, promoted, (ready, primary_ready, late), kind in itertools.product(
        phases, revisions, (0, 50, 100), ("old", "new"), list(readiness), kinds
    ):
        rest = phase in (Phase.INITIALIZING, Phase.INITIALIZED, Phase.SUCCEEDED, Phase.WAITING)
        copied = phase in (Phase.PROMOTING, Phase.FINALISING) or (phase is Phase.FAILED and weight > 0)
        if (rest and weight) or copied != (promoted == "new"):
            continue
        state = State(
            phase=phase,
            weight=weight,
            revision="old" if rest else "new",
            promoted=promoted,
            started=NOW - timedelta(hours=1),
            deadline=NOW - timedelta(seconds=1) if late else None,
        )
        yield Snapshot(
            now=NOW,
            cause=Cause(kind=kind, alert="a", alert_started=NOW, text="an alert is firing"),
            canary=canary,
            state=state,
            target=Target(revision=shows, replicas=1, ready=ready, pods=int(ready), ours=True),
            primary=Primary(promoted=promoted, ready=primary_ready, pods=1),
            routes=Weights(100 - weight, weight),
        )


def deviations() -> str:
    """The table of differences to Flagger that the replay of its recordings applies."""
    rows = [f"| {item.name} | {item.does} | {item.because} |" for item in DEVIATIONS]
    return "\n".join(["| Name | Serinus | Why |", "|---|---|---|", *rows])


def fields() -> str:
    """The tables of the fields of Flagger's resources."""
    tables = []
    for kind, rows in FIELDS.items():
        lines = [f"| `spec.{row.field}` | {row.does} | `{row.test.partition('::')[2]}` |" for row in rows]
        tables.append("\n".join([f"## {kind}\n", "| Field | Serinus | Shown by |", "|---|---|---|", *lines]))
    return "\n\n".join(tables)


def why() -> str:
    """What `serinus why` says of a canary whose metrics were bad once."""
    lab = at(new_lab(), "Progressing", 40)
    lab.prometheus.values = {"istio_requests_total": [98.2]}
    lab.tick()
    now = lab.clock() + timedelta(seconds=4)
    found = view(lab.canary, now)
    text = page(replace(found, steps=found.steps[-3:]), now)
    return f"```\n$ serinus why app\n{text}\n```"


def linted() -> str:
    """What `serinus lint` says of a Canary with two weaknesses."""
    shown = a_canary(analysis={"threshold": 1, "interval": "1m", "metrics": [{"name": "request-success-rate"}]})
    report = lint(shown, {})
    warnings = "\n".join(f"app.yaml:1: warning: {warning}" for warning in report.warnings)
    rollout = "\n".join(rollout_of(report))
    return f"```\n$ serinus lint app.yaml\n{warnings}\napp.yaml:1: {rollout}\n```"


def metrics() -> str:
    """The tables of what `/metrics` shows."""
    always: Families = {INFO[0]: (INFO[1], ("version", "mesh_provider")), API_UP[0]: (API_UP[1], ())}
    canaries: Families = {**always, **FAMILIES}
    tables: Mapping[str, Families] = {
        "Of canaries, the same from each process": canaries,
        "Of one process, histograms": HISTOGRAMS,
    }
    return "\n\n".join(
        "\n".join(
            [
                f"## {title}\n",
                "| Metric | Labels | Means |",
                "|---|---|---|",
                *(f"| `{name}` | {_labels(labels)} | {text} |" for name, (text, labels) in found.items()),
            ]
        )
        for title, found in tables.items()
    )


def _labels(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "-"


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
    rows = [f"| `{TYPE}{topic}` | {SEVERITIES.get(topic, '-')} | {when} |" for topic, when in TOPICS.items()]
    return "\n".join(["| Type | Severity | When |", "|---|---|---|", *rows])


BLOCKS = {
    "README.md": {
        "lint": linted,
        "why": why,
        "settings": settings,
        "events": events,
        "table": table,
        "diagram": diagram,
    },
    "docs/flagger-differences.md": {"deviations": deviations},
    "docs/fields.md": {"fields": fields},
    "docs/events.md": {"topics": topics},
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
