"""Analysis by what somebody brings along: queries with variables, and acceptance tests in the load tester."""

import re
import sys
from pathlib import Path

from handlers.loadtest import create_app
from tests.adapters.loopback import Answer, Asked, Serve
from tests.e2e.town import App, Manifest

LATENCY = """
    histogram_quantile(0.99, sum(rate(
        istio_request_duration_milliseconds_bucket{
            reporter="{{ variables.reporter }}",
            destination_workload_namespace="{{ namespace }}",
            destination_workload=~"{{ target }}"
        }[{{ interval }}]
    )) by (le))
"""


def test_a_template_with_variables(measured: App) -> None:
    """Flagger's test-canary 1: a MetricTemplate that the Canary fills in with variables halts, and promotes."""
    app = measured
    other = f"{app.namespace}-metrics"
    app.sandbox.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}})
    provider = {"type": "prometheus", "address": app.sandbox.prometheus.url}
    template: Manifest = {"apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate"}
    spec = {"provider": provider, "query": LATENCY}
    app.sandbox.apply({**template, "metadata": {"name": "latency", "namespace": other}, "spec": spec})
    metric = {
        "name": "latency",
        "templateRef": {"name": "latency", "namespace": other},
        "templateVariables": {"reporter": "destination"},
        "thresholdRange": {"max": 500},
        "interval": "1m",
    }
    app.start("1", {"interval": "20s", "threshold": 8, "stepWeight": 50, "maxWeight": 50, "metrics": [metric]})
    with app.traffic():
        app.push("2-slow")
        slow = re.compile(r"Halt .* latency [\d.]+ > 500")
        app.ticks_until(lambda: any(slow.match(text) for text in app.events()), "it is found to be slow")
        app.push("3")
        app.until("Succeeded")
    assert app.promoted == "app:3"


PROBE = """#!{python}
# stands in for grpc-health-probe: the same option and exit status, but it asks by HTTP, which pods of the sandbox speak
import sys, urllib.error, urllib.request
(option,) = sys.argv[1:]
request = urllib.request.Request({ingress!r}, headers={{"host": option.removeprefix("-addr=").partition(":")[0]}})
try:
    urllib.request.urlopen(request, timeout=5)
except urllib.error.HTTPError:
    sys.exit(4)
"""


def test_acceptance_tests_in_the_load_tester(app: App, serve: Serve, tmp_path: Path) -> None:
    """Flagger's test-canary 3: commands ask the canary before any traffic; a no ends the run, a yes lets it begin."""
    probe = tmp_path / "grpc_health_probe"
    probe.write_text(PROBE.format(python=sys.executable, ingress=app.sandbox.ingress_url))
    probe.chmod(0o755)
    client = create_app({"SERINUS_NO_AUTH": "true", "PATH": f"{tmp_path}:/usr/bin:/bin"}).test_client()

    def loadtester(asked: Asked) -> Answer:
        answer = client.post("/", data=asked.body)
        return Answer(status=answer.status_code, body=answer.data)

    canary = f"app-canary.{app.namespace}"
    grpc = f"grpc_health_probe -addr={canary}:9999"
    http = f"curl -sf -H 'Host: {canary}' {app.sandbox.ingress_url} | grep version"
    hook = {"type": "pre-rollout", "url": serve(loadtester).url, "timeout": "30s"}
    hooks = [{**hook, "name": command[:4], "metadata": {"type": "bash", "cmd": command}} for command in (grpc, http)]
    app.start("1", {"iterations": 1, "threshold": 1, "webhooks": hooks})
    with app.traffic() as traffic:
        app.push("2-errors100")
        app.until("Failed")
        app.push("3")
        app.until("Succeeded")
        app.serves_only("3")
    assert traffic.summary().failed == []
    assert any("grpc failed" in text and "exit status 4" in text for text in app.events())
