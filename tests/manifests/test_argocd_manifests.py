"""Argo CD's notification is an event that the handlers read, and Argo CD leaves alone what they write."""

import json
import re
from typing import Any

import pytest
import yaml
from lupa.lua51 import LuaRuntime

from handlers.events import argocd, cloudevent
from handlers.events.event import SYNCED
from handlers.rollout.history import HISTORY
from handlers.rollout.objects.ownership import MANAGER
from handlers.rollout.state import STATE, Phase
from tests.lab import at, new_lab
from tests.manifests.files import KNATIVE, ROOT, documents

CONFIG, APPLICATION, SETTINGS = (
    documents(KNATIVE / "argocd" / f"{name}.yaml")[0] for name in ("notifications-cm", "application", "argocd-cm")
)
RECORDED = json.loads((ROOT / "tests" / "samples" / "senders" / "argocd-sync.json").read_text())["request"]


def part(key: str) -> Any:
    """One key of the notifications' ConfigMap, which is YAML again."""
    return yaml.safe_load(CONFIG["data"][key])


def test_the_template_is_the_one_that_was_recorded() -> None:
    """What Argo CD made of this template is kept in tests/samples; apart from its values it is the template."""
    literals = re.split(r"\{\{.*?\}\}", part("template.serinus-synced")["webhook"]["serinus"]["body"])
    assert len(literals) == 10
    assert re.fullmatch("(.+?)".join(map(re.escape, literals)), RECORDED["body"], re.DOTALL)


def test_the_headers_make_it_a_structured_event() -> None:
    """With the headers of the service, the recorded body is a sync with its resources."""
    headers = {header["name"]: header["value"] for header in part("service.webhook.serinus")["headers"]}
    event = cloudevent.read(headers, RECORDED["body"].encode())
    assert event.type == SYNCED
    assert len(argocd.synced(event).resources) == 3
    assert headers["Authorization"] == "Bearer $serinus-token"


def test_waits_are_nanoseconds() -> None:
    """A duration as text makes Argo CD drop every notification service (notifications-engine, WebhookOptions)."""
    service = part("service.webhook.serinus")
    assert all(isinstance(service[key], int) for key in ("retryMax", "retryWaitMin", "retryWaitMax"))
    assert service["retryWaitMin"] == 1_000_000_000


def test_the_trigger_has_both_conditions() -> None:
    """Once per sync, and again while it fails; both send a template that exists."""
    once, again = part("trigger.serinus-synced")
    assert once["oncePer"] == "app.status.operationState.startedAt"
    assert "oncePer" not in again
    assert once["when"] == again["when"]
    assert {f"template.{name}" for name in once["send"] + again["send"]} <= CONFIG["data"].keys()


def test_the_application_is_subscribed() -> None:
    """The annotation names the trigger and the service of the ConfigMap."""
    (key,) = APPLICATION["metadata"]["annotations"]
    _, trigger, service = key.rsplit(".", 2)
    assert {f"trigger.{trigger}", f"service.webhook.{service}"} <= CONFIG["data"].keys()


def test_our_fields_are_no_drift() -> None:
    """What the handlers write is ignored by their field manager, in the sync as well as in the difference."""
    (ignored,) = APPLICATION["spec"]["ignoreDifferences"]
    assert ignored["managedFieldsManagers"] == [MANAGER]
    assert "RespectIgnoreDifferences=true" in APPLICATION["spec"]["syncPolicy"]["syncOptions"]


def test_a_step_refreshes_nothing() -> None:
    """The pointers (RFC 6901) are to the annotations that a step writes, and to the status."""
    updates = SETTINGS["data"]["resource.customizations.ignoreResourceUpdates.flagger.app_Canary"]
    pointers = [pointer.replace("~1", "/") for pointer in yaml.safe_load(updates)["jsonPointers"]]
    assert pointers == [f"/metadata/annotations/{STATE}", f"/metadata/annotations/{HISTORY}", "/status"]


def health(status: dict[str, Any] | None) -> tuple[str, str]:
    """What the health check says of a Canary with this status, or without one."""
    lua = LuaRuntime()
    script = SETTINGS["data"]["resource.customizations.health.flagger.app_Canary"]
    found = lua.execute(
        f"local obj = ...\n{script}", lua.table_from({"status": status} if status else {}, recursive=True)
    )
    return found["status"], found["message"]


HEALTH = {
    Phase.INITIALIZED: "Healthy",
    Phase.SUCCEEDED: "Healthy",
    Phase.FAILED: "Degraded",
    Phase.WAITING: "Suspended",
    Phase.WAITING_PROMOTION: "Suspended",
}
"""All others are under way."""


@pytest.mark.parametrize("phase", Phase)
def test_each_phase_has_a_health(phase: Phase) -> None:
    """No phase is Unknown, which would hide the health of the whole Application."""
    assert health({"phase": phase.value, "canaryWeight": 0})[0] == HEALTH.get(phase, "Progressing")


@pytest.mark.parametrize("status", [None, {"phase": "", "canaryWeight": 0}], ids=["no status", "no phase"])
def test_a_canary_that_nobody_has_looked_at_is_under_way(status: dict[str, Any] | None) -> None:
    """A Canary without a status is no mistake in the check."""
    assert health(status) == ("Progressing", "no step has been made yet")


def test_the_health_says_how_far_it_is() -> None:
    """Phase, weight and what the condition says, from a status as the handlers write it."""
    lab = at(new_lab(), "Progressing", 20)
    said = health(lab.canary["status"])
    assert said == (
        "Progressing",
        "Progressing, 20 % to the canary: New revision detected, progressing canary analysis.",
    )
