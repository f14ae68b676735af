"""The last words: what came of each version, what the client saw, how long the alert took, how to go on. Pure."""

from collections.abc import Iterator, Sequence

from handlers.sandbox.demo.model import Rescue, Seen, Split, Tally, failing, limits, splits, value_of
from handlers.sandbox.demo.pace import Pace
from handlers.sandbox.demo.story import STEPS, THRESHOLD, version_of

NEXT = """
Look further: `serinus sandbox` keeps such a cluster until Ctrl-C, for kubectl;
the annotation serinus.dev/history of a Canary says why it did what it did."""


def heading(seconds: float, pace: Pace) -> str:
    """The line above the summary."""
    return f"What came of it, in {seconds:.0f} s (Canary, alert rules and ticks run {pace.scale:g} times as fast):"


def summary(seen: Sequence[Seen], client: Tally, alert: Rescue | None, faults: Sequence[str]) -> Iterator[str]:
    """Lines for the terminal."""
    for one in seen:
        yield f"  {one.act.version}  {_outcome(one)}"
        yield from (f"         {reason}" for reason in _reasons(one))
    yield from _splits(seen)
    yield from _client(client)
    yield from _alert(alert)
    yield ""
    yield from (f"NOT as told: {fault}" for fault in faults)
    yield "NOT everything went as told." if faults else "Everything went as told."


def _outcome(one: Seen) -> str:
    end, took = one.phases[-1] if one.phases else "nothing happened", f"{one.seconds:.1f} s"
    if one.act.end != "Failed":
        return f"{end} after {took}; the primary runs {version_of(one.primary) or 'nothing'}"
    at = f"at {one.weights[-1]} %" if one.weights else "without traffic"
    return f"{end} {at} after {took}: {_decision(one)}"


def _reasons(one: Seen) -> Iterator[str]:
    if one.last.get("cause") == "alert":
        yield f"the analysis had counted {one.failed_checks} of {THRESHOLD} failed checks by then"
    for check in failing(one.last):
        yield f"{check.get('metric')} {value_of(check)}, {limits(check)}"


def _decision(one: Seen) -> str:
    words = str(one.last.get("decision", "nothing decided")).removeprefix("roll back: ")
    return words.partition(":")[0]


def _splits(seen: Sequence[Seen]) -> Iterator[str]:
    yield "The canary's share of the requests at Envoy, while each weight stood, in %:"
    yield "  intended  " + "".join(f"{weight:>6}" for weight in STEPS)
    for one in seen:
        if found := splits(one.routed):
            yield f"  {one.act.version:<10}" + "".join(map(_share, found))


def _share(split: Split) -> str:
    return f"{split.requests.share:6.1f}" if split.requests.share is not None else "     -"


def _client(client: Tally) -> Iterator[str]:
    lost = client.lost.total()
    yield f"Client: {client.sent} requests, {lost} lost."
    for reason, count in client.lost.most_common(3):
        yield f"  lost {count}: {reason}"
    for tag, count in sorted(client.versions.items()):
        yield f"  {version_of(tag):<6} answered {count:>6}, errors {client.failed[tag]}, slow {client.slow[tag]}"


def _alert(alert: Rescue | None) -> Iterator[str]:
    if alert is None:
        yield "No alert rolled anything back."
        return
    yield f"The alert fired {alert.waited:.1f} s after the canary's first request. Counted from there:"
    yield f"  handlers at work {_ms(alert.told)}, VirtualService at 0 % {_ms(alert.routed)},"
    yield f"  last request to the canary {_ms(alert.sent)} (answered {_ms(alert.answered)}: it is slow)"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:+.0f} ms"
