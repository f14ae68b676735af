"""When the next step is due. All times are absolute; every event enforces them (no timers)."""

from datetime import datetime, timedelta

from handlers.rollout.state import State

_SLACK = timedelta(seconds=1)
DRAIN = "drain"
"""What a state waits for that has taken all traffic from pods which go with the next event."""
DRAIN_TIME = timedelta(seconds=10)
"""How long a mesh may take to hear of a route; an interval, if that is shorter."""


def slack(interval: timedelta) -> timedelta:
    """How much early a step may be: a cron's jitter must not turn every second tick away."""
    return min(_SLACK, interval / 10)


def due(state: State, now: datetime, interval: timedelta) -> bool:
    """Whether an interval has passed since the last step."""
    return state.stepped is None or now >= state.stepped + interval - slack(interval)


def drained(state: State, now: datetime, interval: timedelta) -> bool:
    """Whether every mesh has heard that no request goes to pods that may be taken away."""
    if state.waiting != DRAIN or state.stepped is None:
        return True
    return now >= state.stepped + min(interval, DRAIN_TIME) - slack(interval)


def step_time(state: State, now: datetime, interval: timedelta) -> datetime:
    """What to remember as the time of a step done now.

    A step within the slack counts for the time it was due at, so that early steps never add up:
    n steps always take at least n - 1 intervals, but for one slack.
    """
    if state.stepped is None:
        return now
    return max(now, state.stepped + interval) if due(state, now, interval) else now
