"""The built-in queries ask what Flagger's ask, of the same series; by a setting they are Flagger's, to the letter."""

import re

import pytest

from handlers.providers.istio import BuiltinQueries, query
from handlers.providers.template import Model, render

MODEL = Model(name="c", namespace="test", target="app", service="s", ingress="i", route="r", interval="30s")
OF_THE_CANARY = ('reporter="destination"', 'destination_workload_namespace="test"', 'destination_workload=~"app"')


def asked(metric: str, queries: BuiltinQueries) -> str:
    """A query as Prometheus gets it."""
    return render(query(metric, MODEL.interval, queries), MODEL)


def selectors(text: str) -> list[tuple[str, tuple[str, ...], str]]:
    """Each selector of a query as name, matchers and range."""
    found = re.findall(r"(\w+)\{([^}]*)\}\[(\w+)\]", text)
    return [(name, tuple(matchers.split(", ")), window) for name, matchers, window in found]


def test_success_rate_is_the_share_of_answers_that_are_no_5xx() -> None:
    """Flagger's success rate divides what is not 5xx by everything, for the same workload and range, in percent.

    Flagger's TestIstioObserver_GetRequestSuccessRate.
    """
    text = asked("request-success-rate", BuiltinQueries.FLAGGER)
    assert selectors(text) == [
        ("istio_requests_total", (*OF_THE_CANARY, 'response_code!~"5.*"'), "30s"),
        ("istio_requests_total", OF_THE_CANARY, "30s"),
    ]
    assert re.sub(r"\{[^}]*\}\[30s\]", "", text) == (
        "sum(rate(istio_requests_total)) / sum(rate(istio_requests_total)) * 100"
    )


def test_duration_is_the_99th_percentile() -> None:
    """Flagger's duration is the 99th percentile over all pods of the workload, in the histogram's milliseconds.

    Flagger's TestIstioObserver_GetRequestDuration.
    """
    text = asked("request-duration", BuiltinQueries.FLAGGER)
    assert selectors(text) == [("istio_request_duration_milliseconds_bucket", OF_THE_CANARY, "30s")]
    assert re.sub(r"\{[^}]*\}\[30s\]", "", text) == (
        "histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket)) by (le))"
    )


@pytest.mark.parametrize("queries", BuiltinQueries)
def test_other_metrics_have_no_query(queries: BuiltinQueries) -> None:
    """A metric of a user's own is asked by its own query."""
    assert query("", "1m", queries) == ""


@pytest.mark.parametrize(
    ("window", "steps"),
    [
        pytest.param("1m", "[59999ms:5000ms]", id="the window that most have"),
        pytest.param("2000ms", "[1999ms:166ms]", id="a demonstration, thirty times as fast"),
        pytest.param("1h", "[3599999ms:15000ms]", id="no more steps than a Prometheus can hold"),
        pytest.param("1ms", "[1ms:1ms]", id="the shortest"),
    ],
)
def test_a_window_is_passed_through_in_steps(window: str, steps: str) -> None:
    """They are short beside the window and beside the time between scrapes, and there are never too many."""
    text = query("request-duration", window, BuiltinQueries.EXACT)
    assert re.findall(r"\[\d+ms:\d+ms\]", text) == [steps]
