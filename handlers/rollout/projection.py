"""`.status` of a Canary as a projection of the state: Flagger's fields, for its printer columns and Argo CD."""

from datetime import datetime
from typing import Any

from handlers.rollout.objects import DEPLOYMENT, Object, merge_patch, status, timestamp
from handlers.rollout.state import Phase, State
from handlers.rollout.weights import FULL

# (status of the condition Promoted, its message about a target of some kind), as Flagger writes them
# (canary/status.go, MakeStatusConditions)
_CONDITIONS = {
    Phase.INITIALIZING: ("Unknown", "New {kind} detected, starting initialization."),
    Phase.INITIALIZED: ("True", "{kind} initialization completed."),
    Phase.WAITING: ("Unknown", "Waiting for approval."),
    Phase.WAITING_PROMOTION: ("Unknown", "Waiting for approval."),
    Phase.PROGRESSING: ("Unknown", "New revision detected, progressing canary analysis."),
    Phase.PROMOTING: ("Unknown", "Canary analysis completed, starting primary rolling update."),
    Phase.FINALISING: ("Unknown", "Canary analysis completed, routing all traffic to primary."),
    Phase.SUCCEEDED: ("True", "Canary analysis completed successfully, promotion finished."),
    Phase.FAILED: ("False", "Canary analysis failed, {kind} scaled to zero."),
    Phase.TERMINATING: ("Unknown", "Canary is being deleted, the traffic goes back to the target."),
}
_SERVING = "Promotion failed, the canary keeps serving."


def project(state: State, canary: Object, now: datetime) -> Object:
    """The merge patch that brings `.status` up to the state; empty when it says so already."""
    current = status(canary)
    fields: dict[str, Any] = {
        "phase": state.phase.value,
        "canaryWeight": _weight(state),
        "failedChecks": state.failed,
        "iterations": state.iterations,
        "lastAppliedSpec": state.revision,
        "lastPromotedSpec": state.promoted,
    }
    fields |= {name: cookie or None for name, cookie in _cookies(state)}
    moment = timestamp(now)
    patch = {name: value for name, value in fields.items() if current.get(name) != value}
    shown = current.get("trackedConfigs") or {}
    if configs := merge_patch(shown, state.configs):
        patch["trackedConfigs"] = configs
    if condition := _condition(state, canary, moment):
        patch["conditions"] = [condition]
    return {**patch, "lastTransitionTime": moment} if patch else {}


def _weight(state: State) -> int:
    """Flagger shows no weight while it counts iterations, though the canary has all that it is to have, nor while the
    Canary is being deleted.
    """
    counted = (state.iterations or state.matched) and state.weight == FULL
    return 0 if counted or state.phase is Phase.TERMINATING else state.weight


def _cookies(state: State) -> tuple[tuple[str, str], ...]:
    return (
        ("sessionAffinityCookie", state.cookie),
        ("primarySessionAffinityCookie", state.primary_cookie),
        ("previousSessionAffinityCookie", state.previous_cookie),
    )


def _condition(state: State, canary: Object, moment: str) -> Object | None:
    promoted, message = _CONDITIONS[state.phase]
    message = message.format(kind=canary.get("spec", {}).get("targetRef", {}).get("kind", DEPLOYMENT.name))
    if state.phase is Phase.FAILED and state.weight:
        message = _SERVING
    old: Object = next((item for item in status(canary).get("conditions") or () if item.get("type") == "Promoted"), {})
    if (old.get("status"), old.get("reason"), old.get("message")) == (promoted, state.phase.value, message):
        return None
    return {
        "type": "Promoted",
        "status": promoted,
        "reason": state.phase.value,
        "message": message,
        "lastUpdateTime": moment,
        "lastTransitionTime": old.get("lastTransitionTime", moment) if old.get("status") == promoted else moment,
    }
