"""A Prometheus that scrapes the sandbox's Envoy and shows what it saw under Istio's metric names."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import yaml

from handlers.sandbox.istio import MIRROR
from handlers.sandbox.kube import Object
from handlers.sandbox.process import HOST, Managed, find_program, http, launch, wait_for

FIRST_DATA_SECONDS = 30  # Prometheus waits some seconds before its first scrape, and a rate needs two

COUNT, TIME = "envoy_cluster_upstream_rq", "envoy_cluster_upstream_rq_time_(bucket|sum|count)"


class Prometheus(Managed):
    """Debian's prometheus on a free port, with a configuration (see `configuration`) and rule groups."""

    def __init__(self, directory: Path, config: Object, rules: Sequence[Object] = ()) -> None:
        self._directory = directory
        self._config = config
        self._rules = list(rules)
        self.url = ""

    def start(self) -> None:
        """Start and wait until it is ready (which is before it has data); SandboxError when it is not installed."""
        binary = find_program("prometheus", package="prometheus")
        self._directory.mkdir(parents=True, exist_ok=True)
        self._write()

        def command(port: int) -> list[str]:
            return [
                binary,
                f"--config.file={self._directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={self._directory / 'data'}",
                "--storage.tsdb.retention.time=6h",
                f"--web.listen-address={HOST}:{port}",
                "--web.enable-lifecycle",
                "--rules.alert.resend-delay=1s",  # for some seconds after a (re)load it knows no Alertmanager
                "--log.level=warn",
            ]

        self._program, self.url = launch(command, self._directory / "prometheus.log")

    def set_rules(self, rules: Sequence[Object]) -> None:
        """Replace the rule groups while it runs."""
        self._rules = list(rules)
        self._write()
        http.request("POST", f"{self.url}/-/reload", timeout=10)

    def set_config(self, config: Object, rules: Sequence[Object]) -> None:
        """Replace the configuration and the rule groups while it runs."""
        self._config = config
        self.set_rules(rules)

    def query(self, promql: str) -> float | None:
        """Value of the first series of an instant query; None without one or when it is no number."""
        response = http.request("GET", f"{self.url}/api/v1/query", fields={"query": promql}, timeout=10)
        found = json.loads(response.data).get("data", {}).get("result", [])
        value = float(found[0]["value"][1]) if found else None
        return None if value is None or math.isnan(value) else value

    def wait_for_value(self, promql: str, seconds: float = FIRST_DATA_SECONDS) -> float:
        """Value of a query as soon as there is one; raises SandboxError when there is none within so many seconds."""
        values: list[float] = []

        def found() -> bool:
            value = self.query(promql)
            values.extend([] if value is None else [value])
            return bool(values)

        wait_for(found, f"a value of {promql}", seconds, pause=0.1)
        return values[0]

    def _write(self) -> None:
        (self._directory / "rules.yml").write_text(yaml.safe_dump({"groups": self._rules}))
        (self._directory / "prometheus.yml").write_text(yaml.safe_dump(self._config, sort_keys=False))


def configuration(envoy: str, alertmanager: str = "", scrapes: Sequence[Object] = (), interval: float = 1.0) -> Object:
    """prometheus.yml: Envoy's cluster metrics as istio_requests_total and istio_request_duration_milliseconds.

    `envoy` is the URL of Envoy's admin page, `scrapes` are further scrape configs, `interval` is in seconds.
    Envoy counts each request once, at its own side, so there is only `reporter="destination"`. Mirrored requests count
    for the workload that got them, as in Istio, and carry `mirrored="true"` besides.
    """
    every = f"{round(interval * 1000)}ms"
    alerting = {
        "alertmanagers": [
            {"api_version": "v2", "timeout": "2s", "static_configs": [{"targets": [_netloc(alertmanager)]}]}
        ]
    }
    envoy_job = {
        "job_name": "envoy",
        "metrics_path": "/stats/prometheus",
        "params": {"usedonly": [""]},
        "static_configs": [{"targets": [_netloc(envoy)]}],
        "metric_relabel_configs": _relabelling(),
    }
    return {
        "global": {
            "scrape_interval": every,
            "scrape_timeout": f"{round(interval * 900)}ms",
            "evaluation_interval": every,
        },
        "rule_files": ["rules.yml"],
        **({"alerting": alerting} if alertmanager else {}),
        "scrape_configs": [envoy_job, *scrapes],
    }


def _relabelling() -> list[Object]:
    cluster, name = "envoy_cluster_name", "__name__"
    parts = "([^/]+)/([^/]+)/.+"
    return [
        {"source_labels": [name], "regex": f"{COUNT}|{TIME}", "action": "keep"},
        _label(cluster, parts, "destination_workload_namespace", "$1"),
        _label(cluster, parts, "destination_workload", "$2"),
        _label(cluster, f".+{MIRROR}", "mirrored", "true"),
        {"target_label": "reporter", "replacement": "destination"},
        _label("envoy_response_code", "(.+)", "response_code", "$1"),
        _label(name, COUNT, name, "istio_requests_total"),
        _label(name, TIME, name, "istio_request_duration_milliseconds_$1"),
        {"regex": "envoy_response_code", "action": "labeldrop"},  # the cluster's tells series of one workload apart
    ]


def _label(source: str, regex: str, target: str, value: str) -> Object:
    return {"source_labels": [source], "regex": regex, "target_label": target, "replacement": value}


def _netloc(url: str) -> str:
    return url.partition("://")[2] or url
