"""The built-in metrics as Istio measures them: at the canary's own sidecar, so for the canary alone.

Same metrics and labels as Flagger's `observers.istioQueries`. The workload's name is a regular expression there, as
here; dots are all that the name of a workload can hold and an expression reads otherwise.

Flagger asks for `rate()`, which needs two samples of a series, and a status that was never answered before has no
series: errors that all come between two scrapes are in its first sample and nowhere else. So requests are counted from
scrape to scrape here (`_counted`), and Flagger's queries are there by a setting.
"""

from enum import StrEnum
from typing import Final

from handlers.rollout.spec.analysis import DURATION, SUCCESS_RATE
from handlers.rollout.spec.durations import milliseconds

REMEMBERED: Final = "1h"
"""The longest way back to the sample before: a target may be unscraped that long, and its counters go on. A counter
that comes back later is taken for a new one, with all that it has.
"""
_FINEST, _PARTS, _MOST_PARTS = 5_000, 12, 240
_WORKLOAD = (
    'reporter="destination", destination_workload_namespace="{{ namespace }}", destination_workload=~"{{ target }}"'
)
_REQUESTS = f"istio_requests_total{{{_WORKLOAD}}}"
_ERRORS = f'istio_requests_total{{{_WORKLOAD}, response_code=~"5.*"}}'
_BUCKETS = f"istio_request_duration_milliseconds_bucket{{{_WORKLOAD}}}"


class BuiltinQueries(StrEnum):
    """The ways to ask for the built-in metrics."""

    EXACT = "exact"
    FLAGGER = "flagger"


def query(metric: str, window: str, queries: BuiltinQueries) -> str:
    """The template of a built-in metric's query over a Prometheus range; empty when there is no metric of that name.

    `request-success-rate`: the share of answers that are no 5xx, in percent; `request-duration`: the 99th percentile in
    milliseconds. Both have no value while there are no requests.
    """
    return _exact(metric, milliseconds(window)) if queries is BuiltinQueries.EXACT else _flagger(metric)


def _exact(metric: str, window: int) -> str:
    if metric == SUCCESS_RATE:
        # no series of errors: 0 errors; a canary that answers nothing but errors has 0 %, where Flagger's has no value
        errors, requests = _counted(_ERRORS, "sum", window), _counted(_REQUESTS, "sum", window)
        return f"100 - 100 * ({errors} or vector(0)) / {requests}"
    return f"histogram_quantile(0.99, {_counted(_BUCKETS, 'sum by (le)', window)})" if metric == DURATION else ""


def _counted(selector: str, aggregate: str, window: int) -> str:
    """The query for the gain of all counters in a window, in milliseconds, however young they are.

    The window is passed through in steps. In each, a counter has gained its difference to the step before; all of it
    when it was not there before (it is new) or was more (its pod has restarted). So a counter that ends within the
    window has its share too, and a pod whose first scrape is in it all its requests, good and bad. `rate()` and
    `increase()` would extrapolate, and leave out what a series began with.

    Steps are five seconds at most, or a restart could hide what was scraped before it in the same step; only in windows
    of more than 20 minutes longer ones, for a Prometheus holds no more than 50 million samples at once. The window is a
    millisecond short, because a Prometheus before 3.0 takes both ends of a range, which can be a step too many.
    """
    step = max(1, min(_FINEST, window // _PARTS), window // _MOST_PARTS)
    before = f"last_over_time({selector}[{REMEMBERED}] offset {step}ms)"
    return f"sum_over_time({aggregate}({selector} - {before} >= 0 or {selector})[{max(1, window - 1)}ms:{step}ms])"


def _flagger(metric: str) -> str:
    if metric == SUCCESS_RATE:
        good = f'istio_requests_total{{{_WORKLOAD}, response_code!~"5.*"}}'
        return f"sum(rate({good}[{{{{ interval }}}}])) / sum(rate({_REQUESTS}[{{{{ interval }}}}])) * 100"
    quantile = f"histogram_quantile(0.99, sum(rate({_BUCKETS}[{{{{ interval }}}}])) by (le))"
    return quantile if metric == DURATION else ""
