"""What can be said of a Canary's manifest before it is stepped: mistakes, what is surely unwanted, and the rollout."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from handlers.errors import BadCanary
from handlers.explain.annotations import (
    canary_errors,
    canary_warnings,
    check_texts,
    freezes,
    namespace_errors,
    namespace_of,
)
from handlers.explain.forecast import LIMIT, Step, forecast
from handlers.explain.page import wrapped
from handlers.explain.surroundings import Surroundings
from handlers.providers import prometheus
from handlers.providers.template import model, render
from handlers.rollout.freeze import NOWHERE
from handlers.rollout.objects import CANARY, Object, metadata
from handlers.rollout.spec import canary as canaries
from handlers.rollout.spec.analysis import MIN_INTERVAL, SUCCESS_RATE, Hook, Metric
from handlers.rollout.spec.canary import Canary
from handlers.rollout.spec.durations import words
from handlers.rollout.spec.fields import Field

Templates = Mapping[tuple[str, str], Object]
"""MetricTemplates by namespace and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found. `gates` are webhooks that somebody has to open, `freezes` the windows in which all waits; `steps`
    the rollout, none if there are errors.
    """

    name: str
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    freezes: tuple[str, ...] = ()
    steps: tuple[Step, ...] = field(default=())

    @property
    def least(self) -> timedelta:
        """How long the rollout takes at the least, from the push to the end."""
        return self.steps[-1].after if self.steps else timedelta()

    @property
    def endless(self) -> bool:
        """Whether there are more steps than were looked at."""
        return len(self.steps) == LIMIT


_NONE: Mapping[str, Object] = {}
_ALONE = Surroundings()


def lint_namespace(obj: Object) -> Report:
    """Check what a Namespace says to the handlers."""
    return Report(name=f"Namespace {metadata(obj).get('name', '')}", errors=tuple(namespace_errors(obj)))


def lint(
    obj: Object,
    templates: Templates,
    *,
    namespaces: Mapping[str, Object] = _NONE,
    around: Surroundings = _ALONE,
) -> Report:
    """Check one Canary as the handlers will. `templates`, `namespaces`: those that are known, to check what is said of
    it there. `around`: what else there is, which it may contradict.
    """
    meta = Field(metadata(obj), "metadata")
    name = f"{metadata(obj).get('namespace', '')}/{metadata(obj).get('name', '')}"
    try:
        if obj.get("apiVersion") != CANARY.api_version:
            raise Field(obj.get("apiVersion"), "apiVersion").bad(f'"{CANARY.api_version}"')
        meta["name"].required()
        check_texts(obj)
        canary = canaries.parse(obj, provider=around.provider)
        steps = forecast(canary)
    except BadCanary as error:
        return Report(name=name, errors=(str(error),))
    said, space = canary.annotations, namespaces.get(canary.namespace)
    namespace = namespace_of(space) if space and not any(namespace_errors(space)) else NOWHERE
    warnings = (*canary_warnings(said), *around.warnings(canary))
    return Report(
        name=name,
        errors=tuple(dict.fromkeys((*canary_errors(said), *_queries(canary, templates), *around.refused(obj)))),
        warnings=(*warnings, *_warnings(canary, Field(obj.get("spec"), "spec"), templates, around.where)),
        freezes=freezes(said, namespace),
        gates=tuple(f"{hook.name} ({hook.type.value})" for hook in canary.analysis.webhooks if hook.type in _GATES),
        steps=steps,
    )


_GATES = (Hook.CONFIRM_ROLLOUT, Hook.CONFIRM_TRAFFIC_INCREASE, Hook.CONFIRM_PROMOTION)


def _queries(canary: Canary, templates: Templates) -> Iterator[str]:
    """What is wrong with queries that are at hand: a placeholder that is not understood, a variable that is missing."""
    for index, metric in enumerate(canary.analysis.metrics):
        try:
            if found := templates.get(metric.template) if metric.template else None:
                render(prometheus.query(found), model(canary, metric))
                if not prometheus.secret_name(found):
                    prometheus.server(found)
            render(metric.query, model(canary, metric))
        except BadCanary as error:
            where = f"MetricTemplate {'/'.join(metric.template)}: " if metric.template else ""
            yield f"spec.analysis.metrics[{index}]: {where}{error}"


def _warnings(canary: Canary, spec: Field, templates: Templates, where: str) -> Iterator[str]:
    if canary.suspend:
        yield "spec.suspend: true: nothing is rolled out until it is false"
    if canary.skip_analysis:
        yield "spec: the analysis is skipped: every version is promoted as soon as its pods are ready"
        return
    written = spec["analysis"] if spec["analysis"].value is not None else spec["canaryAnalysis"]
    yield from _judging(canary)
    yield from _pacing(canary, written)
    for index, metric in enumerate(canary.analysis.metrics):
        path = f"{written.path}.metrics[{index}]"
        yield from (f"{path} ({metric.name}): {text}" for text in _metric(metric, templates, where))


def _judging(canary: Canary) -> Iterator[str]:
    analysis = canary.analysis
    if not analysis.metrics and not analysis.hooks(Hook.ROLLOUT):
        yield "spec.analysis: no metrics and no rollout webhooks: every version is promoted, whatever it does"
    if analysis.threshold == 1:
        yield "spec.analysis.threshold: 1: the first failed check rolls back, a lost query as well"


def _pacing(canary: Canary, written: Field) -> Iterator[str]:
    analysis = canary.analysis
    asked = written["interval"].duration(analysis.interval)
    if asked < MIN_INTERVAL:
        yield f"{written.path}.interval: {words(asked)}: is raised to {words(MIN_INTERVAL)}"
    if analysis.step_weight and analysis.step_weights:
        yield f"{written.path}: stepWeight and stepWeights: stepWeight is taken, up to the last of stepWeights"
    if analysis.max_weight and analysis.step_weight > analysis.max_weight:
        yield f"{written.path}.stepWeight: {analysis.step_weight}: is above maxWeight: there is one step only"
    if analysis.max_weight and max(analysis.step_weights, default=0) > analysis.max_weight:
        yield f"{written.path}.stepWeights: go beyond maxWeight, {analysis.max_weight}, and are cut there"


def _metric(metric: Metric, templates: Templates, where: str) -> Iterator[str]:
    if metric.low is None and metric.high is None:
        yield "has neither a min nor a max: any value passes"
    elif metric.builtin == SUCCESS_RATE and metric.low is None:
        yield "a success rate without a min: one that is too low passes"
    elif metric.high == 0 and metric.low is None:
        yield "must not be above 0: is a thresholdRange missing?"
    elif metric.builtin == SUCCESS_RATE and metric.low == 0:
        yield "a success rate of 0 passes: is a thresholdRange missing?"
    if metric.template and metric.template not in templates:
        yield f"the MetricTemplate {'/'.join(metric.template)} is not {where}, so its query is not checked"


def text(report: Report) -> Iterator[str]:
    """The rollout in lines: when at the earliest, in which situation, what is asked, what is done."""
    least = f"at least {words(report.least)}" if not report.endless else f"more than {words(report.least)}"
    count = f"{len(report.steps)} steps" if not report.endless else f"more than {LIMIT} steps"
    yield f"Canary {report.name}, if every check passes: {least} in {count}"
    if report.gates:
        yield f"  waits for somebody to open: {', '.join(report.gates)}"
    if report.freezes:
        yield from wrapped(f"frozen in: {'; '.join(report.freezes)}", "  ", "    ")
    for step in _shown(report.steps):
        if step is None:
            yield f"  {'...':>9}"
            continue
        yield from wrapped(f"{step.stage}: {step.decision}", f"  {words(step.after):>9}  ", _INDENT)
        if step.asks:
            yield from wrapped(f"asks {', '.join(step.asks)}", _INDENT, f"{_INDENT}  ")


def _shown(steps: tuple[Step, ...]) -> Iterator[Step | None]:
    """Long rollouts without their middle, None."""
    if len(steps) <= _LONG:
        yield from steps
        return
    yield from steps[: _LONG // 2]
    yield None
    yield from steps[-_LONG // 2 :]


_LONG = 24
_INDENT = " " * 15


def as_json(report: Report) -> dict[str, Any]:
    """The same for scripts; times in seconds after the push."""
    return {
        "name": report.name,
        "errors": list(report.errors),
        "warnings": list(report.warnings),
        "gates": list(report.gates),
        "freezes": list(report.freezes),
        "seconds": report.least.total_seconds(),
        "steps": [
            {
                "seconds": step.after.total_seconds(),
                "stage": step.stage,
                "asks": list(step.asks),
                "decision": step.decision,
                "phase": step.phase,
                "weight": step.weight,
            }
            for step in report.steps
        ],
    }
