"""The built-in queries ask for what Flagger's ask for."""

import re

from handlers.providers.istio import QUERIES
from handlers.providers.template import Model, render

MODEL = Model(name="c", namespace="test", target="app", service="s", ingress="i", route="r", interval="30s")
OF_THE_CANARY = ('reporter="destination"', 'destination_workload_namespace="test"', 'destination_workload=~"app"')


def selectors(query: str) -> list[tuple[str, tuple[str, ...], str]]:
    """Each selector of a query as name, matchers and range."""
    found = re.findall(r"(\w+)\{([^}]*)\}\[(\w+)\]", query)
    return [(name, tuple(matchers.split(", ")), window) for name, matchers, window in found]


def test_success_rate_is_the_share_of_answers_that_are_no_5xx() -> None:
    """The success rate divides what is not 5xx by everything, for the same workload and range, in percent.

    Flagger's TestIstioObserver_GetRequestSuccessRate.
    """
    query = render(QUERIES["request-success-rate"], MODEL)
    assert selectors(query) == [
        ("istio_requests_total", (*OF_THE_CANARY, 'response_code!~"5.*"'), "30s"),
        ("istio_requests_total", OF_THE_CANARY, "30s"),
    ]
    assert re.sub(r"\{[^}]*\}\[30s\]", "", query) == (
        "sum(rate(istio_requests_total)) / sum(rate(istio_requests_total)) * 100"
    )


def test_duration_is_the_99th_percentile() -> None:
    """The duration is the 99th percentile over all pods of the workload, in the histogram's milliseconds.

    Flagger's TestIstioObserver_GetRequestDuration.
    """
    query = render(QUERIES["request-duration"], MODEL)
    assert selectors(query) == [("istio_request_duration_milliseconds_bucket", OF_THE_CANARY, "30s")]
    assert re.sub(r"\{[^}]*\}\[30s\]", "", query) == (
        "histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket)) by (le))"
    )
