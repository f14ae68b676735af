"""When the next step is due. All times are absolute; every event enforces them (no timers)."""

from datetime import datetime, timedelta

from handlers.rollout.state import State

_SLACK = timedelta(seconds=1)


def slack(interval: timedelta) -> timedelta:
    """How much early a step may be: a cron's jitter must not turn every second tick away."""
    return min(_SLACK, interval / 10)


def due(state: State, now: datetime, interval: timedelta) -> bool:
    """Whether an interval has passed since the last step."""
    return state.stepped is None or now >= state.stepped + interval - slack(interval)


def step_time(state: State, now: datetime, interval: timedelta) -> datetime:
    """What to remember as the time of a step done now.

    A step within the slack counts for the time it was due at, so that early steps never add up:
    n steps always take at least n - 1 intervals, but for one slack.
    """
    if state.stepped is None:
        return now
    return max(now, state.stepped + interval) if due(state, now, interval) else now
