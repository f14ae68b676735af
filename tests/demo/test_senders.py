"""What the demo sends, and the alerting it runs with: as real senders write it, and as the repository ships it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from handlers.events import argocd, cloudevent, tick
from handlers.rollout.spec import canary
from handlers.sandbox.demo import alerting, story
from handlers.sandbox.demo.senders import ping, synced
from handlers.sandbox.process import SandboxError

SAMPLES = Path(__file__).parents[1] / "samples" / "senders"


def test_a_tick_is_what_a_pingsource_sends() -> None:
    """The headers of a recorded request, but for those of its own connection and its own extensions."""
    headers, body = ping()
    recorded = json.loads((SAMPLES / "knative-ping.json").read_text())["request"]["headers"]
    connection = {"host", "content-length", "accept-encoding", "kn-namespace", "ce-canary", "ce-partitionkey"}
    assert {name.lower() for name in headers} == {name.lower() for name, _ in recorded} - connection
    assert tick.tick(cloudevent.read(headers, body)) == tick.Tick()


def test_a_sync_is_what_argo_cd_sends() -> None:
    """The attributes and data of a recorded request, about the Deployment and the Canary of the story."""
    headers, body = synced("1.0.1", datetime(2026, 11, 23, 20, 0, tzinfo=UTC))
    recorded = json.loads((SAMPLES / "argocd-sync.json").read_text())["request"]
    sent, model = json.loads(body), json.loads(recorded["body"])
    assert (sent.keys(), sent["data"].keys()) == (model.keys(), model["data"].keys())
    assert dict(recorded["headers"])["Content-Type"] == headers["Content-Type"]
    names = [(resource.kind, resource.name) for resource in argocd.synced(cloudevent.read(headers, body)).resources]
    assert names == [("Deployment", "podinfo"), ("Canary", "podinfo")]


def changed(before: Any, after: Any, path: str = "") -> dict[str, tuple[Any, Any]]:
    """Every leaf that differs, by its path."""
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        pairs = [(f"{path}.{key}", before[key], after[key]) for key in before]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = [(f"{path}[{index}]", *both) for index, both in enumerate(zip(before, after, strict=True))]
    else:
        return {} if before == after else {path: (before, after)}
    return {name: found for pair in pairs for name, found in changed(pair[1], pair[2], pair[0]).items()}


def test_alertmanager_runs_with_the_shipped_file() -> None:
    """Other address, other credentials file, shorter waits: nothing else of alertmanager.yml is changed."""
    shipped = alerting.read("alertmanager.yml")
    used = alerting.alertmanager(shipped, "http://127.0.0.1:1234", Path("/tokens/alertmanager"), 30)
    found = changed(shipped, used)
    assert {name.rpartition(".")[2] for name in found} == {
        "url",
        "credentials_file",
        "group_interval",
        "repeat_interval",
    }
    assert used["receivers"][1]["webhook_configs"][0]["url"] == "http://127.0.0.1:1234/alertmanager"


def test_prometheus_runs_with_the_shipped_rules() -> None:
    """Shorter intervals, `for`, windows and steps: nothing else of rules.yml is changed."""
    shipped = alerting.read("rules.yml")
    used = {"groups": alerting.rules(shipped, 30)}
    found = changed(shipped, used)
    assert {name.rpartition(".")[2] for name in found} == {"interval", "for", "expr"}
    shorter = {"30s": "1000ms", "2m": "4000ms", "15s": "500ms"}
    inside = {"[1m]": "[2000ms]", "[5m]": "[10000ms]", "[1h] offset 5s": "[120000ms] offset 167ms"}
    inside["[59s:5s]"] = "[1967ms:167ms]"
    for name, (before, after) in found.items():
        expected = shorter.get(before, before)
        for long, short in inside.items():
            expected = expected.replace(long, short)
        assert after == expected, name


def test_a_missing_file_says_where_the_demo_runs(tmp_path: Path) -> None:
    """An installed package has no alertmanager/ beside it."""
    with pytest.raises(SandboxError, match=r"rules.yml: .* runs from a checkout"):
        alerting.read("rules.yml", tmp_path)


def test_the_canary_of_the_story_is_valid_and_steps_as_told() -> None:
    """The manifest and the expected weights cannot drift apart."""
    found = canary.parse(story.canary(), scale=story.SCALE)
    assert (found.analysis.step_weight, found.analysis.max_weight) == (story.STEPS[0], story.STEPS[-1])
    assert found.analysis.interval.total_seconds() == 2
