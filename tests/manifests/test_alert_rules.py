"""Prometheus' rules find a bad canary and nothing else; Alertmanager sends it to the handlers."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from handlers.rollout.firing import LASTS
from handlers.rollout.spec.durations import go_duration
from tests.manifests import operator_rule
from tests.manifests.files import ALERTMANAGER, documents, inside, objects, run

RULES = ALERTMANAGER / "rules.yml"
CONFIG = ALERTMANAGER / "alertmanager.yml"


def rules() -> list[dict[str, Any]]:
    """All rules."""
    return [rule for group in documents(RULES)[0]["groups"] for rule in group["rules"]]


def test_prometheus_takes_the_rules() -> None:
    """Prometheus' own check finds nothing."""
    run("promtool", "check", "rules", RULES)


def test_the_rules_fire_when_they_should() -> None:
    """The cases of rules_test.yml hold: errors and latency of a canary, none of a primary, silence without traffic."""
    run("promtool", "test", "rules", Path(__file__).with_name("rules_test.yml"))


def test_the_operator_gets_the_same_rules() -> None:
    """The PrometheusRule is made of the file; `python -m tests.manifests.operator_rule` writes it."""
    assert operator_rule.FILE.read_text() == operator_rule.made()
    (made,) = documents(operator_rule.FILE)
    assert made["spec"] == documents(RULES)[0]


def test_the_operators_scrape_keeps_the_canarys_namespace() -> None:
    """The label `namespace` says where the canary is, and the pods are found by a label that they have."""
    (monitor,) = documents(ALERTMANAGER / "operator" / "pod-monitor.yaml")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["honorLabels"]
    selected = monitor["spec"]["selector"]["matchLabels"].items()
    pods = [node for item in objects() for node in inside(item) if "containers" in (node.get("spec") or ())]
    labelled = [(node.get("metadata") or {}).get("labels") or {} for node in pods]
    assert sum(selected <= labels.items() for labels in labelled) == 2  # with Knative and without


def test_alerts_name_their_canary() -> None:
    """The labels that the handlers and the route need are there, and no label has a value that changes."""
    alerts = {rule["alert"]: rule for rule in rules() if "alert" in rule}
    rolling_back = {name for name, alert in alerts.items() if alert["labels"].get("serinus") == "true"}
    assert rolling_back == {"CanaryErrorRate", "CanaryLatency", "CanaryRestarts"}
    assert alerts.keys() - rolling_back == {"CanaryNoTraffic"}
    for alert in alerts.values():
        labels = alert["labels"]
        assert {"namespace", "canary"} <= labels.keys()
        assert not any("$value" in value for value in labels.values())
        assert {"value", "summary", "description"} <= alert["annotations"].keys()


def test_the_window_is_in_the_recordings_only() -> None:
    """Who wants another window changes it where something is recorded, and needs to look nowhere else."""
    windows = re.compile(r"\[\d+[a-z](:5s)?\]")
    assert sum(bool(windows.search(rule["expr"])) for rule in rules() if "record" in rule) == 5
    assert not any(windows.search(rule["expr"]) for rule in rules() if "alert" in rule)


@pytest.mark.parametrize("window", ["2s", "5m"])
def test_another_window_and_pace_are_rules_as_well(window: str, tmp_path: Path) -> None:
    """The file can be loaded, sped up and written again."""
    document = documents(RULES)[0]
    for group in document["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            rule["expr"] = rule["expr"].replace("[1m]", f"[{window}]").replace("[59s:5s]", f"[{window}:1s]")
            if "alert" in rule:
                rule["for"] = "0s"
    changed = tmp_path / "rules.yml"
    changed.write_text(yaml.safe_dump(document))
    run("promtool", "check", "rules", changed)


def test_alertmanager_takes_the_configuration() -> None:
    """Alertmanager's own check finds nothing."""
    run("amtool", "check-config", CONFIG)


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        pytest.param(["serinus=true", "namespace=shop", "canary=podinfo"], "serinus", id="of a rule here"),
        pytest.param(["namespace=shop", "severity=page"], "default", id="of somebody else"),
    ],
)
def test_alerts_are_routed(labels: list[str], receivers: str) -> None:
    """An alert of these rules goes to the handlers, another one does not."""
    assert run("amtool", "config", "routes", "test", f"--config.file={CONFIG}", *labels).strip() == receivers


def test_alerts_arrive_at_once_and_whole() -> None:
    """Nothing holds an alert back or cuts a notification short; one group is one canary; the token is in a file.

    An alert that has ended is told, and one that fires is told twice at least within the time that it holds a rollout.
    """
    document = documents(CONFIG)[0]
    (route,) = document["route"]["routes"]
    (hook,) = (hook for item in document["receivers"] for hook in item.get("webhook_configs", ()))
    assert route["group_by"] == ["namespace", "canary"]
    assert route["group_wait"] == "0s"
    assert route["continue"]
    assert hook["max_alerts"] == 0
    assert hook["send_resolved"] is True
    repeat = go_duration(route["repeat_interval"])
    assert repeat
    assert 2 * repeat <= LASTS
    assert hook["http_config"]["authorization"].keys() == {"type", "credentials_file"}
