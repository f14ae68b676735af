"""A step with somebody watching: one line in the log, one count, one span, whatever comes of it."""

import logging
from collections.abc import Mapping
from dataclasses import replace

from handlers.rollout.freeze import Namespace
from handlers.rollout.objects import Object, Ref
from handlers.rollout.snapshot import Cause
from handlers.step.around import Counted
from handlers.step.ports import Tell, World
from handlers.step.report import Line, Report
from handlers.step.step import step

log = logging.getLogger(__name__)


def watched(  # noqa: PLR0913, PLR0917  each is known to another caller
    world: World,
    ref: Ref,
    cause: Cause,
    listed: Object | None = None,
    namespace: Namespace | None = None,
    seen: Mapping[str, str] | None = None,
) -> Report:
    """Make a step; raises what it raises."""
    counted, begun = Counted(world.cluster), world.now()

    def done(result: Report | BaseException, tell: Tell) -> None:
        seconds = (world.now() - begun).total_seconds()
        line = Line(ref=ref, cause=cause, result=result, requests=counted.requests, milliseconds=round(seconds * 1000))
        level = logging.INFO if isinstance(result, Report) else logging.WARNING
        log.log(level, "%s", line, extra={"fields": line.fields})
        world.steps.observe(seconds, cause.kind.value, line.outcome.value)
        if isinstance(result, Report) and result.target:
            world.durations.observe(seconds, ref.namespace, result.target)
        tell(line.fields)

    with world.span("step", {}) as tell:
        try:
            report = step(replace(world, cluster=counted), ref, cause, listed, namespace, seen)
        except BaseException as error:
            done(error, tell)
            raise
        done(report, tell)
        return report
