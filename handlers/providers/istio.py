"""The built-in metrics as Istio measures them: at the canary's own sidecar, so for the canary alone.

Same metrics, labels and matchers as Flagger's `observers.istioQueries`. The workload's name is a regular expression
there, as here; dots are all that the name of a workload can hold and an expression reads otherwise.
"""

from collections.abc import Mapping

from handlers.rollout.spec.analysis import DURATION, SUCCESS_RATE

_WORKLOAD = (
    'reporter="destination", destination_workload_namespace="{{ namespace }}", destination_workload=~"{{ target }}"'
)
QUERIES: Mapping[str, str] = {
    SUCCESS_RATE: (
        f'sum(rate(istio_requests_total{{{_WORKLOAD}, response_code!~"5.*"}}[{{{{ interval }}}}]))'
        f" / sum(rate(istio_requests_total{{{_WORKLOAD}}}[{{{{ interval }}}}])) * 100"
    ),
    DURATION: (
        "histogram_quantile(0.99, sum(rate("
        f"istio_request_duration_milliseconds_bucket{{{_WORKLOAD}}}[{{{{ interval }}}}])) by (le))"
    ),
}
"""Query templates by name: the share of answers that are no 5xx, in percent; the 99th percentile in milliseconds."""
