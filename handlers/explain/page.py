"""A view as plain text: the page of `serinus why`, the table of `serinus get`, the lines of `serinus watch`."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from handlers.explain.view import NO_PHASE, View
from handlers.rollout.firing import Firing
from handlers.rollout.spec.analysis import DURATION, SUCCESS_RATE
from handlers.rollout.spec.durations import words
from handlers.rollout.state import Phase
from handlers.rollout.weights import FULL

WIDTH = 100
_LABEL = 12
_HEADS = ("NAME", "PHASE", "WEIGHT", "FAILED", "NEXT STEP", "WAITS FOR")
_UNITS = {SUCCESS_RATE: "%", DURATION: "ms", "request-duration-p99": "ms"}
_SHOWN = 60
_UNBROKEN = "\N{NO-BREAK SPACE}"
_PAST = (Phase.PROMOTING.value, Phase.FINALISING.value)


def page(view: View, now: datetime) -> str:
    """Where a canary is, what it waits for, and each recent step with its reasons; at most 100 columns."""
    lines = [f"Canary {view.ref} ({view.target})", ""]
    for label, text in _facts(view, now):
        lines += wrapped(text, f"  {label:<{_LABEL - 2}}", " " * _LABEL)
    if view.steps:
        lines += ["", "Steps, the newest last:", ""]
    for step in view.steps:
        lines += _step(step)
    return "\n".join(lines)


def _facts(view: View, now: datetime) -> Iterator[tuple[str, str]]:
    for problem in view.problems:
        yield "problem", problem
    yield "phase", f"{view.phase}, {_traffic(view)}" if view.phase != NO_PHASE else "none yet, nothing is routed"
    if view.revision or view.promoted:
        yield "revision", f"{view.revision or '-'}, promoted: {view.promoted or '-'}"
    if view.threshold is not None:
        yield "failed", f"{view.failed} of {view.threshold} checks"
    if view.waiting:
        until = f", until {_moment(view.until)} ({_away(view.until, now)})" if view.until else ""
        yield "waits for", f"{view.waiting}{until}"
    elif view.until:
        yield "deadline", f"{_moment(view.until)} ({_away(view.until, now)})"
    for label, moment in (("started", view.started), ("last step", view.stepped)):
        if moment:
            yield label, f"{_moment(moment)} ({_away(moment, now)})"
    yield "next step", f"{view.next} {_moment(view.due)} ({_away(view.due, now)})" if view.due else view.next
    yield from (("alert", _alert(alert, now)) for alert in view.alerts)
    again = f"; next try {_moment(view.tell_after)} ({_away(view.tell_after, now)})" if view.tell_after else ""
    messages = "1 message waits" if view.untold == 1 else f"{view.untold} messages wait"
    untold = f"{messages} for a receiver to answer{again}" if view.untold else ""
    yield from ((label, text) for label, text in (("unknown", view.unseen), ("untold", untold)) if text)
    for key, value in view.marks.items():
        yield "set", f"{key}: {_cut(value)}"


def _alert(alert: Firing, now: datetime) -> str:
    """Since when it fires, when that was last said, and what follows from it."""
    means = "holds the weight, serinus.dev/promote goes past it" if alert.holds else "about the primary, holds nothing"
    heard = f"last heard {_moment(alert.heard)} ({_away(alert.heard, now)})"
    return f"{alert.name} has been firing since {_moment(alert.since)}, {heard}: {means}"


def _traffic(view: View) -> str:
    if view.matched:
        shared = f"{view.weight} % of what matches to the canary, the rest to the primary"
    elif view.mirrored:
        copied = f"{view.mirror_weight} % of the" if view.mirror_weight < FULL else "all"
        shared = f"copies of {copied} requests to the canary, the primary answers"
    else:
        shared = f"{view.weight} % to the canary, {FULL - view.weight} % to the primary"
    return f"{shared}{_iteration(view)}"


def _iteration(view: View) -> str:
    """How many have begun, of how many; blue/green counts one more for the time when all traffic is on the canary."""
    count, total = view.iterations, view.of_iterations
    if not count or not total:
        return f", iteration {count}" if count else ""
    past = count > total or view.phase in _PAST
    return f", all {total} iterations passed" if past else f", iteration {count} of {total}"


def _step(step: Mapping[str, Any]) -> list[str]:
    head = f"  {_at(step)}  {step.get('cause', '-')}: "
    lines = wrapped(summary(step), head, " " * 8)
    checks = step.get("checks")
    for check in checks if isinstance(checks, list) else ():
        if isinstance(check, Mapping):
            lines += wrapped(_check(check), " " * 8, " " * 10)
    return lines


def summary(step: Mapping[str, Any]) -> str:
    """One entry of the history: situation, decision, what it is since, and how often that was said in a row."""
    times = f", {step['times']} times" if step.get("times") else ""
    since = f"{step.get('phase', '-')} {step.get('weight', '-')} %"
    return f"{step.get('stage', '-')}: {step.get('decision', '-')} ({since}{times})"


def _check(check: Mapping[str, Any]) -> str:
    """`request-duration 812ms (max 500ms): failed`."""
    name = check.get("metric") or check.get("webhook") or check.get("server") or "-"
    outcome = check.get("outcome", "-")
    unit = _UNITS.get(str(name), "")
    if "metric" in check:
        limits = [f"{bound} {_number(check[bound])}{unit}" for bound in ("min", "max") if bound in check]
        value = f" {_number(check['value'])}{unit}" if "value" in check else ""
        what = f"{name}{value}" + (f" ({', '.join(limits)})" if limits else "")
    elif "webhook" in check:
        what = f"webhook {name} ({check.get('type', '-')})"
    else:
        what = f"metric server of {name}"
    text = "" if "value" in check else check.get("text")
    return f"{what}: {outcome}" + (f", {text}" if text else "")


def table(views: Sequence[View], now: datetime, *, namespaces: bool) -> str:
    """One line for each canary; `namespaces`: say where each one is."""
    rows = [_HEADS, *(_row(view, now) for view in views)]
    if namespaces:
        rows = [(where, *row) for where, row in zip(["NAMESPACE", *(v.namespace for v in views)], rows, strict=True)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}..." for line in lines)


def _row(view: View, now: datetime) -> tuple[str, ...]:
    failed = f"{view.failed}/{view.threshold}" if view.threshold is not None else "-"
    step = "-" if view.due is None else "due" if view.due <= now else _away(view.due, now)
    waits = view.problems[0] if view.problems else view.waiting or view.hold
    return view.name, view.phase, str(view.weight), failed, step, waits or "-"


def changes(before: View | None, after: View, now: datetime) -> list[str]:
    """A line for each step that has come since; for a first look, and a change that no step tells, how it stands."""
    seen = {_key(step) for step in before.steps} if before else set()
    new = [step for step in after.steps if _key(step) not in seen] if before else []
    lines = [f"{_at(step)}  {after.ref}  {step.get('cause', '-')}: {_failures(step)}{summary(step)}" for step in new]
    if lines or (before and _stands(after) == _stands(before)):
        return lines
    waits = f"waits for {after.waiting}" if after.waiting else after.hold
    said = "; ".join([*after.problems, *([waits] if waits else [])])
    return [f"{_moment(now)}  {after.ref}  {after.phase} {after.weight} %{f', {said}' if said else ''}"]


def _stands(view: View) -> tuple[Any, ...]:
    return view.phase, view.weight, view.waiting, view.hold, view.problems


def gone(ref: str, now: datetime) -> str:
    """The line for a canary that is there no more."""
    return f"{_moment(now)}  {ref}  is gone"


def _failures(step: Mapping[str, Any]) -> str:
    checks = step.get("checks")
    found = [item for item in checks if isinstance(item, Mapping)] if isinstance(checks, list) else []
    return "".join(f"{_check(item)}; " for item in found if "metric" in item and item.get("outcome") != "passed")


def _key(step: Mapping[str, Any]) -> tuple[str, str]:
    return str(step.get("at")), str(step.get("seq"))


def _at(step: Mapping[str, Any]) -> str:
    """A time of the history, without its fraction."""
    text = str(step.get("at", "-"))
    return f"{text.partition('.')[0].replace('T', ' ')}Z" if "." in text else text


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _away(moment: datetime, now: datetime) -> str:
    """`in 8s`, `2m5s ago`."""
    seconds = round((moment - now).total_seconds())
    length = words(timedelta(seconds=abs(seconds)))
    return f"in {length}" if seconds > 0 else f"{length} ago"


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, int | float) else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def wrapped(text: str, first: str, rest: str) -> list[str]:
    """A text in lines of the page's width, the first one the rest with what they begin with; `5 %` stays whole."""
    whole = text.replace(" %", f"{_UNBROKEN}%")
    lines = textwrap.wrap(
        whole, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False, replace_whitespace=True
    )
    return [line.replace(_UNBROKEN, " ") for line in lines]
